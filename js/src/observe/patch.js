/** The writer: a module with things added at the end of its index spaces.  No function, type, global
 *  or table gets another number, so whatever names one (names, source maps by function, element
 *  segments, relocations) stays right; a section that nothing is added to stays as it is, byte for
 *  byte. */

import { Reader, leb, nameOf, sleb, vector } from './binary.js';
import { SECTION } from './module.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./module.js').Range} Range */
/** @typedef {Uint8Array | readonly number[]} Part  bytes of the new file */

const I32 = 0x7f,
  FUNCREF = 0x70,
  END = 0x0b,
  I32_CONST = 0x41;
const CODES = Object.freeze(
  /** @type {Record<string, number>} */ ({ i: 0x7f, l: 0x7e, f: 0x7d, d: 0x7c }),
);

/** The order of sections in a module.
 *  @type {readonly number[]} */
const ORDER = [
  SECTION.TYPE,
  SECTION.IMPORT,
  SECTION.FUNCTION,
  SECTION.TABLE,
  SECTION.MEMORY,
  SECTION.TAG,
  SECTION.GLOBAL,
  SECTION.EXPORT,
  SECTION.START,
  SECTION.ELEMENT,
  SECTION.DATA_COUNT,
  SECTION.CODE,
  SECTION.DATA,
];

/** @param {number} locals  of type i32  @param {readonly number[]} code  without its end
 *  @returns {Uint8Array} */
export function bodyOf(locals, code) {
  return Uint8Array.from([...(locals > 0 ? [1, ...leb(locals), I32] : [0]), ...code, END]);
}

export class Patch {
  #module;
  /** @type {number[][]} */ #types = [];
  /** @type {{type: number, body: Uint8Array}[]} */ #functions = [];
  /** @type {number[][]} */ #tables = [];
  /** @type {number[][]} */ #globals = [];
  /** @type {number[][]} */ #exports = [];
  /** @type {number[][]} */ #elements = [];
  /** @type {{name: string, bytes: Uint8Array}[]} */ #customs = [];
  /** @type {Map<number, Uint8Array>} */ #bodies = new Map();
  /** Body of all functions that replace() was not called for; null: their own.
   *  @type {Uint8Array | null} */
  #others = null;
  /** @type {Map<string, number>} */ #typeIndex = new Map();

  /** @param {WasmModule} module */
  constructor(module) {
    this.#module = module;
    module.types.forEach((key, i) => {
      if (key !== null && !this.#typeIndex.has(key)) this.#typeIndex.set(key, i);
    });
  }

  /** @param {string} key  as in WasmModule.types  @returns {number} its index */
  type(key) {
    const known = this.#typeIndex.get(key);
    if (known !== undefined) return known;
    const [params = '', results = ''] = key
      .split(':')
      .map((letters) => [...letters].map((letter) => [/** @type {number} */ (CODES[letter])]));
    const index = this.#module.types.length + this.#types.length;
    this.#types.push([
      0x60,
      ...vector(/** @type {number[][]} */ (params)),
      ...vector(/** @type {number[][]} */ (results)),
    ]);
    this.#typeIndex.set(key, index);
    return index;
  }

  /** A mutable i32.
   *  @param {number} initial  @returns {number} its index */
  global(initial) {
    this.#globals.push([I32, 1, I32_CONST, ...sleb(initial), END]);
    return this.#module.globals.length + this.#globals.length - 1;
  }

  /** A table of functions with these in it.
   *  @param {readonly number[]} functions  @returns {number} its index */
  table(functions) {
    const index = this.#module.tables + this.#tables.length;
    this.#tables.push([FUNCREF, 0, ...leb(functions.length)]);
    this.#elements.push([2, ...leb(index), I32_CONST, 0, END, 0, ...vector(functions.map(leb))]);
    return index;
  }

  /** @param {string} key  its type  @param {Uint8Array} body  @returns {number} its index */
  function(key, body) {
    this.#functions.push({ type: this.type(key), body });
    return this.#module.functions.length + this.#functions.length - 1;
  }

  /** Gives the body of a function another index; its old one is for replace().
   *  @param {number} f  @returns {number} */
  move(f) {
    const { type, code } = /** @type {{type: number, code: Range}} */ (this.#module.functions[f]);
    this.#functions.push({ type, body: this.#module.bytes.subarray(code.at, code.end) });
    return this.#module.functions.length + this.#functions.length - 1;
  }

  /** @param {number} f  @param {Uint8Array} body */
  replace(f, body) {
    this.#bodies.set(f, body);
  }

  /** @param {Uint8Array} body  for every function that replace() is not called for */
  replaceOthers(body) {
    this.#others = body;
  }

  /** @param {string} name  @param {number} kind  @param {number} index */
  export(name, kind, index) {
    this.#exports.push([...nameOf(name), kind, ...leb(index)]);
  }

  /** @param {string} name  @param {Uint8Array} bytes  a custom section, at the end of the file */
  custom(name, bytes) {
    this.#customs.push({ name, bytes });
  }

  /** @param {readonly number[]} [without]  ids of sections to leave out
   *  @returns {Uint8Array} the new file */
  write(without = []) {
    const { bytes, sections } = this.#module;
    const added = this.#added();
    const out = new Output();
    out.bytes(bytes.subarray(0, 8));
    const pending = ORDER.filter((id) => (added.get(id)?.length ?? 0) > 0);
    const place = (/** @type {number} */ before) => {
      while (pending.length > 0 && ORDER.indexOf(/** @type {number} */ (pending[0])) < before) {
        const id = /** @type {number} */ (pending.shift());
        out.section(id, [vector(added.get(id) ?? [])]);
      }
    };
    for (const { id, begin, at, end } of sections) {
      if (without.includes(id)) continue;
      const rank = ORDER.indexOf(id);
      place(rank);
      const more = added.get(id);
      if (pending[0] === id) pending.shift();
      if (id === SECTION.CODE) out.section(id, this.#code(at, end));
      else if (more && more.length > 0) out.section(id, appended(bytes, at, end, more));
      else out.bytes(bytes.subarray(begin, end));
    }
    place(ORDER.length);
    for (const custom of this.#customs) {
      out.section(SECTION.CUSTOM, [nameOf(custom.name), custom.bytes]);
    }
    return out.whole();
  }

  /** @returns {Map<number, number[][]>} what each section gets, but that of the code */
  #added() {
    return new Map([
      [SECTION.TYPE, this.#types],
      [SECTION.TABLE, this.#tables],
      [SECTION.FUNCTION, this.#functions.map(({ type }) => leb(type))],
      [SECTION.GLOBAL, this.#globals],
      [SECTION.EXPORT, this.#exports],
      [SECTION.ELEMENT, this.#elements],
    ]);
  }

  /** @param {number} at  @param {number} end  @returns {Part[]} the section of the code: runs
   *    of bodies that stay are copied whole */
  #code(at, end) {
    const { bytes, functions, imported } = this.#module;
    const r = new Reader(bytes, at, end);
    const count = r.u32();
    /** @type {Part[]} */
    const parts = [leb(count + this.#functions.length)];
    const other = this.#others && Uint8Array.from([...leb(this.#others.length), ...this.#others]);
    let from = r.at;
    let next = imported;
    const between = (/** @type {number} */ f, /** @type {number} */ before) => {
      if (other) parts.push(repeated(other, f - next));
      else if (before > from) parts.push(bytes.subarray(from, before));
    };
    for (const f of [...this.#bodies.keys()].sort((a, b) => a - b)) {
      const { code } = /** @type {{code: Range}} */ (functions[f]);
      const before =
        f === imported ? from : /** @type {{code: Range}} */ (functions[f - 1]).code.end;
      const body = /** @type {Uint8Array} */ (this.#bodies.get(f));
      between(f, before);
      parts.push(leb(body.length), body);
      from = code.end;
      next = f + 1;
    }
    between(functions.length, end);
    for (const { body } of this.#functions) parts.push(leb(body.length), body);
    return parts;
  }
}

/** @param {Uint8Array} bytes  @param {number} n  @returns {Uint8Array} them n times */
function repeated(bytes, n) {
  const out = new Uint8Array(bytes.length * n);
  for (let at = 0; at < out.length; at += bytes.length) out.set(bytes, at);
  return out;
}

/** @param {Uint8Array} bytes  @param {number} at  of the section  @param {number} end
 *  @param {number[][]} more  @returns {Part[]} the section with more elements */
function appended(bytes, at, end, more) {
  const r = new Reader(bytes, at, end);
  const count = r.u32();
  return [leb(count + more.length), bytes.subarray(r.at, end), more.flat()];
}

/** A file that is put together of parts. */
class Output {
  /** @type {Part[]} */ #parts = [];
  #length = 0;

  /** @param {Part} bytes */
  bytes(bytes) {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** @param {number} id  @param {Part[]} parts */
  section(id, parts) {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    this.bytes([id, ...leb(size)]);
    for (const part of parts) this.bytes(part);
  }

  /** @returns {Uint8Array} */
  whole() {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
