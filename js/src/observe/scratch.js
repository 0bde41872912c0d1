/** Scratch instances: the allocator of a module on its own, to be tried.
 *
 *  A scratch module has the bodies that the tried functions reach through direct calls; all others
 *  trap.  So does a call through a table into one of those.  It has no start function, its imports
 *  do nothing, and each turn of a loop and each byte filled or copied in bulk costs fuel: a trial
 *  ends after a bounded time on every host, without a thread to watch over it. */

import { leb } from './binary.js';
import { reachedFrom } from './facts.js';
import { BULK, Instructions, OP } from './instructions.js';
import { KIND, SECTION, firstInstruction } from './module.js';
import { Patch, bodyOf } from './patch.js';
import { original } from './original.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./find.js').Search} Search */

/** Turns of loops that one trial may take in all, and bulk bytes by 64. */
const FUEL = 2_000_000;
const UNREACHABLE = bodyOf(0, [0x00]);
const PREFIX = 'pymalloc.scratch.';
const HOLDS_ANY = `${PREFIX}holdsAny`;
const PAGE_BYTES = 65536;

/** How imports that may grow memory behave, and what an instance needs first.
 *  @typedef {object} ScratchOptions
 *  @property {boolean} [grow]  imports of one i32 that return one grow memory to so many bytes, as
 *    Emscripten's does
 *  @property {readonly number[]} [before]  functions without parameters to call first
 *  @property {readonly number[]} [kin]   functions to be tried of which only what they do at once is
 *    kept, not what they call to report an error */

/** Calls from a function of `kin` to the last one that is kept. */
const STEPS = 2;

/** An instance for trials.  Each begins with the same memory. */
export class Scratch {
  #exports;
  #globals;
  /** Pages that reset() restores.
   *  @type {{at: number, bytes: Uint8Array}[]} */ #kept = [];
  memory;

  /** @param {Search} search  @param {Iterable<number>} functions  to be tried
   *  @param {ScratchOptions} [options]
   *  @throws {Error} from the host: the slice does not compile, or what comes first trapped */
  constructor({ module, facts }, functions, { grow = false, before = [], kin = [] } = {}) {
    const roots = new Set([...functions, ...before, ...kin]);
    const kept = new Set([
      ...reachedFrom(module, [...functions, ...before], (f) => facts[f]),
      ...reachedFrom(module, kin, (f) => facts[f], STEPS),
    ]);
    const { imports, given } = stubs(module, grow);
    const { exports } = new original.Instance(compiled(module, roots, kept), imports);
    this.#exports = /** @type {Record<string, any>} */ (exports);
    this.memory = given.memory ??= /** @type {WebAssembly.Memory} */ (exports[`${PREFIX}memory`]);
    for (const f of before) this.call(f)();
    this.#globals = Object.entries(this.#exports).flatMap(([name, global]) =>
      name.startsWith(`${PREFIX}global`) ? [{ global, value: global.value }] : [],
    );
  }

  /** @param {number} f  @returns {(...args: number[]) => number} the function; results unsigned */
  call(f) {
    const fn = /** @type {Function} */ (this.#exports[`${PREFIX}${f}`]);
    return (...args) => fn(...args) >>> 0;
  }

  /** @returns {Uint8Array} of the memory as it is now */
  bytes() {
    return new Uint8Array(this.memory.buffer);
  }

  /** From now on reset() leads back to the state of the first call of this.  Pages without a byte in them are
   *  left out: the stack, the space to grow into.  No state is there, and no block that is looked at.
   *  @param {number} top  the highest address of a block so far */
  keep(top) {
    if (this.#kept.length > 0) return;
    const bytes = this.bytes();
    const holdsAny = this.#exports[HOLDS_ANY];
    for (let at = 0; at < Math.min(top + PAGE_BYTES, bytes.length); at += PAGE_BYTES) {
      const end = at + PAGE_BYTES;
      // The page behind the last block is where the trials allocate.
      if (end > top || holdsAny(at, end)) {
        this.#kept.push({ at, bytes: bytes.slice(at, end) });
      }
    }
  }

  reset() {
    const now = this.bytes();
    for (const { at, bytes } of this.#kept) now.set(bytes, at);
    for (const { global, value } of this.#globals) global.value = value;
  }
}

/** @param {WasmModule} module  @param {Set<number>} roots  @param {Set<number>} kept
 *  @returns {WebAssembly.Module} */
function compiled(module, roots, kept) {
  const without = [SECTION.START, SECTION.CUSTOM];
  try {
    // Tables are empty then: a call through one traps, and they are quick to make.
    return new original.Module(
      /** @type {BufferSource} */ (slice(module, roots, kept, [...without, SECTION.ELEMENT])),
    );
  } catch {
    return new original.Module(/** @type {BufferSource} */ (slice(module, roots, kept, without)));
  }
}

/** @param {WasmModule} module  @param {Set<number>} roots  exported  @param {Set<number>} kept
 *  @param {readonly number[]} without  sections  @returns {Uint8Array} */
function slice(module, roots, kept, without) {
  const patch = new Patch(module);
  const fuel = patch.global(FUEL);
  for (const g of [...mutableGlobals(module), fuel])
    patch.export(`${PREFIX}global${g}`, KIND.GLOBAL, g);
  const helpers = { fill: 0, copy: 0, fuel };
  helpers.fill = patch.function('iii:', bodyOf(0, bulk(fuel, BULK.FILL)));
  helpers.copy = patch.function('iii:', bodyOf(0, bulk(fuel, BULK.COPY)));
  patch.replaceOthers(UNREACHABLE);
  for (const f of kept) patch.replace(f, fuelled(module, f, helpers));
  patch.export(HOLDS_ANY, KIND.FUNCTION, patch.function('ii:i', HOLDS_ANY_BODY));
  for (const f of roots) patch.export(`${PREFIX}${f}`, KIND.FUNCTION, f);
  patch.export(`${PREFIX}memory`, KIND.MEMORY, 0);
  return patch.write(without);
}

/** @param {WasmModule} module  @returns {number[]} of a type that JavaScript can set back */
function mutableGlobals({ globals }) {
  return globals.flatMap(({ type, mutable }, g) => (mutable && type >= 0x7c ? [g] : []));
}

/** (from, to): is one byte there not 0?  Both are multiples of 32.  JavaScript would take longer for
 *  the pages of a stack than for all of the trials. */
const HOLDS_ANY_BODY = bodyOf(0, [
  ...[0x03, 0x40], // loop
  ...[0x20, 0, 0x29, 3, 0, 0x20, 0, 0x29, 3, 8, 0x84], // words of 64 bits at 0 and 8
  ...[0x20, 0, 0x29, 3, 16, 0x20, 0, 0x29, 3, 24, 0x84], // 16 and 24
  ...[0x84, 0x50, 0x45, 0x04, 0x40, 0x41, 1, 0x0f, 0x0b], // if (their or) return 1
  ...[0x20, 0, 0x41, 32, 0x6a, 0x22, 0, 0x20, 1, 0x49, 0x0d, 0], // if ((from += 32) < to) again
  0x0b,
  ...[0x41, 0],
]);

/** Instructions that trap when the fuel is used up; `cost` pushes what is used.
 *  @param {number} fuel  global  @param {number[]} cost  @returns {number[]} */
function burn(fuel, cost) {
  return [
    0x23,
    ...leb(fuel),
    ...cost,
    0x6b,
    0x24,
    ...leb(fuel), // fuel -= cost
    0x23,
    ...leb(fuel),
    0x41,
    0,
    0x48,
    0x04,
    0x40,
    0x00,
    0x0b,
  ]; // if (fuel < 0) trap
}

/** @param {number} fuel  @param {number} sub  memory.fill or memory.copy  @returns {number[]} the
 *    same of three parameters */
function bulk(fuel, sub) {
  return [
    ...burn(fuel, [0x20, 2, 0x41, 6, 0x76]),
    0x20,
    0,
    0x20,
    1,
    0x20,
    2,
    OP.BULK,
    sub,
    ...(sub === BULK.COPY ? [0, 0] : [0]),
  ];
}

/** @param {WasmModule} module  @param {number} f
 *  @param {{fill: number, copy: number, fuel: number}} helpers
 *  @returns {Uint8Array} the body with fuel burnt in each turn of its loops */
function fuelled(module, f, helpers) {
  const { bytes, functions } = module;
  const code = /** @type {import('./module.js').Range} */ (functions[f]?.code);
  const it = new Instructions(bytes, firstInstruction(module, code), code.end);
  const turn = burn(helpers.fuel, [0x41, 1]);
  /** @type {import('./patch.js').Part[]} */
  const parts = [];
  let from = code.at;
  while (it.next()) {
    if (it.op === OP.LOOP) {
      parts.push(bytes.subarray(from, it.at), turn);
      from = it.at;
    } else if (it.op === OP.BULK && (it.sub === BULK.FILL || it.sub === BULK.COPY)) {
      const helper = it.sub === BULK.FILL ? helpers.fill : helpers.copy;
      parts.push(bytes.subarray(from, it.start), [OP.CALL, ...leb(helper)]);
      from = it.at;
    }
  }
  if (parts.length === 0) return bytes.subarray(code.at, code.end);
  parts.push(bytes.subarray(from, code.end));
  return joined(parts);
}

/** @param {import('./patch.js').Part[]} parts  @returns {Uint8Array} */
function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Where linkers of position-independent code are told to put things. */
const BASES = Object.freeze(
  /** @type {Record<string, number>} */ ({
    __stack_pointer: 1 << 20,
    __memory_base: 1024,
    __table_base: 1,
    __heap_base: 1 << 20,
  }),
);
const VALUE_TYPES = Object.freeze(
  /** @type {Record<number, WebAssembly.ValueType>} */ ({
    0x7f: 'i32',
    0x7e: 'i64',
    0x7d: 'f32',
    0x7c: 'f64',
    0x70: 'anyfunc',
    0x6f: 'externref',
  }),
);

/** Imports that do nothing.
 *  @param {WasmModule} module  @param {boolean} grow
 *  @returns {{imports: WebAssembly.Imports, given: {memory?: WebAssembly.Memory}}} */
function stubs(module, grow) {
  /** @type {Record<string, Record<string, any>>} */
  const imports = {};
  /** @type {{memory?: WebAssembly.Memory}} */
  const given = {};
  const enlarge = (/** @type {number} */ bytes) => {
    const memory = /** @type {WebAssembly.Memory} */ (given.memory);
    const missing = (bytes >>> 0) - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    return 1;
  };
  for (const { module: from, name, kind, type, mutable, limits } of module.imports) {
    const group = (imports[from] ??= {});
    const { min: initial = 0, max = null } = limits ?? {};
    const size = max === null ? { initial } : { initial, maximum: max };
    switch (kind) {
      case KIND.FUNCTION: {
        const key = module.types[type] ?? '';
        if (grow && key === 'i:i') group[name] = enlarge;
        else group[name] = key.endsWith(':l') ? () => 0n : () => 0;
        break;
      }
      case KIND.TABLE:
        group[name] = new WebAssembly.Table({
          ...size,
          element: /** @type {'anyfunc'} */ (VALUE_TYPES[type] ?? 'anyfunc'),
        });
        break;
      case KIND.MEMORY:
        group[name] = given.memory = new WebAssembly.Memory(size);
        break;
      case KIND.GLOBAL:
        group[name] = globalOf(name, type, mutable);
        break;
      default:
        group[name] = tagOf(module.types[type] ?? 'i:');
    }
  }
  return { imports, given };
}

/** @param {string} name  @param {number} type  @param {boolean} mutable
 *  @returns {WebAssembly.Global} */
function globalOf(name, type, mutable) {
  const value = VALUE_TYPES[type] ?? 'i32';
  const first =
    value === 'i64' ? 0n : value === 'anyfunc' || value === 'externref' ? null : (BASES[name] ?? 0);
  return new WebAssembly.Global({ value, mutable }, first);
}

/** @param {string} type  @returns {object} */
function tagOf(type) {
  const names = /** @type {Record<string, string>} */ ({ i: 'i32', l: 'i64', f: 'f32', d: 'f64' });
  const parameters = [.../** @type {string} */ (type.split(':')[0])].map((letter) => names[letter]);
  return new /** @type {any} */ (WebAssembly).Tag({ parameters });
}
