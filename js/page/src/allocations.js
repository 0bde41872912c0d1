/** Who holds the memory of the program that runs: its profile, and what the page is told of it. */

import { PymallocError } from '../../src/errors.js';

/** @typedef {import('../../src/heap.js').Heap} Heap */
/** @typedef {import('../../src/profile/profile.js').Profile} Profile */
/** @typedef {import('../../src/profile/profile.js').When} When */
/** @typedef {import('./protocol.js').Allocations} Reply */

export class Profiling {
  /** @type {Profile | null} */
  #profile = null;
  #why = 'no program was run yet';

  /** @param {Heap} heap  @param {number} every  bytes between two samples; 0: none are taken */
  begin(heap, every) {
    this.end();
    this.#profile = null;
    this.#why = 'no samples were taken of this run';
    if (every === 0) return;
    try {
      this.#profile = heap.profile({ every });
    } catch (error) {
      if (!(error instanceof PymallocError)) throw error;
      this.#why = error.message;
    }
  }

  /** The program ended: what lived then is kept. */
  end() {
    try {
      this.#profile?.stop();
    } catch {
      // its instance trapped: there is nothing to be stopped any more
    }
  }

  /** @param {When} when  @returns {Reply} */
  answer(when) {
    const profile = this.#profile;
    if (!profile) return empty(when, this.#why);
    const { bytes, blocks, sites } = profile.holdings(when);
    const { frames, stacks, numberOf } = numbered(sites);
    const sampled = [...profile.blocks()];
    return {
      when,
      every: profile.every,
      samples: profile.samples,
      note: profile.note,
      bytes,
      blocks,
      frames,
      stacks,
      sampled: {
        address: Float64Array.from(sampled, (block) => block.address),
        size: Float64Array.from(sampled, (block) => block.size),
        stack: Int32Array.from(sampled, (block) => numberOf.get(block.frames) ?? -1),
      },
    };
  }

  /** @returns {import('./protocol.js').Holder | null} the line that holds most now */
  get holder() {
    try {
      const [line] = this.#profile?.top(1) ?? [];
      if (!line || !this.#profile) return null;
      const { name, file, line: number, bytes } = line;
      return { name, file, line: number, bytes, of: this.#profile.live().bytes };
    } catch {
      return null; // a stack could not be read: the request's own words are enough
    }
  }
}

/** @param {When} when  @param {string} note  @returns {Reply} */
function empty(when, note) {
  return {
    when,
    every: 0,
    samples: 0,
    note,
    bytes: 0,
    blocks: 0,
    frames: [],
    stacks: [],
    sampled: { address: new Float64Array(0), size: new Float64Array(0), stack: new Int32Array(0) },
  };
}

/** Each frame once, so that a stack is a list of numbers.
 *  @param {import('../../src/profile/profile.js').Holdings['sites']} sites */
function numbered(sites) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  /** @type {Reply['frames']} */
  const frames = [];
  /** @type {Map<unknown, number>} by the list of frames of a site, which its blocks have too */
  const numberOf = new Map();
  const numberOfFrame = (/** @type {Reply['frames'][0]} */ frame) => {
    const key = `${frame.language} ${frame.line} ${frame.file} ${frame.name}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, frames.length);
    return frames.push(frame) - 1;
  };
  const stacks = sites.map(({ frames: list, domain, bytes, blocks, samples }, i) => {
    numberOf.set(list, i);
    return { frames: list.map(numberOfFrame), domain, bytes, blocks, samples };
  });
  return { frames, stacks, numberOf };
}
