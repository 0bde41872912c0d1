/** Allocator: malloc and free for JavaScript and for wasm that is written by hand. */

import { PymallocError, PymallocTypeError, badArgument, hex } from './errors.js';
import { Heap } from './heap.js';
import { SEED, notOurs, place } from './place.js';

/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** @typedef {object} CreateOptions
 *  @property {WebAssembly.Memory} [memory]  to allocate in: borrowed, it stays the caller's.  It
 *    may hold anything: the allocator takes pages of its own, one at once and more when it needs
 *    them.  Default: a new one.  Not the memory of an Emscripten module, whose sbrk takes all pages
 *    for its own
 *  @property {number} [limit]  bytes that may be live, 0..4294967294; beyond it malloc returns 0
 *  @property {WasmSource} [wasm]  the file wasm-pymalloc/pymalloc.wasm, where its usual address is
 *    not reached */

/** `memory`, and functions with the signatures of C; addresses and sizes are i32.
 *  @typedef {Readonly<Record<string, any>> & {readonly memory: WebAssembly.Memory}}
 *    AllocatorExports */

/** The wasm functions of one domain.
 *  @typedef {{malloc: Function, calloc: Function, realloc: Function, free: Function}} Functions */

/** What all parts of one allocator share.  When it ends, by dispose() or by damage, functions that
 *  throw take the place of the guest's. */
class Guest {
  /** @type {Functions[]} */
  #domains = [];
  /** @type {() => any} */
  #refuse = () => undefined;
  /** @type {{exports: AllocatorExports, heap: Heap} | null} */
  #live;

  /** @param {AllocatorExports} exports  @param {Heap} heap */
  constructor(exports, heap) {
    this.#live = { exports, heap };
  }

  /** @returns {{exports: AllocatorExports, heap: Heap}} */
  get live() { return this.#live ?? this.#refuse(); }

  /** @param {string} prefix  of the functions' names  @returns {Functions} */
  domain(prefix) {
    const { exports } = this.live;
    const fns = { malloc: exports[`${prefix}malloc`], calloc: exports[`${prefix}calloc`],
      realloc: exports[`${prefix}realloc`], free: exports[`${prefix}free`] };
    this.#domains.push(fns);
    return fns;
  }

  /** @param {() => Error} error  of every later call */
  end(error) {
    this.#live = null;
    this.#refuse = () => { throw error(); };
    for (const fns of this.#domains) {
      fns.malloc = fns.calloc = fns.realloc = fns.free = this.#refuse;
    }
  }

  /** @param {unknown} cause  what a function of the guest threw
   *  @returns {unknown} what to throw in its place */
  trapped(cause) {
    const fault = this.#live && faultOf(this.#live.heap);
    if (!fault) return cause;
    const error = () => new PymallocError('CORRUPTION', `the allocator stopped: ${fault.cause}, at `
      + `${hex(fault.address)}. Find the write or the free that did it; what the blocks hold is `
      + 'not to be relied on, so go on with a new allocator', { cause });
    this.end(error);
    return error();
  }
}

/** @param {Heap} heap  @returns {Readonly<import('./stats.js').Fault> | null} */
function faultOf(heap) {
  try {
    return heap.stats().fault;
  } catch {
    return null;                          // damaged beyond reading: then the trap itself is thrown
  }
}

/** The four functions of one domain.  Addresses are unsigned numbers; 0 is "no block".
 *
 *  Every block that malloc, calloc or realloc returns is owned by the caller until it is passed to
 *  free, or to a realloc that succeeds, of the same domain. */
export class DomainAllocator {
  #guest;
  #fns;

  /** @param {Guest} guest  @param {string} prefix  of the functions' names
   *  @internal */
  constructor(guest, prefix) {
    this.#guest = guest;
    this.#fns = guest.domain(prefix);
  }

  /** A block of `n` bytes or more, contents undefined.
   *
   *  @example
   *  const p = allocator.malloc(100);
   *  if (p === 0) throw new Error('no memory');
   *  allocator.u8[p] = 1;
   *
   *  @param {number} n  0 is served as 1
   *  @returns {number} its address, owned by the caller; 0 if there is no memory or a limit is
   *    reached
   *  @throws {PymallocError} BAD_ARGUMENT, DISPOSED, CORRUPTION */
  malloc(n) {
    if (!fits(n)) return 0;
    try {
      return this.#fns.malloc(n) >>> 0;
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** A block for `count` pieces of `size` bytes, zeroed.
   *
   *  @example
   *  const p = allocator.calloc(25, 4);
   *  assert.equal(allocator.u32[p / 4 + 24], 0);
   *
   *  @param {number} count  @param {number} size
   *  @returns {number} as malloc
   *  @throws {PymallocError} as malloc */
  calloc(count, size) {
    if (!fits(count) || !fits(size)) return 0;
    try {
      return this.#fns.calloc(count, size) >>> 0;
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** The block with another size, perhaps moved; contents are kept as far as both sizes reach.
   *
   *  @example
   *  let p = allocator.malloc(10);
   *  const q = allocator.realloc(p, 1000);
   *  if (q !== 0) p = q;                       // else p is still there, with 10 bytes
   *
   *  @param {number} p  a live block of this domain, or 0: then this is malloc
   *  @param {number} n  0 is served as 1, it does not free
   *  @returns {number} the block, in place of p; 0 if there is no memory: then p is as it was, and
   *    still owned by the caller
   *  @throws {PymallocError} as malloc */
  realloc(p, n) {
    const o = address(p);
    if (!fits(n)) return 0;
    try {
      return this.#fns.realloc(o, n) >>> 0;
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** Gives a block back.
   *
   *  @example
   *  const p = allocator.raw.malloc(100);
   *  allocator.raw.free(p);                    // to the domain that it came from
   *
   *  @param {number} p  a live block of this domain, or 0: then nothing happens
   *  @throws {PymallocError} BAD_ARGUMENT, DISPOSED, CORRUPTION */
  free(p) {
    const o = address(p);
    try {
      this.#fns.free(o);
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }
}

/** An allocator in a linear memory.  Made by createHeap.
 *
 *  Its own malloc and family are C's: a block is aligned to 16 bytes, or to 8 if no more was asked
 *  for.  `raw`, `mem` and `object` are CPython's domains, where blocks of the latter two are
 *  aligned to 8; `heap.stats()` counts each by itself, C's blocks with those of `object`. */
export class Allocator extends DomainAllocator {
  #guest;
  #views = new Views(new ArrayBuffer(0));
  /** CPython's raw domain: general buffers. */
  raw;
  /** CPython's mem domain: buffers of an interpreter. */
  mem;
  /** CPython's object domain: small objects that do not live long. */
  object;

  /** @param {Guest} guest
   *  @internal */
  constructor(guest) {
    super(guest, '');
    this.#guest = guest;
    this.raw = new DomainAllocator(guest, 'pym_raw_');
    this.mem = new DomainAllocator(guest, 'pym_mem_');
    this.object = new DomainAllocator(guest, 'pym_obj_');
    Object.freeze(this);
  }

  /** A block at a multiple of `align`; for free(), and for realloc(), which may lose the alignment.
   *
   *  @example
   *  const p = allocator.alignedAlloc(4096, 100);
   *  assert.equal(p % 4096, 0);
   *
   *  @param {number} align  a power of two, 1..65536
   *  @param {number} n
   *  @returns {number} as malloc
   *  @throws {PymallocError} as malloc */
  alignedAlloc(align, n) {
    const { exports } = this.#guest.live;
    if (!(align >= 1 && align <= 65536) || 2 ** Math.round(Math.log2(align)) !== align) {
      throw badArgument('the alignment must be a power of two, 1..65536');
    }
    if (!fits(n)) return 0;
    try {
      return exports['aligned_alloc'](align, n) >>> 0;
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** Bytes that may be used at p: what was asked for, or a little more.
   *
   *  @example
   *  assert.ok(allocator.usableSize(allocator.malloc(100)) >= 100);
   *
   *  @param {number} p  a live block of any domain, or 0
   *  @returns {number}
   *  @throws {PymallocError} BAD_ARGUMENT, DISPOSED, CORRUPTION */
  usableSize(p) {
    const { exports } = this.#guest.live;
    const o = address(p);
    try {
      return exports['malloc_usable_size'](o) >>> 0;
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** What blocks lie in; the caller's, if one was passed.
   *  @returns {WebAssembly.Memory} */
  get memory() { return this.#guest.live.exports.memory; }

  /** For a wasm module to import: `memory`, C's `malloc`, `calloc`, `realloc`, `free`,
   *  `aligned_alloc`, `malloc_usable_size`, and `pym_*` of pymalloc.h.  These are functions of
   *  wasm: calls from another module do not go through JavaScript.
   *  @returns {AllocatorExports} */
  get exports() { return this.#guest.live.exports; }

  /** Statistics, map, limits and events.
   *  @returns {Heap} */
  get heap() { return this.#guest.live.heap; }

  /** Borrowed view of the whole memory, as are those below.  Get it anew after each call that may
   *  allocate: growth detaches the one before.
   *  @returns {Uint8Array} */
  get u8() { return this.#fresh().u8; }
  /** @returns {Int8Array} */
  get i8() { return this.#fresh().i8; }
  /** @returns {Uint16Array} */
  get u16() { return this.#fresh().u16; }
  /** @returns {Int16Array} */
  get i16() { return this.#fresh().i16; }
  /** @returns {Uint32Array} */
  get u32() { return this.#fresh().u32; }
  /** @returns {Int32Array} */
  get i32() { return this.#fresh().i32; }
  /** @returns {Float32Array} */
  get f32() { return this.#fresh().f32; }
  /** @returns {Float64Array} */
  get f64() { return this.#fresh().f64; }
  /** @returns {DataView} */
  get view() { return this.#fresh().view; }

  /** Ends the use of this object, as `using` does; every later call is an error.  The memory goes
   *  with it, if createHeap made it and nobody else holds it.  In a memory that was passed, the
   *  pages that were taken stay taken: wasm cannot give any back.
   *
   *  @example
   *  allocator.dispose();
   *  assert.throws(() => allocator.malloc(1), { code: 'DISPOSED' }); */
  dispose() {
    this.#guest.end(() => new PymallocTypeError('DISPOSED',
      'this allocator was disposed of: make a new one with createHeap()'));
    this.#views = new Views(new ArrayBuffer(0));
  }

  /** @returns {Views} */
  #fresh() {
    const { buffer } = this.#guest.live.exports.memory;
    if (this.#views.buffer !== buffer) this.#views = new Views(buffer);
    return this.#views;
  }
}

// `using` calls it, where there is such a thing.
if ('dispose' in Symbol) {
  Object.defineProperty(Allocator.prototype, /** @type {symbol} */ (Symbol.dispose),
    { value: Allocator.prototype.dispose, configurable: true, writable: true });
}

/** The views of one buffer. */
class Views {
  /** @param {ArrayBuffer} buffer */
  constructor(buffer) {
    this.buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
  }
}

/** @param {number} n
 *  @returns {boolean} false: more than any memory has
 *  @throws {PymallocTypeError} BAD_ARGUMENT */
function fits(n) {
  if (typeof n === 'number' && (n >>> 0) === n) return true;
  if (Number.isInteger(n) && n > 0) return false;
  throw badArgument(`a size must be a whole number, 0 or more, not ${String(n)}`);
}

/** @param {number} p  @returns {number} p, which may be signed, as wasm has it
 *  @throws {PymallocTypeError} BAD_ARGUMENT */
function address(p) {
  if (typeof p === 'number' && ((p >>> 0) === p || (p | 0) === p)) return p;
  throw badArgument(`an address must be a number that malloc returned, or 0, not ${String(p)}`);
}

/** @param {WebAssembly.Module} module  compiled from pymalloc.wasm
 *  @param {CreateOptions} options
 *  @returns {Allocator} */
export function allocatorIn(module, { memory: given, limit }) {
  const { memory, instance } = place(module, given);
  const own = Object.entries(instance.exports)
    .filter(([name]) => !name.startsWith('__') && name !== SEED);
  const exports = Object.freeze({ ...Object.fromEntries(own), memory });
  if (!('malloc' in exports)) throw notOurs('it exports no malloc');
  const heap = Heap.from(module, { exports });
  if (limit !== undefined) heap.setLimits({ heap: { hard: limit } });
  return new Allocator(new Guest(exports, heap));
}
