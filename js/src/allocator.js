/** Allocator: malloc and free for JavaScript and for wasm that is written by hand. */

import { Blocks, badPointer, checkedExports } from './checked.js';
import {
  PymallocError,
  PymallocRangeError,
  PymallocTypeError,
  badArgument,
  hex,
} from './errors.js';
import { Heap } from './heap.js';
import { inspectAs } from './inspect.js';
import { unsigned } from './memory.js';
import { SEED, isWide, join, notOurs, place } from './place.js';
import { Sharing, isShared } from './shared.js';
import { message } from './wasm.js';

/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** @typedef {import('./shared.js').SharedHeap} SharedHeap */

/** @typedef {object} CreateOptions
 *  @property {WebAssembly.Memory} [memory]  to allocate in: borrowed, it stays the caller's.  It
 *    may hold anything: the allocator takes pages of its own, one at once and more when it needs
 *    them.  Default: a new one.  Not the memory of an Emscripten module, whose sbrk takes all pages
 *    for its own
 *  @property {{start: number, end: number}} [range]  bytes of `memory` that are there already and
 *    that nothing else uses: the allocator begins in them, and takes pages only when they are used up.
 *    At least 64 KiB.  Default: none, it begins with pages of its own
 *  @property {boolean} [memory64]  the new memory has 64-bit addresses, and may grow to the 16 GiB of
 *    the engines; a memory that is passed may have them too.  Functions in `exports` take BigInts then,
 *    those of the allocator itself numbers as always.  Default: false
 *  @property {number} [limit]  bytes that may be live, 0..4294967294, more with 64-bit addresses;
 *    beyond it malloc returns 0
 *  @property {boolean} [debug]  remember each block with the call that asked for it: an address that
 *    is no live block of its domain is a BAD_POINTER error that says what it is, and
 *    liveBlocks() tells what was not freed.  Calls take some microseconds then, those of wasm too
 *  @property {WasmSource} [wasm]  the file wasm-pymalloc/pymalloc.wasm, where its usual address is
 *    not reached; for a shared memory wasm-pymalloc/pymalloc-threads.wasm, for one with 64-bit
 *    addresses wasm-pymalloc/pymalloc64.wasm, which Node.js, Deno and Bun find by themselves
 *  @property {SharedHeap} [shared]  what share() of an allocator in another thread returned: this
 *    thread uses the same heap.  No other option goes with it */

/** Half of what a 32-bit memory can be, and the most that C's function takes. */
const ALIGN_MAX = 2 ** 31;

/** `memory`, and functions with the signatures of C; addresses and sizes are i32, or i64 in a memory
 *  with 64-bit addresses.
 *  @typedef {Readonly<Record<string, any>> & {readonly memory: WebAssembly.Memory}}
 *    AllocatorExports */

/** The functions of one domain.
 *  @typedef {{malloc: Function, calloc: Function, realloc: Function, free: Function}} Functions */

/** @typedef {object} Live
 *  @property {AllocatorExports} exports
 *  @property {Heap} heap
 *  @property {Blocks | null} blocks  null: not in debug mode
 *  @property {Sharing | null} sharing  null: the memory is for one thread
 *  @property {boolean} wide  addresses and sizes have 64 bits: exports take BigInts */

/** What all parts of one allocator share.  When it ends, by dispose() or by damage, functions that
 *  throw take the place of the guest's. */
class Guest {
  /** @type {Functions[]} */
  #domains = [];
  /** @type {() => any} */
  #refuse = () => undefined;
  /** @type {Live | null} */
  #live;
  /** Addresses and sizes may be above 4 GiB. */
  wide;

  /** @param {Live} live */
  constructor(live) {
    this.#live = live;
    this.wide = live.wide;
  }

  /** @returns {Live} */
  get live() {
    return this.#live ?? this.#refuse();
  }

  /** @param {string} prefix  of the functions' names  @returns {Functions} */
  domain(prefix) {
    const fns = {
      malloc: this.fn(`${prefix}malloc`),
      calloc: this.fn(`${prefix}calloc`),
      realloc: this.fn(`${prefix}realloc`),
      free: this.fn(`${prefix}free`),
    };
    this.#domains.push(fns);
    return fns;
  }

  /** @param {string} name
   *  @returns {Function} takes and returns numbers, whatever the addresses are; an i32 may be signed */
  fn(name) {
    const { exports, wide } = this.live;
    const fn = exports[name];
    if (!wide) return fn;
    return (/** @type {number[]} */ ...args) => unsigned(fn(...args.map(BigInt)) ?? 0);
  }

  /** This thread makes no more calls. */
  leave() {
    this.#live?.sharing?.leave(this.#live.exports);
  }

  /** @param {() => Error} error  of every later call */
  end(error) {
    this.#live = null;
    this.#refuse = () => {
      throw error();
    };
    for (const fns of this.#domains) {
      fns.malloc = fns.calloc = fns.realloc = fns.free = this.#refuse;
    }
  }

  /** @param {unknown} cause  what a function of the guest threw
   *  @returns {unknown} what to throw in its place */
  trapped(cause) {
    const fault = this.#live && faultOf(this.#live.heap);
    // A trap that the allocator did not mean: somebody else wrote over what it goes by.
    if (!fault && !(this.#live && cause instanceof WebAssembly.RuntimeError)) return cause;
    const what = fault
      ? `${fault.cause}, at ${hex(fault.address)}`
      : `what it keeps in memory was overwritten (${message(cause)}). Perhaps another allocator takes `
        + 'the same pages for its own: let that one allocate first';
    const error = () =>
      new PymallocError(
        'CORRUPTION',
        `the allocator stopped: ${what}. Find the write or the free that did it; what the blocks hold is `
          + 'not to be relied on, so go on with a new allocator',
        { cause },
      );
    this.end(error);
    return error();
  }
}

/** @param {Heap} heap  @returns {Readonly<import('./stats.js').Fault> | null} */
function faultOf(heap) {
  try {
    return heap.stats().fault;
  } catch {
    return null; // damaged beyond reading: then the trap itself is thrown
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
    if (!fits(n, this.#guest)) return 0;
    try {
      return positive(this.#fns.malloc(n));
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
    if (!fits(count, this.#guest) || !fits(size, this.#guest)) return 0;
    try {
      return positive(this.#fns.calloc(count, size));
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
    const o = address(p, this.#guest);
    if (!fits(n, this.#guest)) return 0;
    try {
      return positive(this.#fns.realloc(o, n));
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
    const o = address(p, this.#guest);
    try {
      this.#fns.free(o);
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }
}

/** The symbol that `using` looks for; hosts that have none get the one that compilers bring.
 *  @type {typeof Symbol.dispose} */
const DISPOSE = Symbol.dispose ?? Symbol.for('Symbol.dispose');

/** An allocator in a linear memory.  Made by createAllocator.
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
   *  @param {number} align  a power of two, 1..2147483648
   *  @param {number} n
   *  @returns {number} as malloc
   *  @throws {PymallocError} as malloc */
  alignedAlloc(align, n) {
    if (!(align >= 1 && align <= ALIGN_MAX) || 2 ** Math.round(Math.log2(align)) !== align) {
      throw badArgument(`the alignment must be a power of two, 1..${ALIGN_MAX}`, align);
    }
    if (!fits(n, this.#guest)) return 0;
    try {
      return positive(this.#guest.fn('aligned_alloc')(align, n));
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
   *  @throws {PymallocError} BAD_ARGUMENT, BAD_POINTER, DISPOSED, CORRUPTION */
  usableSize(p) {
    const { heap } = this.#guest.live;
    const o = positive(address(p, this.#guest));
    if (o !== 0 && heap.sizeOf(o) === null) {
      throw badPointer(`usableSize(${hex(o)}): no live block begins there. ${heap.look(o).text}`);
    }
    try {
      return positive(this.#guest.fn('malloc_usable_size')(o));
    } catch (cause) {
      throw this.#guest.trapped(cause);
    }
  }

  /** The heap, for one other thread: `createAllocator({ shared })` there.  Call it for each thread.
   *  A block may be used and freed in any thread.  `raw` and the functions of C may be called at any
   *  time; `mem`, `object` and what changes the heap by one thread at a time.
   *
   *  @example
   *  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1024, shared: true });
   *  const allocator = await createAllocator({ memory });
   *  const shared = allocator.share();         // worker.postMessage(shared)
   *  // In the worker: createAllocatorSync({ shared }), malloc, free, dispose.
   *
   *  @returns {SharedHeap} plain, for postMessage; it takes a block of 4 KiB, which is used again
   *    when the other thread has disposed of its allocator
   *  @throws {PymallocError} BAD_ARGUMENT: its memory is not shared; NO_ROOM: no memory for the
   *    stack of the thread; DISPOSED, CORRUPTION */
  share() {
    const { sharing } = this.#guest.live;
    if (!sharing) {
      throw badArgument(
        'share() needs a heap in a shared memory: createAllocator({ memory: new '
          + 'WebAssembly.Memory({ initial: 1, maximum: 1024, shared: true }) })',
      );
    }
    const shared = sharing.share((n) => this.malloc(n));
    if (shared) return shared;
    throw new PymallocRangeError(
      'NO_ROOM',
      "no 4 KiB for a thread's stack: raise the maximum of the memory, or the limit of the heap",
    );
  }

  /** The blocks that live, of an allocator made with `debug`.
   *
   *  @example
   *  const checked = await createAllocator({ debug: true });
   *  checked.malloc(100);
   *  assert.equal(checked.liveBlocks()[0].bytes, 100);
   *
   *  @returns {readonly Readonly<import('./checked.js').LiveBlock>[]} oldest first
   *  @throws {PymallocError} BAD_ARGUMENT: it was made without `debug`; DISPOSED, CORRUPTION */
  liveBlocks() {
    const { blocks } = this.#guest.live;
    if (!blocks) throw badArgument('liveBlocks needs createAllocator({ debug: true })');
    return Object.freeze(blocks.live);
  }

  /** What blocks lie in; the caller's, if one was passed.
   *  @returns {WebAssembly.Memory} */
  get memory() {
    return this.#guest.live.exports.memory;
  }

  /** For a wasm module to import: `memory`, C's `malloc`, `calloc`, `realloc`, `free`,
   *  `aligned_alloc`, `malloc_usable_size`, and `pym_*` of pymalloc.h.  These are functions of
   *  wasm: calls from another module do not go through JavaScript.
   *  @returns {AllocatorExports} */
  get exports() {
    return this.#guest.live.exports;
  }

  /** Statistics, map, limits and events.
   *  @returns {Heap} */
  get heap() {
    return this.#guest.live.heap;
  }

  /** Borrowed view of the whole memory, as are those below.  Get it anew after each call that may
   *  allocate: growth detaches the one before.
   *  @returns {Uint8Array} */
  get u8() {
    return this.#fresh().u8;
  }
  /** @returns {Int8Array} */
  get i8() {
    return this.#fresh().i8;
  }
  /** @returns {Uint16Array} */
  get u16() {
    return this.#fresh().u16;
  }
  /** @returns {Int16Array} */
  get i16() {
    return this.#fresh().i16;
  }
  /** @returns {Uint32Array} */
  get u32() {
    return this.#fresh().u32;
  }
  /** @returns {Int32Array} */
  get i32() {
    return this.#fresh().i32;
  }
  /** @returns {Float32Array} */
  get f32() {
    return this.#fresh().f32;
  }
  /** @returns {Float64Array} */
  get f64() {
    return this.#fresh().f64;
  }
  /** @returns {DataView} */
  get view() {
    return this.#fresh().view;
  }

  /** Ends the use of this object, as `using` does; every later call is an error.  Where threads
   *  share a heap, each does it for itself, and the others use the heap on.  The memory goes with
   *  it, if createHeap made it and nobody else holds it.  In a memory that was passed, the pages
   *  that were taken stay taken: wasm cannot give any back.
   *
   *  @example
   *  allocator.dispose();
   *  assert.throws(() => allocator.malloc(1), { code: 'DISPOSED' }); */
  dispose() {
    this.#guest.leave();
    this.#guest.end(
      () =>
        new PymallocTypeError(
          'DISPOSED',
          'this allocator was disposed of: make a new one with createAllocator()',
        ),
    );
    this.#views = new Views(new ArrayBuffer(0));
  }

  /** Was it made with `debug`?
   *  @returns {boolean} */
  get checks() {
    return this.#guest.live.blocks !== null;
  }

  /** What JSON.stringify and console.log show.
   *
   *  @example assert.equal(JSON.parse(JSON.stringify(allocator)).heap.id, 1);
   *
   *  @returns {{memoryBytes: number, heap: ReturnType<Heap['toJSON']>}}
   *  @throws {PymallocError} DISPOSED, CORRUPTION, and as Heap.stats */
  toJSON() {
    const { memory } = this.#guest.live.exports;
    return { memoryBytes: memory.buffer.byteLength, heap: this.heap.toJSON() };
  }

  /** As dispose(): for `using allocator = await createAllocator()`. */
  [DISPOSE]() {
    this.dispose();
  }

  /** @returns {Views} */
  #fresh() {
    const { buffer } = this.#guest.live.exports.memory;
    if (this.#views.buffer !== buffer) this.#views = new Views(buffer);
    return this.#views;
  }
}

inspectAs(Allocator, 'Allocator', (allocator) => allocator.toJSON());

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

/** @param {number} n  @param {Guest} guest
 *  @returns {boolean} false: more than any memory has
 *  @throws {PymallocTypeError} BAD_ARGUMENT */
function fits(n, guest) {
  if (typeof n === 'number' && n >>> 0 === n) return true;
  if (Number.isInteger(n) && n > 0) return guest.wide && n <= Number.MAX_SAFE_INTEGER;
  throw badArgument('a size must be a whole number, 0 or more', n);
}

/** @param {number} p  @param {Guest} guest
 *  @returns {number} p, which may be signed, as wasm has it
 *  @throws {PymallocTypeError} BAD_ARGUMENT */
function address(p, guest) {
  if (typeof p === 'number' && p >>> 0 === p) return p;
  if (guest.wide ? Number.isSafeInteger(p) && p > 0 : (p | 0) === p) return p;
  throw badArgument('an address must be a number that malloc returned, or 0', p);
}

/** @param {number} n  perhaps an i32 that is signed  @returns {number} */
function positive(n) {
  return n < 0 ? n + 2 ** 32 : n;
}

/** @param {WebAssembly.Module} module  compiled from pymalloc.wasm
 *  @param {CreateOptions} options
 *  @returns {Allocator} */
export function allocatorIn(module, options) {
  const { memory: given, memory64, range, limit, debug = false } = options;
  const { memory, instance, at } = place(module, given, range, memory64);
  const wide = isWide(module);
  const sharing = isShared(memory) ? new Sharing({ memory, wasm: module, at }, null) : null;
  const { exports, heap } = guestOf(module, memory, instance);
  if (limit !== undefined) heap.setLimits({ heap: { hard: limit } });
  if (!debug) return new Allocator(new Guest({ exports, heap, blocks: null, sharing, wide }));
  const blocks = new Blocks();
  const checked = /** @type {AllocatorExports} */ (
    Object.freeze({ ...checkedExports(exports, blocks), memory })
  );
  return new Allocator(new Guest({ exports: checked, heap, blocks, sharing, wide }));
}

/** @param {SharedHeap} shared  @returns {Allocator} of the heap that another thread made */
export function allocatorOf(shared) {
  const { memory, instance } = join(shared);
  const { wasm, at, stack } = shared;
  const sharing = new Sharing({ memory, wasm, at }, stack);
  const parts = guestOf(wasm, memory, instance);
  return new Allocator(new Guest({ ...parts, blocks: null, sharing, wide: false }));
}

/** @param {WebAssembly.Module} module  @param {WebAssembly.Memory} memory
 *  @param {WebAssembly.Instance} instance
 *  @returns {{exports: AllocatorExports, heap: Heap}} */
function guestOf(module, memory, instance) {
  const own = Object.entries(instance.exports).filter(
    ([name]) => !name.startsWith('__') && name !== SEED,
  );
  const exports = /** @type {AllocatorExports} */ (
    Object.freeze({ ...Object.fromEntries(own), memory })
  );
  if (!('malloc' in exports)) throw notOurs('it exports no malloc');
  return { exports, heap: Heap.from(module, { exports }) };
}
