/** What a recorded run did, from its trace alone: sizes, lifetimes, chains of realloc. */

import { DOMAINS } from '../constants.js';
import { Op } from './trace.js';

/** @typedef {import('./trace.js').Trace} Trace */

/** Blocks that die before so many bytes more were allocated are called short-lived. */
export const SHORT_LIVED_BYTES = 64 * 1024;

/** Requests of one doubling: above half of `size`, up to `size`.
 *  @typedef {object} SizeBin
 *  @property {number} size
 *  @property {number} blocks    ever allocated, reallocs in
 *  @property {number} bytes
 *  @property {number} leftBlocks  never freed */
/** Blocks by what was allocated between their birth and their death: up to `bytes`.
 *  @typedef {object} LifeBin
 *  @property {number} bytes   Infinity: the rest
 *  @property {number} blocks */
/** @typedef {object} TraceReport
 *  @property {number} calls
 *  @property {boolean} finished    the program ended by itself
 *  @property {{malloc: number, calloc: number, realloc: number, free: number}} operations
 *  @property {{call: number, bytes: number, blocks: number,
 *    domains: Record<string, {bytes: number, blocks: number}>}} peak  most bytes live, after this
 *    call
 *  @property {readonly SizeBin[]} sizes
 *  @property {readonly LifeBin[]} lifetimes  of blocks that were freed
 *  @property {{blocks: number, bytes: number, shareOfBlocks: number}} shortLived  freed before
 *    64 KiB more were allocated; share of all blocks ever allocated
 *  @property {{blocks: number, calls: number, longest: number, grown: number, shrunk: number}}
 *    reallocs  blocks that were resized, calls that did, the longest chain on one block
 *  @property {{blocks: number, bytes: number}} never  freed
 *  @property {{call: Uint32Array, bytes: Float64Array}} course  live bytes, at COURSE moments */

const COURSE = 400;
const LIFE_BINS = [1, 2, 4, 6, 8, 10].map((k) => (1024 * 4 ** k) / 4);

/** Blocks by number, and sums over them. */
class State {
  /** @param {Trace} trace */
  constructor(trace) {
    const { blocks } = trace;
    this.size = new Uint32Array(blocks);
    this.domain = new Uint8Array(blocks);
    this.bornAt = new Float64Array(blocks);
    this.chain = new Uint32Array(blocks);
    this.live = new Uint8Array(blocks);
    this.bytes = [0, 0, 0];
    this.blocks = [0, 0, 0];
    this.allocated = 0;
  }

  /** @returns {number} bytes live */
  get total() {
    return this.bytes.reduce((sum, n) => sum + n, 0);
  }

  /** @param {number} b  @param {number} domain  @param {number} size */
  begin(b, domain, size) {
    this.size[b] = size;
    this.domain[b] = domain;
    this.bornAt[b] = this.allocated;
    this.chain[b] = 0;
    this.live[b] = 1;
    this.allocated += size;
    this.#count(domain, size, 1);
  }

  /** @param {number} b  @param {number} size  of the block now  @returns {number} of it before */
  resize(b, size) {
    const before = Number(this.size[b]);
    this.size[b] = size;
    this.chain[b] = Number(this.chain[b]) + 1;
    this.allocated += Math.max(size - before, 0);
    this.#count(Number(this.domain[b]), size - before, 0);
    return before;
  }

  /** @param {number} b  @returns {number} bytes that were allocated in its life */
  end(b) {
    this.live[b] = 0;
    this.#count(Number(this.domain[b]), -Number(this.size[b]), -1);
    return this.allocated - Number(this.bornAt[b]);
  }

  /** @param {number} domain  @param {number} bytes  @param {number} blocks */
  #count(domain, bytes, blocks) {
    this.bytes[domain] = Number(this.bytes[domain]) + bytes;
    this.blocks[domain] = Number(this.blocks[domain]) + blocks;
  }
}

/** @param {number} size  @returns {number} which doubling: 0 for 0 and 1, 1 for 2, 2 for 3 and 4 */
const binOf = (size) => (size <= 1 ? 0 : 32 - Math.clz32(size - 1));

/** @param {Trace} trace  @returns {Readonly<TraceReport>} */
export function analyse(trace) {
  const state = new State(trace);
  const tally = new Tally(trace.length);
  for (let i = 0; i < trace.length; i++) {
    step(state, tally, trace, i);
    tally.moment(i, state);
  }
  return tally.report(trace, state);
}

/** @param {State} state  @param {Tally} tally  @param {Trace} trace  @param {number} i */
function step(state, tally, { op, domain, size, block }, i) {
  const [b, n] = [Number(block[i]), Number(size[i])];
  switch (op[i]) {
    case Op.MALLOC:
    case Op.CALLOC:
    case Op.REALLOC_NULL:
      state.begin(b, Number(domain[i]), n);
      tally.born(n);
      break;
    case Op.REALLOC:
      tally.resized(state.resize(b, n), n, Number(state.chain[b]));
      break;
    case Op.FREE:
      tally.died(state.end(b), Number(state.size[b]));
      break;
  }
}

/** Sums over the calls. */
class Tally {
  #sizes = Array.from({ length: 33 }, () => ({ blocks: 0, bytes: 0 }));
  #lives = new Array(LIFE_BINS.length + 1).fill(0);
  #short = { blocks: 0, bytes: 0 };
  #reallocs = { blocks: 0, calls: 0, longest: 0, grown: 0, shrunk: 0 };
  #born = 0;
  #peak = { call: 0, bytes: 0, blocks: 0, domains: {} };
  #course;
  #every;

  /** @param {number} calls */
  constructor(calls) {
    this.#every = Math.max(1, Math.ceil(calls / COURSE));
    const n = Math.ceil(calls / this.#every);
    this.#course = { call: new Uint32Array(n), bytes: new Float64Array(n) };
  }

  /** @param {number} size */
  born(size) {
    this.#born++;
    this.#sized(size);
  }

  /** @param {number} size */
  #sized(size) {
    const bin = this.#sizes[binOf(size)];
    if (!bin) return;
    bin.blocks++;
    bin.bytes += size;
  }

  /** @param {number} before  @param {number} size  @param {number} chain  calls on this block */
  resized(before, size, chain) {
    const r = this.#reallocs;
    r.calls++;
    if (chain === 1) r.blocks++;
    if (size > before) r.grown++;
    else if (size < before) r.shrunk++;
    r.longest = Math.max(r.longest, chain);
    this.#sized(size);
  }

  /** @param {number} life  bytes  @param {number} size */
  died(life, size) {
    const bin = LIFE_BINS.findIndex((most) => life <= most);
    this.#lives[bin < 0 ? LIFE_BINS.length : bin]++;
    if (life > SHORT_LIVED_BYTES) return;
    this.#short.blocks++;
    this.#short.bytes += size;
  }

  /** @param {number} call  @param {State} state */
  moment(call, state) {
    const { total } = state;
    if (call % this.#every === 0) {
      const at = call / this.#every;
      this.#course.call[at] = call;
      this.#course.bytes[at] = total;
    }
    if (total <= this.#peak.bytes) return;
    this.#peak = {
      call,
      bytes: total,
      blocks: state.blocks.reduce((sum, n) => sum + n, 0),
      domains: Object.fromEntries(
        DOMAINS.map((name, d) => [
          name,
          { bytes: Number(state.bytes[d]), blocks: Number(state.blocks[d]) },
        ]),
      ),
    };
  }

  /** @param {Trace} trace  @param {State} state  @returns {Readonly<TraceReport>} */
  report(trace, state) {
    const left = new Array(33).fill(0);
    const never = { blocks: 0, bytes: 0 };
    state.live.forEach((is, b) => {
      if (!is) return;
      const size = Number(state.size[b]);
      never.blocks++;
      never.bytes += size;
      left[binOf(size)]++;
    });
    const times = (/** @type {number[]} */ ...ops) =>
      trace.op.reduce((sum, op) => sum + Number(ops.includes(op)), 0);
    return Object.freeze({
      calls: trace.length,
      finished: trace.finished,
      operations: {
        malloc: times(Op.MALLOC),
        calloc: times(Op.CALLOC),
        realloc: times(Op.REALLOC, Op.REALLOC_NULL),
        free: times(Op.FREE),
      },
      peak: this.#peak,
      sizes: this.#sizes
        .map((bin, k) => ({ size: 2 ** k, ...bin, leftBlocks: left[k] }))
        .filter(({ blocks }) => blocks > 0),
      lifetimes: this.#lives.map((blocks, k) => ({ bytes: LIFE_BINS[k] ?? Infinity, blocks })),
      shortLived: {
        ...this.#short,
        shareOfBlocks: this.#born > 0 ? this.#short.blocks / this.#born : 0,
      },
      reallocs: this.#reallocs,
      never,
      course: this.#course,
    });
  }
}
