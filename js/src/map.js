/** heap.map(): what lies in every page of linear memory, and every pool.
 *
 *  Pools are found through the map of pools, a byte for each 4 KiB of memory, and verified by their
 *  own headers; everything else by a walk over the chunks of all segments, which passes over pools
 *  without looking at them.  Neither believes anything: an offset or a size is used after it was
 *  found to lie where it may. */

import { badMemory, hex } from './errors.js';
import { INTERNAL } from './layout.js';
import { checkRange } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** Value of HeapMap.pages: what a 64 KiB page holds.  FREE: nothing, it is part of a free chunk.
 *  RAW: something of the library's, but no pool.  DAMAGED: the same, and the chunks in it cannot be
 *  told apart because a header before them was overwritten. */
export const PageKind = Object.freeze({ FOREIGN: 0, FREE: 1, RAW: 2, POOL: 3, DAMAGED: 255 });
/** Value of HeapMap.pools.state.  FULL: every block is out.  DAMAGED: the pool's header was
 *  overwritten; its other numbers but the address are then 0. */
export const PoolState = Object.freeze({ USABLE: 1, FULL: 2, DAMAGED: 255 });

/** A snapshot in typed arrays; they are copies and belong to the caller.
 *
 *  @typedef {object} HeapMap
 *  @property {number} pageBytes      65536
 *  @property {number} poolBytes      4096
 *  @property {Uint8Array} pages      kind of every page of linear memory, one of PageKind
 *  @property {Uint32Array} firstPool  one element more than pages: the pools of page p are those
 *    from firstPool[p] to below firstPool[p + 1]
 *  @property {Uint32Array} rawBytes   of each page: in raw blocks in use, headers in
 *  @property {Uint32Array} freeBytes  of each page: in free chunks, headers in, those at hand too
 *  @property {PoolMap} pools          every pool of every heap, by address
 *  @property {MapTotals} totals
 *  @property {Uint32Array} damage     address of each chunk whose header was overwritten; the rest
 *    of its segment was not walked, its pools were found all the same */

/** One element a pool.
 *  @typedef {object} PoolMap
 *  @property {Uint32Array} address     a multiple of poolBytes
 *  @property {Uint32Array} owner       address of the heap (Heap.address) whose pool it is
 *  @property {Uint8Array} state        one of PoolState
 *  @property {Uint16Array} blockSize   bytes
 *  @property {Uint16Array} blocks      handed out: live, or at hand in their class
 *  @property {Uint16Array} capacity    blocks that the pool has room for */

/** Pages of each kind, and the windows of 256 KiB that hold a pool: CPython's arenas.
 *  @typedef {object} MapTotals
 *  @property {number} foreign
 *  @property {number} free
 *  @property {number} raw
 *  @property {number} pool
 *  @property {number} damaged
 *  @property {number} arenas */

/** Time and space are proportional to the size of the memory, whatever it holds.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @returns {Readonly<HeapMap>} */
export function readMap(view, root, layout) {
  const { page_bytes, pool_bytes } = layout.constants;
  const heaps = readHeapList(view, root, layout);
  const classes = poolClasses(view, root, layout);
  const n = Math.floor(view.byteLength / page_bytes);
  const firstPool = new Uint32Array(n + 1);
  const pools = readPools(view, classes, new Set(heaps), layout, firstPool);
  const pages = new Uint8Array(n);                        // FOREIGN
  const used = { pages, raw: new Int32Array(n), free: new Uint32Array(n),
    damage: /** @type {number[]} */ ([]) };
  walkSegments(view, classes, heaps, layout, used);
  const totals = finish(used, firstPool, layout);
  return Object.freeze({ pageBytes: page_bytes, poolBytes: pool_bytes, pages, firstPool,
    rawBytes: new Uint32Array(used.raw.buffer), freeBytes: used.free, pools, totals,
    damage: Uint32Array.from(used.damage) });
}

/** The map of pools: class of the pool in each unit of pool_bytes, 0 for none.
 *  @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {Uint8Array} a view, as far as there is memory (the map may be ahead of it) */
export function poolClasses(view, root, layout) {
  const { constants: c, space } = layout;
  const address = view.getUint32(root + space.pool_map, true);
  const units = Math.min(view.getUint32(root + space.pool_map_len, true),
    Math.floor(view.byteLength / c.pool_bytes));
  if (units > 0) checkRange(view, address, units, 'the map of pools', 1);
  return new Uint8Array(view.buffer, address, units);
}

// ---- Pools ----

/** A pool's header is a line of cache in a page of its own, which is what this costs: so it is read
 *  once, and what the loop needs are numbers.
 *  @param {DataView} view  @param {Uint8Array} classes  @param {ReadonlySet<number>} heaps
 *  @param {Layout} layout  @param {Uint32Array} firstPool  filled in
 *  @returns {Readonly<PoolMap>} */
function readPools(view, classes, heaps, layout, firstPool) {
  const { pool_bytes, page_bytes, pool_key, pool_room, alignment } = layout.constants;
  const { check, used, cap, size: sizeAt } = layout.pool;
  const pools = emptyPools(classes);
  const { address, owner, state, blockSize, blocks, capacity } = pools;
  const perPage = page_bytes / pool_bytes;
  let known = 0;                                          // a heap, once it is not 0
  let k = 0;
  for (let unit = 0; unit < classes.length; unit++) {
    if ((unit & (perPage - 1)) === 0) firstPool[unit / perPage] = k;
    const size = /** @type {number} */ (classes[unit]) * alignment;
    if (size === 0) continue;
    const at = unit * pool_bytes;
    const heap = view.getInt32(at + check, true) ^ at ^ pool_key;      // signed
    const out = view.getUint16(at + used, true);
    const most = view.getUint16(at + cap, true);
    if (heap !== known && heaps.has(heap >>> 0)) known = heap;
    address[k] = at;
    if (heap === known && heap !== 0 && view.getUint16(at + sizeAt, true) === size
      && out <= most && most * size <= pool_room) {
      owner[k] = heap;
      state[k] = out === most ? PoolState.FULL : PoolState.USABLE;
      blockSize[k] = size;
      blocks[k] = out;
      capacity[k] = most;
    } else {
      state[k] = PoolState.DAMAGED;
    }
    k++;
  }
  firstPool.fill(k, Math.ceil(classes.length / perPage));
  return Object.freeze(pools);
}

/** @param {Uint8Array} classes  @returns {PoolMap} room for as many as there are */
function emptyPools(classes) {
  let n = 0;
  for (let unit = 0; unit < classes.length; unit++) if (classes[unit] !== 0) n++;
  return { address: new Uint32Array(n), owner: new Uint32Array(n), state: new Uint8Array(n),
    blockSize: new Uint16Array(n), blocks: new Uint16Array(n), capacity: new Uint16Array(n) };
}

// ---- Segments and chunks ----

/** What the walk finds, by page.  Segments of further heaps lie in raw blocks of the default one:
 *  there what is free or in pools is taken off what counted as raw.
 *  @typedef {object} Used
 *  @property {Uint8Array} pages  kinds
 *  @property {Int32Array} raw    bytes of raw chunks in use
 *  @property {Uint32Array} free  bytes of free chunks
 *  @property {number[]} damage */

/** Walks all segments.  Those of the default heap together are no longer than the memory, nor are
 *  those of the others, which lie within them: so a list that is a loop ends.
 *  @param {DataView} view  @param {Uint8Array} classes  @param {readonly number[]} heaps
 *  @param {Layout} layout  @param {Used} used */
function walkSegments(view, classes, heaps, layout, used) {
  const { constants: c, segment, heap: f } = layout;
  const unit = c.raw_flags + 1;
  let left = view.byteLength;
  heaps.forEach((heap, i) => {
    if (i === 1) left = view.byteLength;
    let s = view.getUint32(heap + f.segments, true);
    while (s !== 0) {
      checkRange(view, s, c.segment_header + c.raw_header, 'a segment', unit);
      const end = view.getUint32(s + segment.end, true);
      if (end < s + c.segment_header + c.raw_header || end % unit !== 0 || end > view.byteLength) {
        throw badMemory(`the segment at ${hex(s)} would end at ${hex(end)}`);
      }
      left -= end - s;
      if (left < 0) throw badMemory(`segments overlap, or their list is a loop, at ${hex(s)}`);
      walkSegment(view, classes, heap, s, end, layout, used, i > 0);
      s = view.getUint32(s + segment.next, true);
    }
  });
}

/** @param {DataView} view  @param {Uint8Array} classes  @param {number} heap
 *  @param {number} from  @param {number} end  @param {Layout} layout  @param {Used} used
 *  @param {boolean} nested  in a raw block of the default heap */
function walkSegment(view, classes, heap, from, end, layout, used, nested) {
  const { raw_key, raw_flags, raw_header, pool_bytes, segment_header, page_bytes }
    = layout.constants;
  mark(used.pages, from, end, PageKind.FOREIGN, PageKind.RAW, page_bytes);
  const key = raw_key ^ heap;
  const last = end - raw_header;                          // a header that has no chunk
  let at = from + segment_header;
  while (at < last) {
    const run = (at + raw_header) % pool_bytes === 0
      ? poolsFrom(classes, (at + raw_header) / pool_bytes, (end - pool_bytes) / pool_bytes) : 0;
    if (run > 0) {
      if (nested) add(used.raw, at, -run * pool_bytes, page_bytes);
      at += run * pool_bytes;
      continue;
    }
    const head = view.getUint32(at + 4, true);
    const size = (head & ~raw_flags) >>> 0;
    const sound = (view.getUint32(at, true) ^ head ^ at) === key
      && size > raw_flags && size <= last - at;
    if (!sound) {
      used.damage.push(at);
      mark(used.pages, at, end, PageKind.RAW, PageKind.DAMAGED, page_bytes);
      return;
    }
    if (isFree(head, size, layout.constants)) {
      add(used.free, at, size, page_bytes);
      if (nested) add(used.raw, at, -size, page_bytes);
    } else if (!nested) {
      add(used.raw, at, size, page_bytes);
    }
    at += size;
  }
}

/** Free, or at hand: so are the library's own chunks in use that are short and no pools.
 *  @param {number} head  @param {number} size  @param {Layout['constants']} c
 *  @returns {boolean} */
export function isFree(head, size, c) {
  if ((head & c.raw_in_use) === 0) return true;
  return (head & c.raw_flags) >> c.raw_domain_shift === INTERNAL && size < c.raw_hand_max;
}

/** @param {Uint8Array} classes  @param {number} first  unit  @param {number} last  that may be one
 *  @returns {number} how many units from `first` on are pools, one behind the other */
export function poolsFrom(classes, first, last) {
  const stop = Math.min(Math.floor(last) + 1, classes.length);
  let unit = first;
  while (unit < stop && classes[unit] !== 0) unit++;
  return unit - first;
}

/** Adds the bytes of [at, at + |size|) to their pages, or takes them off.
 *  @param {Int32Array | Uint32Array} pages  @param {number} at  @param {number} size
 *  @param {number} pageBytes */
function add(pages, at, size, pageBytes) {
  const sign = size < 0 ? -1 : 1;
  const end = at + Math.abs(size);
  let page = Math.floor(at / pageBytes);
  for (let from = at; from < end; page++) {
    const to = Math.min((page + 1) * pageBytes, end);
    pages[page] = /** @type {number} */ (pages[page]) + sign * (to - from);
    from = to;
  }
}

/** @param {Uint8Array} pages  @param {number} from  address  @param {number} end
 *  @param {number} before  pages of this kind  @param {number} after  become of that
 *  @param {number} pageBytes */
function mark(pages, from, end, before, after, pageBytes) {
  const stop = Math.ceil(end / pageBytes);
  for (let p = Math.floor(from / pageBytes); p < stop; p++) {
    if (pages[p] === before) pages[p] = after;
  }
}

/** What a page holds is known only when all were visited.
 *  @param {Used} used  @param {Uint32Array} firstPool  @param {Layout} layout
 *  @returns {Readonly<MapTotals>} */
function finish({ pages, raw, free }, firstPool, layout) {
  const { page_bytes, pool_bytes, raw_header, arena_bytes } = layout.constants;
  const of = new Uint32Array(256);
  let arenas = 0;
  let lastArena = -1;
  for (let p = 0; p < pages.length; p++) {
    const freeBytes = /** @type {number} */ (free[p]);
    const pools = /** @type {number} */ (firstPool[p + 1]) - /** @type {number} */ (firstPool[p]);
    // Pools in arenas of a hook were not met by the walk, but the block that such an arena is was.
    // The last bytes of a pool are the header of the chunk behind it.
    const room = Math.max(page_bytes - pools * (pool_bytes - raw_header) - freeBytes, 0);
    raw[p] = Math.min(Math.max(/** @type {number} */ (raw[p]), 0), room);
    if (pools > 0) {
      pages[p] = PageKind.POOL;
      const arena = Math.floor(p * page_bytes / arena_bytes);
      if (arena !== lastArena) arenas++;
      lastArena = arena;
    } else if (freeBytes >= page_bytes) {
      pages[p] = PageKind.FREE;
    }
    const kind = /** @type {number} */ (pages[p]);
    of[kind] = /** @type {number} */ (of[kind]) + 1;
  }
  const count = (/** @type {number} */ kind) => /** @type {number} */ (of[kind]);
  return Object.freeze({ foreign: count(PageKind.FOREIGN), free: count(PageKind.FREE),
    raw: count(PageKind.RAW), pool: count(PageKind.POOL), damaged: count(PageKind.DAMAGED),
    arenas });
}

// ---- Heaps ----

/** The heaps of the program, in the order of their list.  Ends whatever the list holds.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @returns {number[]} addresses; each lies in memory and carries the mark of a live heap */
export function readHeapList(view, root, layout) {
  const { constants: c, space, heap } = layout;
  const most = Math.floor(view.byteLength / c.heap_bytes);
  const seen = new Set();
  let address = view.getUint32(root + space.first_heap, true);
  while (address !== 0) {
    checkHeap(view, address, layout);
    if (seen.has(address) || seen.size >= most) throw badMemory('the list of heaps is a loop');
    seen.add(address);
    address = view.getUint32(address + heap.next, true);
  }
  if (seen.size === 0) throw badMemory('there is no heap');
  return [...seen];
}

/** @param {DataView} view  @param {number} address  @param {Layout} layout
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY unless a live heap lies there */
export function checkHeap(view, address, layout) {
  checkRange(view, address, layout.constants.heap_bytes, 'a heap');
  if (view.getUint32(address + layout.heap.magic, true) !== layout.constants.heap_magic) {
    throw badMemory(`no live heap at ${hex(address)}`);
  }
}
