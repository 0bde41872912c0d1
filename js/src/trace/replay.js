/** A recorded run once more, call by call, in an allocator of this package: its heap at any moment. */

import { Op } from './trace.js';

/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {import('../allocator.js').Allocator} Allocator */
/** @typedef {import('../allocator.js').DomainAllocator} DomainAllocator */

/** A replay that goes forward. */
export class Replay {
  #trace;
  #allocator;
  /** @type {readonly DomainAllocator[]} */
  #domains;
  #addresses;
  #owners;
  #call = 0;

  /** @param {Trace} trace  @param {Allocator} allocator  a new one */
  constructor(trace, allocator) {
    this.#trace = trace;
    this.#allocator = allocator;
    this.#domains = [allocator.raw, allocator.mem, allocator.object];
    this.#addresses = new Uint32Array(trace.blocks);
    this.#owners = new Uint8Array(trace.blocks);
  }

  /** Calls that were made.  @returns {number} */
  get call() {
    return this.#call;
  }

  /** The heap as it is after them.  @returns {import('../heap.js').Heap} */
  get heap() {
    return this.#allocator.heap;
  }

  /** Makes the calls up to number `call`, itself not.
   *  @param {number} call  no less than before
   *  @throws {RangeError} memory is out */
  to(call) {
    const end = Math.min(call, this.#trace.length);
    while (this.#call < end) this.#step(this.#call++);
  }

  /** @param {number} i */
  #step(i) {
    const { op, domain, size, block } = this.#trace;
    const [b, n] = [Number(block[i]), Number(size[i])];
    const is = op[i];
    if (is === Op.MARK) return;
    if (is !== Op.FREE && is !== Op.REALLOC) this.#owners[b] = Number(domain[i]);
    const fns = /** @type {DomainAllocator} */ (this.#domains[Number(this.#owners[b])]);
    const before = Number(this.#addresses[b]);
    if (is === Op.FREE) {
      fns.free(before);
      return;
    }
    let at = 0;
    if (is === Op.REALLOC) at = fns.realloc(before, n);
    else at = is === Op.CALLOC ? fns.calloc(1, n) : fns.malloc(n);
    if (at === 0) throw new RangeError(`call ${i} asks for ${n} bytes: memory is out`);
    this.#addresses[b] = at;
  }
}
