/** What lies in the units that are seen close: the blocks of pools, raw chunks.  The worker is asked
 *  for what is in sight, not more than a few times a second; meanwhile what was known is drawn. */

import { PER_PAGE } from './units.js';
import { SIDE } from './geometry.js';

/** @typedef {import('../../../src/blocks.js').Blocks} Blocks */
/** @typedef {import('../../../src/blocks.js').Chunks} Chunks */

/** @typedef {object} Source  how to ask; each rejects where there is nothing to be had
 *  @property {(address: number) => Promise<Blocks>} blocks
 *  @property {(from: number, to: number) => Promise<Chunks>} chunks */

const PAGE = 65536;
/** Milliseconds between two questions for the same thing while the program runs. */
const REFRESH_MS = 150;
/** Questions under way at the most. */
const AT_ONCE = 8;
/** Bytes that one question for chunks covers at the most: what the worker answers. */
const SPAN = 1 << 20;
const KEPT = 256;

/** @template T  @typedef {{value: T | null, version: number, asked: number}} Entry */

export class Details {
  #source;
  #onChange;
  /** @type {globalThis.Map<number, Entry<Blocks>>} */
  #pools = new Map();
  /** @type {globalThis.Map<string, Entry<Chunks>>} */
  #chunks = new Map();
  #version = 1;
  #asking = 0;
  /** @type {number | undefined} */
  #timer;

  /** @param {Source} source  @param {() => void} onChange  something new can be drawn */
  constructor(source, onChange) {
    this.#source = source;
    this.#onChange = onChange;
  }

  /** Memory changed: what is known is old. */
  age() {
    this.#version++;
  }

  /** Another program: what is known is of no use. */
  clear() {
    this.#pools.clear();
    this.#chunks.clear();
    this.#version++;
  }

  /** @param {number} address  of a pool  @returns {Blocks | null} null: not known yet */
  poolAt(address) {
    return this.#get(this.#pools, address, () => this.#source.blocks(address));
  }

  /** Row by row of pages, since a row is one range of addresses.
   *  @param {import('./paint.js').Scene} scene  @param {import('./paint.js').Sight} sight
   *  @returns {Chunks[]} by address */
  chunksIn({ columns, codes, fold }, { x0, x1, y0, y1 }) {
    /** @type {Chunks[]} */
    const out = [];
    const pages = codes.length / PER_PAGE;
    const address = (/** @type {number} */ page) =>
      (fold.unitAt(page * PER_PAGE) / PER_PAGE) * PAGE;
    for (let row = Math.floor(y0 / SIDE); row * SIDE < y1; row++) {
      const last = Math.min(row * columns + Math.ceil(x1 / SIDE), pages);
      for (let page = row * columns + Math.floor(x0 / SIDE); page < last; ) {
        const at = address(page);
        let stop = at + PAGE;
        // On to the end of the row, or where something is folded.
        while (++page < last && address(page) === stop && stop < at + SPAN) stop += PAGE;
        const known = this.#get(this.#chunks, `${at}-${stop}`, () => this.#source.chunks(at, stop));
        if (known) out.push(known);
      }
    }
    return out;
  }

  /** @template K, T
   *  @param {globalThis.Map<K, Entry<T>>} known  @param {K} key  @param {() => Promise<T>} ask
   *  @returns {T | null} what is known; asks if it is old */
  #get(known, key, ask) {
    const entry = known.get(key) ?? { value: null, version: 0, asked: -Infinity };
    if (entry.version === this.#version) return entry.value;
    const now = performance.now();
    if (now - entry.asked < REFRESH_MS || this.#asking >= AT_ONCE) {
      this.#timer ??= window.setTimeout(() => {
        this.#timer = undefined;
        this.#onChange();
      }, REFRESH_MS);
      return entry.value;
    }
    if (known.size >= KEPT) known.clear();
    known.set(key, entry);
    entry.asked = now;
    this.#ask(entry, ask);
    return entry.value;
  }

  /** @template T  @param {Entry<T>} entry  @param {() => Promise<T>} ask */
  async #ask(entry, ask) {
    const version = this.#version;
    this.#asking++;
    try {
      entry.value = await ask();
    } catch {
      entry.value = null; // the pool is gone, or the worker: nothing to draw
    } finally {
      this.#asking--;
    }
    entry.version = version;
    this.#onChange();
  }
}
