/** The pool table, which says of each 4 KiB of memory whether it is a pool and how many of its blocks
 *  are free; and the lists of cached blocks, which belong to the current pools.
 *
 *  Every value is checked before it is used: an entry has to be one that the library could have
 *  written, a link has to stay in its pool. */

import { badMemory, hex } from './errors.js';
import { checkRange, readU48, readWord } from './memory.js';
import { segmentsOf } from './segments.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** Entries of the pool table, one behind the other: a copy.
 *  @typedef {object} PoolTable
 *  @property {DataView} entries
 *  @property {number} units   of pool_bytes that it covers, from address 0 on
 *  @property {number} stride  bytes of an entry
 *  @property {number} size    offset of the block size in an entry; a size of 0 is no pool */

/** What the entry of a pool says.
 *  @typedef {object} Pool
 *  @property {number} base   address
 *  @property {number} size   of its blocks
 *  @property {number} owner  address of its heap
 *  @property {number} first  address of the first block
 *  @property {number} capacity
 *  @property {number} used   blocks that are not in its own list
 *  @property {number} free   address of the first block of that list; the base: it is empty */

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @param {number} unit
 *  @returns {number} address of the leaf that has its entry; 0: there is none, and no pool */
function leafOf(view, root, { constants: c, leaves, poolStride, wide }, unit) {
  const n = Math.floor(unit / c.leaf_pools);
  if (n >= leaves.count) return 0;
  const leaf = readWord(view, root + leaves.offset + n * leaves.stride, wide);
  if (leaf !== 0) checkRange(view, leaf, c.leaf_pools * poolStride, 'a leaf of the pool table', 8);
  return leaf;
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @param {number} [end]  address that it need not pass
 *  @returns {PoolTable} as far as there is memory */
export function poolTable(view, root, layout, end = view.byteLength) {
  const {
    constants: { pool_bytes, leaf_pools },
    poolStride: stride,
  } = layout;
  const units = Math.min(Math.floor(view.byteLength / pool_bytes), Math.ceil(end / pool_bytes));
  const bytes = new Uint8Array(units * stride);
  for (let unit = 0; unit < units; unit += leaf_pools) {
    const leaf = leafOf(view, root, layout, unit);
    if (leaf === 0) continue;
    const n = Math.min(leaf_pools, units - unit) * stride;
    bytes.set(new Uint8Array(view.buffer, leaf, n), unit * stride);
  }
  return { entries: new DataView(bytes.buffer), units, stride, size: layout.pool.size };
}

/** @param {PoolTable} table  @param {number} first  unit  @param {number} last  that may be one
 *  @returns {number} how many units from `first` on are pools, one behind the other */
export function poolsFrom({ entries, units, stride, size }, first, last) {
  const stop = Math.min(Math.floor(last) + 1, units);
  let unit = first;
  while (unit < stop && entries.getUint16(unit * stride + size, true) !== 0) unit++;
  return unit - first;
}

/** Heaps by the low half of their id, which is what an entry holds. */
export class Owners {
  #view;
  #layout;
  /** @type {Map<number, number[]>} */
  #heaps = new Map();

  /** @param {DataView} view  @param {readonly number[]} heaps  @param {Layout} layout */
  constructor(view, heaps, layout) {
    this.#view = view;
    this.#layout = layout;
    for (const heap of heaps) {
      const id = view.getUint32(heap + layout.heap.id, true) & 0xffff;
      const before = this.#heaps.get(id);
      if (before) before.push(heap);
      else this.#heaps.set(id, [heap]);
    }
  }

  /** @param {number} id  low half  @returns {boolean} more than one heap has it */
  isShared(id) {
    return (this.#heaps.get(id)?.length ?? 0) > 1;
  }

  /** @param {number} id  low half  @param {number} base  of the pool
   *  @returns {number} address of the heap; 0: none is alive.  Of several the one in whose segment
   *    the pool lies */
  of(id, base) {
    const found = this.#heaps.get(id) ?? [];
    if (found.length < 2) return found[0] ?? 0;
    for (const heap of [...found].reverse()) {
      // the default one has the segments around theirs
      for (const { start, end } of segmentsOf(this.#view, [heap], this.#layout)) {
        if (base >= start && base < end) return heap;
      }
    }
    return 0;
  }
}

/** @param {number} free  of the entry  @param {number} left  of the entry
 *  @param {number} low  what `free` is if the pool's own list is empty
 *  @param {number} first  block, from the base on  @param {number} size  of a block
 *  @param {number} capacity
 *  @returns {number} blocks that are not in the pool's own list; -1: the entry is damaged */
export function usedBlocks(free, left, low, first, size, capacity) {
  const at = free - low;
  if (at === 0) return capacity;
  const sound =
    left < capacity && at >= first && at < first + capacity * size && (at - first) % size === 0;
  return sound ? left : -1;
}

/** @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {readonly number[]} heaps  @param {number} address  anywhere in the pool
 *  @returns {Pool | null} null: no pool lies there
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY: its entry is damaged */
export function readPool(view, root, layout, heaps, address) {
  const { constants: c, poolStride, pool: f } = layout;
  const { pool_bytes, leaf_pools, link_max, pool_header: first } = c;
  const unit = Math.floor(address / pool_bytes);
  const base = unit * pool_bytes;
  const leaf = base + pool_bytes > view.byteLength ? 0 : leafOf(view, root, layout, unit);
  const entry = leaf + (unit % leaf_pools) * poolStride;
  const size = leaf === 0 ? 0 : view.getUint16(entry + f.size, true);
  if (size === 0) return null;
  const capacity = Number(layout.capacity[size] ?? 0);
  const free = view.getUint16(entry + f.free, true);
  const used = usedBlocks(
    free,
    view.getUint16(entry + f.left, true),
    base & link_max,
    first,
    size,
    capacity,
  );
  const owner = new Owners(view, heaps, layout).of(view.getUint16(entry + f.heap, true), base);
  if (capacity === 0 || used < 0 || owner === 0) {
    throw badMemory(`the pool table's entry for the pool at ${hex(base)} was overwritten`);
  }
  return {
    base,
    size,
    owner,
    first: base + first,
    capacity,
    used,
    free: base - (base & link_max) + free,
  };
}

/** A list of cached blocks.
 *  @typedef {object} CachedList
 *  @property {number} unit   of its pool; 0: there is none
 *  @property {number} block  address of the first; the pool's base: it is empty
 *  @property {number} count */

/** @param {DataView} view  @param {number} heap  @param {Layout} layout
 *  @param {number} slot  of the domain (mem 0, object 1) and class: domain * (classes + 1) + class
 *  @returns {CachedList} */
export function readList(view, heap, { arrays: { current }, lists, list, wide }, slot) {
  const at = heap + lists.offset + slot * lists.stride;
  return {
    unit: view.getUint32(heap + current.offset + slot * current.stride, true),
    block: wide ? readU48(view, at + list.block) : view.getUint32(at + list.block, true),
    count: wide ? view.getUint16(at + list.count, true) : view.getUint32(at + list.count, true),
  };
}

/** Marks the blocks of a list of free blocks: each of them is one of the pool's and in no other
 *  list, and behind the last comes the pool's base.
 *  @param {DataView} view  @param {number} root  @param {Layout} layout  @param {Pool} pool
 *  @param {Uint8Array} states  of the pool's blocks; `live` before
 *  @param {number} block  the first  @param {number} count  of blocks
 *  @param {number} live  @param {number} state  what they become
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY */
export function markList(view, root, layout, pool, states, block, count, live, state) {
  const {
    constants: { link_max },
    space: { link_key },
  } = layout;
  const low = view.getUint32(root + link_key, true);
  const high = view.getUint32(root + link_key + 4, true);
  const half = pool.base - (pool.base & link_max);
  for (let n = 0; n < count; n++) {
    const i = (block - pool.first) / pool.size;
    if (states[i] !== live) throw badList(pool, block);
    states[i] = state;
    const link = (view.getUint32(block, true) ^ low) >>> 0;
    if (view.getUint32(block + 4, true) !== high) throw badList(pool, block);
    block = half + link; // a link that is too large leaves the pool
  }
  if (block !== pool.base) throw badList(pool, block);
}

/** @param {Pool} pool  @param {number} block */
function badList({ base, size }, block) {
  return badMemory(
    `a list of free blocks of ${size} bytes, of the pool at ${hex(base)}, is damaged `
      + `at ${hex(block)}: a block was written to after it was freed, or freed twice`,
  );
}
