/** Guest: the wasm of one allocator, from its first call to its end. */

import { PymallocError, hex } from './errors.js';
import { unsigned } from './memory.js';
import { message } from './wasm.js';

/** @typedef {import('./checked.js').Blocks} Blocks */
/** @typedef {import('./heap.js').Heap} Heap */
/** @typedef {import('./shared.js').Sharing} Sharing */

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
export class Guest {
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
