/** A heap map as one byte for each 4 KiB of linear memory: what is drawn is looked up from these.
 *  Pure functions over typed arrays; a gigabyte is 262,144 units and takes about a millisecond. */

import { PageKind, PoolState } from '../../../src/index.js';
import { Code, DIFF_LEVELS, POOL_LEVELS, RAW_LEVELS } from './palette.js';

/** @typedef {import('../../../src/index.js').HeapMap} HeapMap */

/** Units of a page of 64 KiB: 4 by 4 on the map. */
export const PER_PAGE = 16;

/** Codes of all units.  A pool has its own; what else lies in a page is known by the page, so its
 *  other units share one code.
 *  @param {HeapMap} map
 *  @param {Uint8Array<ArrayBuffer>} [out]  used again when it has the right length
 *  @returns {Uint8Array<ArrayBuffer>} PER_PAGE times as long as map.pages */
export function unitsOf(map, out) {
  const { pages, firstPool, pools, poolBytes } = map;
  const n = pages.length * PER_PAGE;
  const codes = out?.length === n ? out : new Uint8Array(n);
  for (let p = 0; p < pages.length; p++) {
    codes.fill(pageCode(map, p), p * PER_PAGE, (p + 1) * PER_PAGE);
    const end = /** @type {number} */ (firstPool[p + 1]);
    for (let k = /** @type {number} */ (firstPool[p]); k < end; k++) {
      const unit = /** @type {number} */ (pools.address[k]) / poolBytes;
      codes[unit] = poolCode(
        /** @type {number} */ (pools.state[k]),
        /** @type {number} */ (pools.blocks[k]),
        /** @type {number} */ (pools.capacity[k]),
      );
    }
  }
  return codes;
}

/** @param {HeapMap} map  @param {number} p  page  @returns {number} what is no pool in it */
function pageCode({ pages, rawBytes, freeBytes, firstPool, pageBytes, poolBytes }, p) {
  const kind = pages[p];
  if (kind === PageKind.FOREIGN) return Code.FOREIGN;
  if (kind === PageKind.FREE) return Code.FREE;
  if (kind === PageKind.DAMAGED) return Code.DAMAGED;
  const pools = /** @type {number} */ (firstPool[p + 1]) - /** @type {number} */ (firstPool[p]);
  const room = pageBytes - pools * poolBytes;
  const raw = /** @type {number} */ (rawBytes[p]);
  // Headers of chunks between pools are no raw memory worth a colour.
  if (raw < 64) return /** @type {number} */ (freeBytes[p]) > 0 ? Code.FREE : Code.FOREIGN;
  return Code.RAW + level(raw, room, RAW_LEVELS);
}

/** @param {number} state  @param {number} blocks  @param {number} capacity  @returns {number} */
export function poolCode(state, blocks, capacity) {
  return state === PoolState.DAMAGED
    ? Code.DAMAGED
    : Code.POOL + level(blocks, capacity, POOL_LEVELS);
}

/** @param {number} part  @param {number} whole  @param {number} levels
 *  @returns {number} 0 only for nothing, the last one only for everything */
export function level(part, whole, levels) {
  if (part <= 0 || whole <= 0) return 0;
  if (part >= whole) return levels - 1;
  return 1 + Math.min(Math.floor((part / whole) * (levels - 2)), levels - 3);
}

/** How full a unit is with what lives, from 0 to 1, as its code tells.
 *  @param {number} code  @returns {number} */
export function fillOf(code) {
  if (code >= Code.POOL && code < Code.POOL + POOL_LEVELS) {
    return (code - Code.POOL) / (POOL_LEVELS - 1);
  }
  if (code >= Code.RAW && code < Code.RAW + RAW_LEVELS) return (code - Code.RAW) / (RAW_LEVELS - 1);
  return 0;
}

/** What became of each unit from one map to a later one.
 *  @param {Uint8Array} before  @param {Uint8Array} after
 *  @param {Uint8Array<ArrayBuffer>} [out]  used again when it has the right length
 *  @returns {Uint8Array<ArrayBuffer>} as long as the longer one */
export function differenceOf(before, after, out) {
  const n = Math.max(before.length, after.length);
  const codes = out?.length === n ? out : new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const a = before[i] ?? Code.OUTSIDE;
    const b = after[i] ?? Code.OUTSIDE;
    codes[i] = a === b ? Code.SAME : b === Code.DAMAGED ? Code.DAMAGED : change(a, b);
  }
  return codes;
}

/** @param {number} a  code  @param {number} b  code  @returns {number} */
function change(a, b) {
  const delta = fillOf(b) - fillOf(a);
  if (Math.abs(delta) < 1 / POOL_LEVELS) return Code.SAME;
  const steps = level(Math.abs(delta), 1, DIFF_LEVELS);
  return (delta > 0 ? Code.MORE : Code.LESS) + steps;
}
