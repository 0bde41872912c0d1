/** Long runs of pages that are not the allocator's take one arena of the map, a bar.  Pure functions.
 *
 *  The map has places for arenas; without a fold arena 7 is in place 7.  A unit has so a place on the
 *  map too, which is its own number where nothing is folded. */

import { ARENA_PAGES } from './geometry.js';
import { Code } from './palette.js';
import { PER_PAGE } from './units.js';

/** Units of an arena. */
export const PER_ARENA = ARENA_PAGES * PER_PAGE;
/** Arenas from which a run is folded. */
const FEWEST = 4;

/** A run of arenas, from..to - 1, and the place of its bar.
 *  @typedef {{from: number, to: number, place: number}} Run */

export class Fold {
  #runs;

  /** @param {readonly Run[]} [runs]  by address */
  constructor(runs = []) {
    this.#runs = runs;
  }

  /** @returns {readonly Run[]} */
  get runs() {
    return this.#runs;
  }

  /** @param {number} unit  @returns {number} its place; that of a bar if it is folded */
  placeOf(unit) {
    let gone = 0;
    for (const { from, to } of this.#runs) {
      if (unit < from * PER_ARENA) break;
      if (unit < to * PER_ARENA) return (from - gone) * PER_ARENA;
      gone += to - from - 1;
    }
    return unit - gone * PER_ARENA;
  }

  /** @param {number} place  @returns {number} the unit there; of a bar, the first that it stands for */
  unitAt(place) {
    let gone = 0;
    for (const { from, to, place: bar } of this.#runs) {
      if (place < bar * PER_ARENA) break;
      if (place < (bar + 1) * PER_ARENA) return from * PER_ARENA;
      gone += to - from - 1;
    }
    return place + gone * PER_ARENA;
  }

  /** @param {number} unit  @returns {Run | undefined} that hides it */
  runOf(unit) {
    return this.#runs.find(({ from, to }) => unit >= from * PER_ARENA && unit < to * PER_ARENA);
  }

  /** Where an arrow starts from: it leaves a bar at once.
   *  @param {number} unit  @param {string} key  @returns {{place: number, inBar: boolean}} */
  startOf(unit, key) {
    const inBar = this.runOf(unit) !== undefined;
    const last = inBar && key === 'ArrowRight' ? PER_ARENA - PER_PAGE : 0;
    return { place: this.placeOf(unit) + last, inBar };
  }

  /** @param {Uint8Array} codes  of units  @returns {Uint8Array} of places */
  apply(codes) {
    if (this.#runs.length === 0) return codes;
    const gone = this.#runs.reduce((n, { from, to }) => n + to - from - 1, 0);
    const out = new Uint8Array(codes.length - gone * PER_ARENA);
    let [at, read] = [0, 0];
    const copy = (/** @type {number} */ end) => {
      out.set(codes.subarray(read, end), at);
      at += end - read;
    };
    for (const { from, to } of this.#runs) {
      copy((from + 1) * PER_ARENA);
      read = to * PER_ARENA;
    }
    copy(codes.length);
    return out;
  }
}

/** @param {Uint8Array} codes  of units  @param {ReadonlySet<number>} open  first arenas of runs that a
 *    person unfolded
 *  @returns {Fold} */
export function foldOf(codes, open) {
  /** @type {Run[]} */
  const runs = [];
  const arenas = Math.floor(codes.length / PER_ARENA);
  let gone = 0;
  for (let from = 0; from < arenas; ) {
    let to = from;
    while (to < arenas && isForeign(codes, to)) to++;
    if (to - from >= FEWEST && !open.has(from)) {
      runs.push({ from, to, place: from - gone });
      gone += to - from - 1;
    }
    from = Math.max(to, from + 1);
  }
  return new Fold(runs);
}

/** @param {Uint8Array} codes  @param {number} arena  @returns {boolean} nothing in it is ours */
function isForeign(codes, arena) {
  for (let unit = arena * PER_ARENA; unit < (arena + 1) * PER_ARENA; unit++) {
    if (codes[unit] !== Code.FOREIGN) return false;
  }
  return true;
}
