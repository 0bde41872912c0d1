/** Sampled call stacks of allocations, and which of the sampled blocks still live. */

import { captureStack, framesOf, siteOf } from './stacks.js';

/** @typedef {import('./stacks.js').Frame} Frame */

/** What was allocated by one call stack, estimated from samples: exact where each request is one.
 *  @typedef {object} Allocations
 *  @property {readonly Readonly<Frame>[]} frames  innermost first
 *  @property {string} site     FILE:LINE:COLUMN of the JavaScript that asked, '' if none is there
 *  @property {number} bytes    of blocks that live
 *  @property {number} blocks   that live
 *  @property {number} totalBytes   ever
 *  @property {number} totalBlocks  ever
 *  @property {number} samples  seen, of live blocks */

/** @typedef {{stack: string, bytes: number, blocks: number}} Sample */

/** Stacks may take this share of the time, looked at over such windows.  Where they take more, the
 *  distance between samples doubles; it halves again where they take less than a quarter of that. */
const SHARE = 1 / 32;
const WINDOW_MS = 50;
/** Shorter distances are kept whatever they cost: who asks for them wants them. */
const ADAPTED_BYTES = 512 * 1024;

export class Samples {
  #period;
  #least;
  #now;
  #windowBegin;
  #spent = 0;
  #functions;
  /** Bytes until the next sample. */
  left;
  /** @type {Map<number, Sample>} by address */ #live = new Map();
  /** @type {Map<string, {bytes: number, blocks: number}>} ever, by stack */ #ever = new Map();

  /** @param {number} period  mean number of bytes between two samples; 1: every request
   *  @param {number} functions  of the module as it was
   *  @param {() => number} [now]  a clock, in milliseconds */
  constructor(period, functions, now = () => performance.now()) {
    this.#period = this.#least = period;
    this.#functions = functions;
    this.#now = now;
    this.#windowBegin = now();
    this.left = this.#interval();
  }

  /** @returns {number} bytes until the next sample: a Poisson process, so that programs with a rhythm
   *    of their own are sampled fairly */
  #interval() {
    if (this.#period <= 1) return 0;
    return Math.max(1, Math.round(-Math.log(1 - Math.random()) * this.#period));
  }

  /** @param {number} begin  of taking a stack */
  #adapt(begin) {
    if (this.#least < ADAPTED_BYTES) return;
    const end = this.#now();
    this.#spent += end - begin;
    const window = end - this.#windowBegin;
    if (window < WINDOW_MS) return;
    const share = this.#spent / window;
    if (share > SHARE) this.#period *= 2;
    else if (share < SHARE / 4) this.#period = Math.max(this.#least, this.#period / 2);
    this.#spent = 0;
    this.#windowBegin = end;
  }

  /** Called during the request that is a sample.
   *  @returns {(address: number, size: number) => void} to be told of its block */
  begin() {
    const period = this.#period; // by which the distance to this sample was drawn
    const begin = this.#now();
    const stack = captureStack();
    this.#adapt(begin);
    this.left = this.#interval();
    return (address, size) => {
      // A block of this size is sampled with this probability, and stands for so many.
      const chance = period <= 1 ? 1 : 1 - Math.exp(-Math.max(size, 1) / period);
      const sample = { stack, bytes: size / chance, blocks: 1 / chance };
      this.#live.set(address, sample);
      const ever = this.#ever.get(stack) ?? { bytes: 0, blocks: 0 };
      ever.bytes += sample.bytes;
      ever.blocks += sample.blocks;
      this.#ever.set(stack, ever);
    };
  }

  /** @param {number} address  of a sampled block that is freed */
  end(address) {
    this.#live.delete(address);
  }

  /** @param {(address: number) => boolean} [counts]  is this live block one to be counted?
   *  @returns {readonly Readonly<Allocations>[]} by stack, most live bytes first */
  allocations(counts = () => true) {
    /** @type {Map<string, {bytes: number, blocks: number, samples: number}>} */
    const live = new Map();
    for (const [address, { stack, bytes, blocks }] of this.#live) {
      if (!counts(address)) continue;
      const sum = live.get(stack) ?? { bytes: 0, blocks: 0, samples: 0 };
      live.set(stack, {
        bytes: sum.bytes + bytes,
        blocks: sum.blocks + blocks,
        samples: sum.samples + 1,
      });
    }
    const out = [...this.#ever].map(([stack, ever]) => {
      const now = live.get(stack) ?? { bytes: 0, blocks: 0, samples: 0 };
      const frames = framesOf(stack, this.#functions);
      return Object.freeze({
        frames,
        site: siteOf(frames),
        bytes: Math.round(now.bytes),
        blocks: Math.round(now.blocks),
        totalBytes: Math.round(ever.bytes),
        totalBlocks: Math.round(ever.blocks),
        samples: now.samples,
      });
    });
    return Object.freeze(out.sort((a, b) => b.bytes - a.bytes || b.totalBytes - a.totalBytes));
  }
}
