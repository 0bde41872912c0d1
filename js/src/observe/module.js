/** A wasm module, taken apart as far as the rewriter needs it: sections stay ranges of bytes. */

import { PymallocTypeError } from '../errors.js';
import { Reader, malformed, unsupported } from './binary.js';
import { Instructions, OP, skipExpression, skipType } from './instructions.js';

/** Where something lies in the file.
 *  @typedef {{at: number, end: number}} Range */

/** @typedef {object} Section
 *  @property {number} id
 *  @property {number} begin  of its id
 *  @property {number} at     of its contents
 *  @property {number} end
 *  @property {string} name   of a custom section, else '' */

/** @typedef {object} Limits
 *  @property {number} flags   1: has a maximum, 2: shared, 4: 64-bit, 8: page size
 *  @property {number} min
 *  @property {number | null} max */

/** @typedef {object} Import
 *  @property {string} module
 *  @property {string} name
 *  @property {number} kind    0 function, 1 table, 2 memory, 3 global, 4 tag
 *  @property {number} type    of a function: its type's index; of a global: its value type
 *  @property {boolean} mutable
 *  @property {Limits | null} limits */

/** @typedef {object} WasmFunction
 *  @property {number} type
 *  @property {Range | null} code  null: imported */

/** @typedef {object} WasmModule
 *  @property {Uint8Array} bytes
 *  @property {Section[]} sections
 *  @property {(string | null)[]} types  of functions as letters: `ii:i` takes two i32 and returns
 *    one; null: another sort of type
 *  @property {Import[]} imports
 *  @property {WasmFunction[]} functions  imported ones first
 *  @property {number} imported    functions
 *  @property {number} tables
 *  @property {Limits[]} memories
 *  @property {{type: number, mutable: boolean}[]} globals  imported ones first
 *  @property {{name: string, kind: number, index: number}[]} exports
 *  @property {number | null} start */

const LETTERS = Object.freeze(
  /** @type {Record<number, string>} */ ({
    0x7f: 'i',
    0x7e: 'l',
    0x7d: 'f',
    0x7c: 'd',
    0x7b: 'v',
    0x70: 'F',
    0x6f: 'E',
  }),
);

export const KIND = Object.freeze({ FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3, TAG: 4 });
export const SECTION = Object.freeze({
  CUSTOM: 0,
  TYPE: 1,
  IMPORT: 2,
  FUNCTION: 3,
  TABLE: 4,
  MEMORY: 5,
  GLOBAL: 6,
  EXPORT: 7,
  START: 8,
  ELEMENT: 9,
  CODE: 10,
  DATA: 11,
  DATA_COUNT: 12,
  TAG: 13,
});

/** @param {Uint8Array} bytes  begins with the magic number and version 1, checked before
 *  @returns {WasmModule}
 *  @throws {PymallocTypeError} BAD_WASM */
export function parseModule(bytes) {
  // A Buffer's subarray is slow.
  bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  /** @type {WasmModule} */
  const module = {
    bytes,
    sections: [],
    types: [],
    imports: [],
    functions: [],
    imported: 0,
    tables: 0,
    memories: [],
    globals: [],
    exports: [],
    start: null,
  };
  const r = new Reader(bytes, 8);
  /** @type {Range[]} */
  let bodies = [];
  while (r.at < bytes.length) {
    const begin = r.at;
    const id = r.u8();
    const size = r.u32();
    const at = r.at;
    r.skip(size);
    const section = { id, begin, at, end: r.at, name: '' };
    module.sections.push(section);
    const inside = new Reader(bytes, at, r.at);
    if (id === SECTION.CUSTOM) section.name = inside.name();
    else if (id === SECTION.CODE) bodies = readBodies(inside);
    else READERS[id]?.(module, inside);
  }
  if (bodies.length !== module.functions.length - module.imported) {
    throw malformed(
      `${module.functions.length - module.imported} functions and ${bodies.length} ` + 'bodies',
      bytes.length,
    );
  }
  bodies.forEach((code, i) => {
    /** @type {WasmFunction} */ (module.functions[module.imported + i]).code = code;
  });
  return module;
}

/** @type {Record<number, (module: WasmModule, r: Reader) => void>} */
const READERS = {
  [SECTION.TYPE]: (module, r) => {
    for (let n = r.count(); n > 0; n--) readType(module, r);
  },
  [SECTION.IMPORT]: (module, r) => {
    for (let n = r.count(); n > 0; n--) readImport(module, r);
    module.imported = module.functions.length;
  },
  [SECTION.FUNCTION]: (module, r) => {
    for (let n = r.count(); n > 0; n--) module.functions.push({ type: r.u32(), code: null });
  },
  [SECTION.TABLE]: (module, r) => {
    for (let n = r.count(); n > 0; n--) readTable(module, r);
  },
  [SECTION.MEMORY]: (module, r) => {
    for (let n = r.count(); n > 0; n--) module.memories.push(readLimits(r));
  },
  [SECTION.GLOBAL]: (module, r) => {
    for (let n = r.count(); n > 0; n--) {
      module.globals.push({ type: skipType(r), mutable: r.u8() === 1 });
      skipExpression(r);
    }
  },
  [SECTION.EXPORT]: (module, r) => {
    for (let n = r.count(); n > 0; n--) {
      module.exports.push({ name: r.name(), kind: r.u8(), index: r.u32() });
    }
  },
  [SECTION.START]: (module, r) => {
    module.start = r.u32();
  },
};

const REC = 0x4e,
  SUB_FINAL = 0x4f,
  SUB = 0x50,
  ARRAY = 0x5e,
  STRUCT = 0x5f,
  FUNC = 0x60;

/** One entry of the type section: a type, or a group of them.
 *  @param {WasmModule} module  @param {Reader} r */
function readType(module, r) {
  if (r.bytes[r.at] !== REC) return readSubtype(module, r);
  r.u8();
  for (let n = r.count(); n > 0; n--) readSubtype(module, r);
}

/** @param {WasmModule} module  @param {Reader} r */
function readSubtype(module, r) {
  let form = r.u8();
  if (form === SUB || form === SUB_FINAL) {
    for (let n = r.count(); n > 0; n--) r.u32();
    form = r.u8();
  }
  const field = () => {
    skipType(r);
    r.u8();
  };
  switch (form) {
    case FUNC:
      module.types.push(`${readTypes(r)}:${readTypes(r)}`);
      return;
    case STRUCT:
      for (let n = r.count(); n > 0; n--) field();
      break;
    case ARRAY:
      field();
      break;
    default:
      throw malformed(`unknown sort of type 0x${form.toString(16)}`, r.at - 1);
  }
  module.types.push(null);
}

/** @param {Reader} r  @returns {string} a letter each */
function readTypes(r) {
  let out = '';
  for (let n = r.count(); n > 0; n--) out += LETTERS[skipType(r)] ?? '?';
  return out;
}

/** @param {WasmModule} module  @param {Reader} r */
function readImport(module, r) {
  /** @type {Import} */
  const entry = {
    module: r.name(),
    name: r.name(),
    kind: r.u8(),
    type: 0,
    mutable: false,
    limits: null,
  };
  switch (entry.kind) {
    case KIND.FUNCTION:
      entry.type = r.u32();
      module.functions.push({ type: entry.type, code: null });
      break;
    case KIND.TABLE:
      entry.type = skipType(r);
      entry.limits = readLimits(r);
      module.tables++;
      break;
    case KIND.MEMORY:
      entry.limits = readLimits(r);
      module.memories.push(entry.limits);
      break;
    case KIND.GLOBAL:
      entry.type = skipType(r);
      entry.mutable = r.u8() === 1;
      module.globals.push({ type: entry.type, mutable: entry.mutable });
      break;
    case KIND.TAG:
      r.u8();
      entry.type = r.u32();
      break;
    default:
      throw malformed(`unknown sort of import ${entry.kind}`, r.at);
  }
  module.imports.push(entry);
}

const TABLE_WITH_VALUE = 0x40;

/** @param {WasmModule} module  @param {Reader} r */
function readTable(module, r) {
  const filled = r.bytes[r.at] === TABLE_WITH_VALUE;
  if (filled) r.skip(2);
  skipType(r);
  readLimits(r);
  if (filled) skipExpression(r);
  module.tables++;
}

/** @param {Reader} r  @returns {Limits} those of a 64-bit memory are 0: it is left alone */
function readLimits(r) {
  const flags = r.u32();
  if (flags & 4) {
    r.skipLeb();
    if (flags & 1) r.skipLeb();
    if (flags & 8) r.u32();
    return { flags, min: 0, max: null };
  }
  const min = r.u32();
  const max = flags & 1 ? r.u32() : null;
  if (flags & 8) r.u32();
  return { flags, min, max };
}

/** @param {Reader} r  of the code section  @returns {Range[]} */
function readBodies(r) {
  const out = new Array(r.count());
  for (let i = 0; i < out.length; i++) {
    const size = r.u32();
    const at = r.at;
    r.skip(size);
    out[i] = { at, end: r.at };
  }
  return out;
}

/** @param {WasmModule} module  @param {number} f  function
 *  @returns {string} its type as letters, '' if there is none */
export function typeOf(module, f) {
  const fn = module.functions[f];
  return fn === undefined ? '' : (module.types[fn.type] ?? '');
}

/** @param {WasmModule} module  @param {Range} code  of a function
 *  @returns {number} where its first instruction is */
export function firstInstruction({ bytes }, { at, end }) {
  const r = new Reader(bytes, at, end);
  for (let n = r.u32(); n > 0; n--) {
    r.u32();
    skipType(r);
  }
  return r.at;
}

const FUNCTION_NAMES = 1;

/** @param {WasmModule} module
 *  @returns {Map<number, string>} names of functions in the section `name`; one that is damaged
 *    gives those before the damage, as engines take it */
export function namesOf({ bytes, sections }) {
  /** @type {Map<number, string>} */
  const out = new Map();
  const section = sections.find((s) => s.id === SECTION.CUSTOM && s.name === 'name');
  if (!section) return out;
  try {
    const r = new Reader(bytes, section.at, section.end);
    r.name();
    while (r.at < r.end) {
      const id = r.u8();
      const size = r.u32();
      const at = r.at;
      r.skip(size);
      if (id !== FUNCTION_NAMES) continue;
      const names = new Reader(bytes, at, r.at);
      for (let n = names.u32(); n > 0; n--) out.set(names.u32(), names.name());
    }
  } catch (error) {
    if (!(error instanceof PymallocTypeError)) throw error;
  }
  return out;
}

/** @param {WasmModule} module  @returns {number} where its data in linear memory ends, as far as the
 *    addresses are constants */
export function dataEndOf({ bytes, sections }) {
  const section = sections.find(({ id }) => id === SECTION.DATA);
  if (!section) return 0;
  const r = new Reader(bytes, section.at, section.end);
  let last = 0;
  for (let n = r.count(); n > 0; n--) {
    const flags = r.u32();
    if (flags === 2) r.u32();
    let at = NaN;
    if (flags !== 1) {
      const first = new Instructions(bytes, r.at, r.end);
      if (first.next() && first.op === OP.I32_CONST) at = first.imm >>> 0;
      skipExpression(r);
    }
    const size = r.u32();
    r.skip(size);
    if (at + size > last) last = at + size;
  }
  return last;
}

/** The one linear memory that blocks lie in.
 *  @param {WasmModule} module  @returns {Limits}
 *  @throws {PymallocTypeError} NO_MEMORY, UNSUPPORTED */
export function checkMemory({ memories }) {
  const [memory] = memories;
  if (!memory) {
    throw new PymallocTypeError(
      'NO_MEMORY',
      'the module has no linear memory, so nothing in it ' + 'allocates there: use it as it is',
    );
  }
  if (memories.length > 1) {
    throw unsupported(
      `the module has ${memories.length} linear memories: one is supported. Use it ` + 'as it is',
    );
  }
  if (memory.flags & 2) {
    throw unsupported(
      'the memory of the module is shared, and recording serves one thread at a '
        + 'time: use it as it is, or a build without threads',
    );
  }
  if (memory.flags & 4) {
    throw unsupported(
      'the module has a 64-bit memory, 32-bit ones are supported: use it as it is, '
        + 'or a wasm32 build',
    );
  }
  return memory;
}
