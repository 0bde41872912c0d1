/** Frames of CPython, walked in its memory.
 *
 *  CPython 3.13 and newer have a table of offsets for debuggers, _Py_DebugOffsets, at the beginning of
 *  _PyRuntime; an older one that is built with the module `pymalloc` publishes the same facts. */

import { Known } from './known.js';
import { BadStack } from './reader.js';

/** @typedef {import('./reader.js').Reader} Reader */

/** Offsets in bytes.
 *  @typedef {object} Offsets
 *  @property {number} runtime  address of _PyRuntime
 *  @property {number} interpreters_head  @property {number} threads_head
 *  @property {number | null} cframe  of a thread, where it does not have the frame itself
 *  @property {number} current_frame  @property {number} previous  @property {number} executable
 *  @property {number} instruction  @property {number} owner
 *  @property {number} filename  @property {number} name  @property {number} qualname
 *  @property {number} linetable  @property {number} firstlineno  @property {number} instructions
 *  @property {number} text_state  @property {number} text_length  @property {number} text_ascii
 *  @property {number} [text_compact]  where the letters of others are
 *  @property {number} bytes_size  @property {number} bytes_value */

/** The place of each in _Py_DebugOffsets, in words of 64 bits, by version. */
const NAMES = Object.freeze(
  /** @type {const} */ ([
    'current_frame',
    'previous',
    'executable',
    'instruction',
    'owner',
    'filename',
    'name',
    'qualname',
    'linetable',
    'firstlineno',
    'instructions',
    'bytes_size',
    'bytes_value',
    'text_state',
    'text_length',
    'text_ascii',
  ]),
);
const PLACES = Object.freeze(
  /** @type {Record<string, readonly number[]>} */ ({
    3.13: [23, 29, 30, 31, 33, 35, 36, 37, 38, 39, 43, 65, 66, 68, 69, 70],
    3.14: [26, 32, 33, 34, 36, 40, 41, 42, 43, 44, 48, 75, 76, 78, 79, 80],
    3.15: [26, 40, 41, 42, 44, 48, 49, 50, 51, 52, 56, 87, 88, 90, 91, 92],
  }),
);
const [INTERPRETERS, THREADS, VERSION] = [5, 9, 1];
const COOKIE = 'xdebugpy';

const DEPTH = 128;
/** Owners from this on are frames of C. */
const OWNED_BY_C = 3;
const LINE_TABLE_MOST = 100000;

/** @param {{readonly buffer: ArrayBufferLike}} memory
 *  @returns {Offsets | null} of the CPython in it, null: there is none, or one that is not known */
export function scannedOffsets(memory) {
  const view = new DataView(memory.buffer);
  const [low, high] = [0, 4].map(
    (i) =>
      [...COOKIE.slice(i, i + 4)].reduce(
        (word, letter, at) => word | (letter.charCodeAt(0) << (8 * at)),
        0,
      ) >>> 0,
  );
  const words = new Uint32Array(memory.buffer, 0, memory.buffer.byteLength >>> 2);
  for (let i = 0; i + 2 * 100 < words.length; i += 2) {
    if (words[i] !== low || words[i + 1] !== high) continue;
    const at = 4 * i;
    const word = (/** @type {number} */ n) => view.getUint32(at + 8 * n, true);
    const version = `${word(VERSION) >>> 24}.${(word(VERSION) >>> 16) & 255}`;
    const places = PLACES[version];
    if (!places) continue;
    const found = Object.fromEntries(NAMES.map((name, n) => [name, word(places[n] ?? 0)]));
    return /** @type {Offsets} */ ({
      ...found,
      runtime: at,
      cframe: null,
      interpreters_head: word(INTERPRETERS),
      threads_head: word(THREADS),
    });
  }
  return null;
}

/** @param {Reader} reader  @param {number} address  of the module's table
 *  @returns {Offsets} */
export function publishedOffsets(reader, address) {
  const facts = reader.facts(address);
  const missing = [...NAMES, 'runtime', 'interpreters_head', 'threads_head'].find(
    (name) => facts[name] === undefined,
  );
  if (missing) throw new BadStack(`no ${missing}`);
  return /** @type {Offsets} */ (
    /** @type {unknown} */ ({ ...facts, cframe: facts['cframe'] ?? null })
  );
}

/** See Walker. */
export class PythonFrames {
  #reader;
  #at;
  #known = new Known();

  /** @param {Reader} reader  @param {Offsets} offsets */
  constructor(reader, offsets) {
    this.#reader = reader;
    this.#at = offsets;
  }

  /** @param {number} n */
  frame(n) {
    return this.#known.at(n);
  }

  /** @returns {number[]} outermost first; what cannot be read is left out, with a note */
  walk() {
    /** @type {number[]} */
    const found = [];
    try {
      let frame = this.#current();
      for (let n = 0; frame !== 0; n++) {
        if (n === DEPTH) {
          found.push(this.#known.note('deeper'));
          break;
        }
        const number = this.#numberOf(frame);
        if (number !== null) found.push(number);
        frame = this.#reader.u32(frame + this.#at.previous);
      }
    } catch (error) {
      if (!(error instanceof BadStack)) throw error;
      found.push(this.#known.note('unreadable'));
    }
    return found.reverse();
  }

  /** @returns {number} the innermost frame of the thread that runs, 0: there is none */
  #current() {
    const { runtime, interpreters_head, threads_head, cframe, current_frame } = this.#at;
    const interpreter = this.#reader.u32(runtime + interpreters_head);
    const thread = interpreter && this.#reader.u32(interpreter + threads_head);
    const holder = cframe === null ? thread : thread && this.#reader.u32(thread + cframe);
    return holder && this.#reader.u32(holder + current_frame);
  }

  /** @param {number} frame  @returns {number | null} null: it is none of Python's */
  #numberOf(frame) {
    const at = this.#at,
      reader = this.#reader;
    if (reader.u8(frame + at.owner) >= OWNED_BY_C) return null;
    const code = reader.u32(frame + at.executable) & ~3;
    if (code === 0) return null;
    const instruction = reader.u32(frame + at.instruction);
    // Another code object may be there one day: what it is made of says which one it is.
    const [name = 0, file = 0, table = 0, line = 0] = [
      at.qualname,
      at.filename,
      at.linetable,
      at.firstlineno,
    ].map((offset) => reader.u32((code >>> 0) + offset));
    return this.#known.of(
      `${code} ${instruction} ${name} ${file} ${table} ${line}`,
      () => ({
        name: this.#text(name),
        file: this.#text(file),
        line: this.#line(table, line, instruction - (code >>> 0) - at.instructions),
      }),
      'python',
    );
  }

  /** @param {number} text  a str  @returns {string} */
  #text(text) {
    const { text_state, text_length, text_ascii, text_compact } = this.#at;
    const state = this.#reader.u32(text + text_state);
    const length = this.#reader.u32(text + text_length);
    // kind 1, 2 or 4; compact; ascii: as unicodeobject.h packs them, which differs by version.
    const [kind, ascii] = [(state >>> 2) & 7, (state >>> 6) & 1];
    const width = kind === 2 || kind === 4 ? kind : 1;
    const at = text + (ascii ? text_ascii : (text_compact ?? text_ascii + COMPACT_EXTRA));
    return this.#reader.text(at, length, width === 2 ? 'utf-16le' : 'latin1', width);
  }

  /** @param {number} table  bytes  @param {number} first  @param {number} offset  of the
   *    instruction, in bytes
   *  @returns {number} line */
  #line(table, first, offset) {
    if (offset < 0) return first;
    const { bytes_size, bytes_value } = this.#at;
    const length = Math.min(this.#reader.u32(table + bytes_size), LINE_TABLE_MOST);
    const bytes = new LineTable(this.#reader, table + bytes_value, length);
    return bytes.lineAt(first, offset);
  }
}

/** Behind a PyASCIIObject: the length of the UTF-8 and where it is. */
const COMPACT_EXTRA = 8;

/** A location table (Objects/locations.md of CPython): an entry for each run of instructions. */
class LineTable {
  #reader;
  #at;
  #end;

  /** @param {Reader} reader  @param {number} at  @param {number} length */
  constructor(reader, at, length) {
    this.#reader = reader;
    this.#at = at;
    this.#end = at + length;
  }

  /** Six bits a byte, the seventh says that more follow.  @returns {number} */
  #varint() {
    let value = 0,
      shift = 0,
      byte;
    do {
      byte = this.#reader.u8(this.#at++);
      value += (byte & 63) * 2 ** shift;
      shift += 6;
    } while (byte & 64 && shift < 36);
    return value;
  }

  /** @returns {number} */
  #signed() {
    const value = this.#varint();
    return value & 1 ? -Math.floor(value / 2) : value / 2;
  }

  /** @param {number} line  of the function  @param {number} offset  @returns {number} */
  lineAt(line, offset) {
    let covered = 0;
    while (this.#at < this.#end) {
      const head = this.#reader.u8(this.#at++),
        code = (head >>> 3) & 15;
      covered += ((head & 7) + 1) * 2;
      if (code === 13 || code === 14) line += this.#signed();
      else if (code >= 10 && code <= 12) line += code - 10;
      if (code === 14) [this.#varint(), this.#varint(), this.#varint()];
      else if (code < 10) this.#at += 1;
      else if (code < 13) this.#at += 2;
      if (offset < covered) return line;
    }
    return line;
  }
}
