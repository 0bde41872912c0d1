/** Lines of source by place in a module, from the DWARF that `clang -g` leaves in it: the custom
 *  sections .debug_line, .debug_line_str and .debug_str, of DWARF 4 and 5. */

import { Reader } from '../observe/binary.js';

const [CUSTOM_SECTION, CODE_SECTION] = [0, 10];
const DIRECTORY = 1; // DW_LNCT_path
const [PATH, DIRECTORY_INDEX] = [DIRECTORY, 2];
const [
  FORM_BLOCK2,
  FORM_BLOCK4,
  FORM_DATA2,
  FORM_DATA4,
  FORM_DATA8,
  FORM_STRING,
  FORM_BLOCK,
  FORM_DATA1,
  FORM_STRP,
  FORM_UDATA,
  FORM_DATA16,
  FORM_LINE_STRP,
] = [3, 4, 5, 6, 7, 8, 9, 0xb, 0xe, 0xf, 0x1e, 0x1f];
/** Addresses of code that the linker left out. */
const DEAD = 0xfffffffe;

/** The parts of a module that are looked at.
 *  @param {Uint8Array} wasm
 *  @returns {{start: number, custom: Map<string, Uint8Array>}} start: where the contents of the code
 *    section begin, 0: there is none
 *  @throws {import('../errors.js').PymallocError} BAD_WASM */
function sectionsOf(wasm) {
  /** @type {Map<string, Uint8Array>} */
  const custom = new Map();
  let start = 0;
  for (const reader = new Reader(wasm, 8); reader.at < wasm.length; ) {
    const id = reader.u8(),
      end = reader.u32() + reader.at;
    if (id === CODE_SECTION) start = reader.at;
    if (id === CUSTOM_SECTION) {
      const letters = reader.u32();
      const name = new TextDecoder().decode(wasm.slice(reader.at, (reader.at += letters)));
      custom.set(name, wasm.subarray(reader.at, end));
    }
    reader.at = end;
  }
  return { start, custom };
}

/** Rows of line tables, sorted by address. */
export class Lines {
  /** @type {{from: number, file: string, line: number}[]} */ #rows = [];
  #start;

  /** @param {Uint8Array} wasm  the module in bytes */
  constructor(wasm) {
    const { start, custom } = sectionsOf(wasm);
    this.#start = start;
    const text = (/** @type {string} */ name) => custom.get(name) ?? new Uint8Array(0);
    const strings = { line: text('.debug_line_str'), all: text('.debug_str') };
    const data = new Cursor(text('.debug_line'));
    try {
      while (data.at < data.bytes.length) this.#unit(data, strings);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // damaged: what was read so far counts
    }
    this.#rows.sort((a, b) => a.from - b.from);
  }

  /** @param {number} position  of an instruction in the module, as V8 has it
   *  @returns {{file: string, line: number} | null} */
  at(position) {
    const address = position - this.#start;
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (/** @type {any} */ (this.#rows[middle]).from <= address) low = middle + 1;
      else high = middle;
    }
    const row = this.#rows[low - 1];
    return row && row.line > 0 ? row : null;
  }

  /** One compilation unit.
   *  @param {Cursor} data  @param {{line: Uint8Array, all: Uint8Array}} strings */
  #unit(data, strings) {
    const end = data.u32() + data.at;
    const version = data.u16();
    if (version < 2 || version > 5) {
      data.at = end;
      return;
    }
    if (version >= 5) data.skip(2); // sizes of an address and of a segment
    const program = data.u32() + data.at;
    const least = data.u8();
    if (version >= 4) data.skip(1);
    data.skip(1);
    const [base, range, first] = [data.i8(), data.u8(), data.u8()];
    const operands = Array.from({ length: first - 1 }, () => data.u8());
    const files = version >= 5 ? namesOf5(data, strings) : namesOf4(data);
    data.at = program;
    this.#run(data, end, { least, base, range, first, operands, files });
    data.at = end;
  }

  /** @param {Cursor} data  @param {number} end
   *  @param {{least: number, base: number, range: number, first: number, operands: number[],
   *    files: string[]}} header */
  #run(data, end, { least, base, range, first, operands, files }) {
    let [address, file, line] = [0, 1, 1];
    /** @type {{from: number, file: string, line: number}[]} */
    let sequence = [];
    const row = (last = false) => {
      sequence.push({ from: address, file: files[file] ?? '', line: last ? 0 : line });
    };
    while (data.at < end) {
      const code = data.u8();
      if (code >= first) {
        address += Math.floor((code - first) / range) * least;
        line += base + ((code - first) % range);
        row();
        continue;
      }
      switch (code) {
        case 0: {
          const next = data.uleb() + data.at;
          const extended = data.u8();
          if (extended === 2) address = data.u32(); // set_address
          if (extended === 1) {
            // end_sequence
            row(true);
            if (sequence[0] && sequence[0].from < DEAD && sequence[0].from > 0) {
              this.#rows.push(...sequence);
            }
            [address, file, line, sequence] = [0, 1, 1, []];
          }
          data.at = next;
          break;
        }
        case 1:
          row();
          break;
        case 2:
          address += data.uleb() * least;
          break;
        case 3:
          line += data.sleb();
          break;
        case 4:
          file = data.uleb();
          break;
        case 8:
          address += Math.floor((255 - first) / range) * least;
          break;
        case 9:
          address += data.u16();
          break;
        default:
          for (let n = operands[code - 1] ?? 0; n > 0; n--) data.uleb();
      }
    }
  }
}

/** @param {Cursor} data  @returns {string[]} files, numbered from 1 */
function namesOf4(data) {
  const folders = [''];
  for (let name = data.text(); name; name = data.text()) folders.push(name);
  const files = [''];
  for (let name = data.text(); name; name = data.text()) {
    files.push(joined(folders[data.uleb()] ?? '', name));
    data.uleb();
    data.uleb();
  }
  return files;
}

/** @param {Cursor} data  @param {{line: Uint8Array, all: Uint8Array}} strings
 *  @returns {string[]} files, numbered from 0 */
function namesOf5(data, strings) {
  const table = () => {
    const formats = Array.from({ length: data.u8() }, () => [data.uleb(), data.uleb()]);
    return Array.from({ length: data.uleb() }, () => {
      const entry = { name: '', folder: 0 };
      for (const [what = 0, form = 0] of formats) {
        const value = valueOf(data, form, strings);
        if (what === PATH) entry.name = String(value);
        if (what === DIRECTORY_INDEX) entry.folder = Number(value);
      }
      return entry;
    });
  };
  const folders = table();
  return table().map(({ name, folder }) => joined(folders[folder]?.name ?? '', name));
}

/** @param {Cursor} data  @param {number} form
 *  @param {{line: Uint8Array, all: Uint8Array}} strings  @returns {string | number} */
function valueOf(data, form, strings) {
  switch (form) {
    case FORM_STRING:
      return data.text();
    case FORM_LINE_STRP:
      return new Cursor(strings.line, data.u32()).text();
    case FORM_STRP:
      return new Cursor(strings.all, data.u32()).text();
    case FORM_DATA1:
      return data.u8();
    case FORM_DATA2:
      return data.u16();
    case FORM_DATA4:
      return data.u32();
    case FORM_UDATA:
      return data.uleb();
    case FORM_DATA8:
      data.skip(8);
      return 0;
    case FORM_DATA16:
      data.skip(16);
      return 0;
    case FORM_BLOCK:
      data.skip(data.uleb());
      return 0;
    case FORM_BLOCK2:
      data.skip(data.u16());
      return 0;
    case FORM_BLOCK4:
      data.skip(data.u32());
      return 0;
    default:
      throw new RangeError(`form ${form}`);
  }
}

/** @param {string} folder  @param {string} name  @returns {string} */
function joined(folder, name) {
  return folder === '' || name.startsWith('/') ? name : `${folder}/${name}`;
}

/** Reads bytes one after another; RangeError at the end. */
class Cursor {
  /** @param {Uint8Array} bytes  @param {number} [at] */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @param {number} n */
  skip(n) {
    this.at += n;
  }
  u8() {
    return this.view.getUint8(this.at++);
  }
  i8() {
    return this.view.getInt8(this.at++);
  }
  u16() {
    return this.view.getUint16((this.at += 2) - 2, true);
  }
  u32() {
    return this.view.getUint32((this.at += 4) - 4, true);
  }

  uleb() {
    return this.#leb().value;
  }

  sleb() {
    const { value, shift, last } = this.#leb();
    return last & 64 ? value - 2 ** shift : value;
  }

  #leb() {
    let [value, shift, last] = [0, 0, 0];
    do {
      last = this.u8();
      value += (last & 127) * 2 ** shift;
      shift += 7;
    } while (last & 128 && shift < 49);
    return { value, shift, last };
  }

  text() {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new RangeError('a text without an end');
    const text = new TextDecoder().decode(this.bytes.slice(this.at, end));
    this.at = end + 1;
    return text;
  }
}
