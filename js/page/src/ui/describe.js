/** The map in words: of one place, and of all. */

import { PageKind, PoolState } from '../../../src/index.js';
import { bytes, count, hex, percent, plural } from './format.js';
import { ARENA_PAGES } from './geometry.js';
import { PER_PAGE } from './units.js';

/** @typedef {import('../../../src/index.js').HeapMap} HeapMap */
/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */

const UNIT_BYTES = 4096;

/** @param {HeapMap} map  @param {number} unit
 *  @returns {number} index of the pool there, or -1 */
export function poolIndex({ pools, firstPool }, unit) {
  const page = Math.floor(unit / PER_PAGE);
  const end = firstPool[page + 1] ?? 0;
  for (let k = firstPool[page] ?? 0; k < end; k++) {
    if (pools.address[k] === unit * UNIT_BYTES) return k;
  }
  return -1;
}

/** What lies in a unit, or in its page when these are too small to be told apart.
 *  @param {HeapMap} map  @param {number} unit  @param {boolean} byPage  @returns {string} */
export function unitText(map, unit, byPage) {
  const page = Math.floor(unit / PER_PAGE);
  if (page >= map.pages.length) return 'Beyond the end of linear memory.';
  const where = `Page ${count(page)} of ${count(map.pages.length)}, arena ${count(Math.floor(page / 4))}`;
  if (byPage) return `${where}, at ${hex(page * map.pageBytes)}: ${pageText(map, page)}.`;
  const k = poolIndex(map, unit);
  const at = hex(unit * UNIT_BYTES);
  if (k < 0) return `${where}, 4 KiB at ${at}: no pool here; in this page ${pageText(map, page)}.`;
  return `${where}, pool at ${at}: ${poolText(map, k)}.`;
}

/** @param {import('./fold.js').Run} run  @returns {string} */
export function barText({ from, to }) {
  const pages = `Pages ${count(from * ARENA_PAGES)} to ${count(to * ARENA_PAGES - 1)}`;
  return `${pages}, not the allocator’s: data, stack or another allocator. A click, or Enter, shows them.`;
}

/** @param {HeapMap} map  @param {number} k  @returns {string} */
function poolText({ pools }, k) {
  const [blocks, capacity, size] = [
    pools.blocks[k] ?? 0,
    pools.capacity[k] ?? 0,
    pools.blockSize[k] ?? 0,
  ];
  if (pools.state[k] === PoolState.DAMAGED)
    return 'damaged, its entry in the pool table was overwritten';
  if (pools.state[k] === PoolState.FULL)
    return `all ${plural(capacity, 'block')} of ${bytes(size)} live`;
  return `${count(blocks)} of ${plural(capacity, 'block')} of ${bytes(size)} live, ${percent(blocks, capacity)}`;
}

/** @param {HeapMap} map  @param {number} page  @returns {string} */
function pageText({ pages, rawBytes, freeBytes, firstPool, pools }, page) {
  const kind = pages[page];
  if (kind === PageKind.FOREIGN) return 'not the allocator’s: data, stack or another allocator';
  if (kind === PageKind.FREE) return 'all free';
  const damaged = kind === PageKind.DAMAGED ? 'damaged, a header before was overwritten; ' : '';
  const [from, to] = [firstPool[page] ?? 0, firstPool[page + 1] ?? 0];
  let [blocks, capacity] = [0, 0];
  for (let k = from; k < to; k++) {
    blocks += pools.blocks[k] ?? 0;
    capacity += pools.capacity[k] ?? 0;
  }
  const parts = [];
  if (to > from)
    parts.push(`${plural(to - from, 'pool')}, ${percent(blocks, capacity)} of their blocks live`);
  if ((rawBytes[page] ?? 0) > 0) parts.push(`${bytes(rawBytes[page] ?? 0)} in raw blocks`);
  if ((freeBytes[page] ?? 0) > 0) parts.push(`${bytes(freeBytes[page] ?? 0)} free`);
  return damaged + (parts.join(', ') || 'nothing in use');
}

/** All of the map, for those who do not see it.
 *  @param {HeapMap | null} map  @param {HeapStats | null} stats  @returns {string} */
export function summary(map, stats) {
  if (!map) return 'No memory to show yet.';
  const { totals, pages } = map;
  const parts = [
    [totals.pool, 'with pools'],
    [totals.raw, 'with raw blocks'],
    [totals.free, 'free'],
    [totals.foreign, 'not the allocator’s'],
    [totals.damaged, 'damaged'],
  ]
    .filter(([n]) => Number(n) > 0)
    .map(([n, text]) => `${count(Number(n))} ${text}`);
  const live = stats
    ? ` ${bytes(liveBytes(stats))} live in ${plural(liveBlocks(stats), 'block')}.`
    : '';
  return (
    `${plural(pages.length, 'page')} of 64 KiB: ${parts.join(', ')}. ${plural(totals.arenas, 'arena')}, `
    + `${plural(map.pools.address.length, 'pool')}.${live}`
  );
}

/** @param {HeapStats} stats  @returns {number} */
export function liveBytes({ domains: { raw, mem, object } }) {
  return raw.liveBytes + mem.liveBytes + object.liveBytes;
}

/** @param {HeapStats} stats  @returns {number} */
export function liveBlocks({ domains: { raw, mem, object } }) {
  return raw.liveBlocks + mem.liveBlocks + object.liveBlocks;
}
