/** heap.map(): what lies in every page of linear memory, and every pool.
 *
 *  Pools are found in the pool table, which has an entry for each 4 KiB of memory; everything else by
 *  a walk over the chunks of all segments, which passes over pools without looking at them.  Every
 *  offset and size is used after it was found to lie where it may. */

import { badArgument } from './errors.js';
import { withJSON } from './json.js';
import { addressArray } from './memory.js';
import { Owners, poolTable, poolsFrom, readList, usedBlocks } from './pools.js';
import { headAt, isFree, readHeapList, segmentsOf } from './segments.js';

/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./memory.js').Addresses} Addresses */

/** Value of HeapMap.pages: what a 64 KiB page holds.  FREE: nothing, it is part of a free chunk.
 *  RAW: something of the library's, but no pool.  DAMAGED: the same, and the chunks in it cannot be
 *  told apart because a header before them was overwritten. */
export const PageKind = Object.freeze({ FOREIGN: 0, FREE: 1, RAW: 2, POOL: 3, DAMAGED: 255 });
/** Value of HeapMap.pools.state.  FULL: every block is live.  DAMAGED: the pool's entry in the pool
 *  table was overwritten; its other numbers but the address are then 0. */
export const PoolState = Object.freeze({ USABLE: 1, FULL: 2, DAMAGED: 255 });

/** A snapshot in typed arrays; they are copies, all on one buffer, and belong to the caller.
 *
 *  @typedef {object} HeapMap
 *  @property {number} pageBytes      65536
 *  @property {number} poolBytes      4096
 *  @property {Uint8Array} pages      kind of every page of linear memory, one of PageKind
 *  @property {Uint16Array} poolCount  of each page: its pools
 *  @property {Uint32Array} rawBytes   of each page: in raw blocks in use, headers in
 *  @property {Uint32Array} freeBytes  of each page: in free chunks, headers in, cached blocks too
 *  @property {Uint32Array} firstPool  one element more than pages: the pools of page p in `pools`
 *    are those from firstPool[p] to below firstPool[p + 1]
 *  @property {PoolMap} pools          the pools of every heap that were asked for, by address
 *  @property {MapTotals} totals
 *  @property {Addresses} damage     address of each chunk whose header was overwritten; the rest
 *    of its segment was not walked, its pools were found all the same
 *  @property {ArrayBuffer} buffer     of all arrays but `damage`, to be transferred to another
 *    thread: postMessage(map, [map.buffer]) */

/** One element a pool.  Addresses are in Float64Arrays where the memory is larger than 4 GiB.
 *  @typedef {object} PoolMap
 *  @property {Addresses} address     a multiple of poolBytes
 *  @property {Addresses} owner       address of the heap (Heap.address) whose pool it is
 *  @property {Uint8Array} state        one of PoolState
 *  @property {Uint16Array} blockSize   bytes
 *  @property {Uint16Array} blocks      live
 *  @property {Uint16Array} capacity    blocks that the pool has room for */

/** Pages of each kind; pools; and the windows of 256 KiB that hold a pool: CPython's arenas.
 *  @typedef {object} MapTotals
 *  @property {number} foreign
 *  @property {number} free
 *  @property {number} raw
 *  @property {number} pool
 *  @property {number} damaged
 *  @property {number} pools
 *  @property {number} arenas */

/** @typedef {object} MapOptions
 *  @property {boolean | {from: number, to: number}} [pools]  the pools to tell of one by one, each
 *    in a page that has a byte in [from, to); default: all.  They are what map() takes most of its
 *    time for
 *  @property {HeapMap | ArrayBuffer} [into]  an earlier result whose memory is used again, and which
 *    is invalid from then on; or the `buffer` of one, which may come back from another thread */

/** The buffer of each result, until it is used again.
 *  @type {WeakMap<HeapMap, ArrayBuffer>} */
const buffers = new WeakMap();

/** Time and space are proportional to the size of the memory, whatever it holds.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {MapOptions} options
 *  @returns {Readonly<HeapMap>} */
export function readMap(view, root, layout, options) {
  const { page_bytes, pool_bytes } = layout.constants;
  const { first, end } = pagesOf(options.pools, page_bytes);
  const old = bufferOf(options.into);
  const heaps = readHeapList(view, root, layout);
  const table = poolTable(view, root, layout);
  const counts = countPools(
    table,
    Math.floor(view.byteLength / page_bytes),
    page_bytes / pool_bytes,
  );
  let listed = 0;
  for (let p = first; p < end && p < counts.length; p++) {
    listed += /** @type {number} */ (counts[p]);
  }
  const Address = addressArray(view.byteLength);
  const arrays = arraysFor(old, counts.length, listed, Address);
  arrays.poolCount.set(counts);
  readPools(
    table,
    new Owners(view, heaps, layout),
    layout,
    arrays,
    Math.min(first, counts.length),
    Math.min(end, counts.length),
  );
  for (const heap of heaps) takeOffCached(view, heap, layout, arrays);
  /** @type {number[]} */
  const damage = [];
  const raw_key = view.getUint32(root + layout.space.raw_key, true);
  const used = { pages: arrays.pages, raw: arrays.raw, free: arrays.freeBytes, damage };
  for (const { heap, start, end: to } of segmentsOf(view, heaps, layout)) {
    walkSegment(view, table, start, to, raw_key ^ heap, layout, used, heap !== heaps[0]);
  }
  const totals = finish(used, counts, layout);
  const { raw, buffer, firstPool, poolCount, freeBytes, pages, ...pools } = arrays;
  const map = Object.freeze(
    withJSON({
      pageBytes: page_bytes,
      poolBytes: pool_bytes,
      pages,
      poolCount,
      rawBytes: new Uint32Array(buffer, raw.byteOffset, raw.length),
      freeBytes,
      firstPool,
      pools: Object.freeze(pools),
      totals,
      damage: Address.from(damage),
      buffer,
    }),
  );
  buffers.set(map, buffer);
  return map;
}

/** @param {MapOptions['pools']} wanted  @param {number} pageBytes
 *  @returns {{first: number, end: number}} pages */
function pagesOf(wanted = true, pageBytes) {
  if (typeof wanted === 'boolean') return { first: 0, end: wanted ? Infinity : 0 };
  const { from, to } = wanted ?? {};
  if (!(from >= 0 && to >= from)) {
    throw badArgument('pools must be true, false or two addresses, { from, to }', wanted);
  }
  return { first: Math.floor(from / pageBytes), end: Math.ceil(to / pageBytes) };
}

/** @param {HeapMap | ArrayBuffer | undefined} into  @returns {ArrayBuffer | null} */
function bufferOf(into) {
  if (into === undefined) return null;
  if (into instanceof ArrayBuffer) return into;
  const buffer = buffers.get(into);
  if (!buffer) {
    throw badArgument(
      'into must be what map() returned in this thread, and not passed before, '
        + 'or the buffer of a result',
      into,
    );
  }
  buffers.delete(into);
  return buffer;
}

/** All arrays of a result, on `old` if that is large enough (it has no bytes after a transfer).
 *  @param {ArrayBuffer | null} old  @param {number} pages  @param {number} pools
 *  @param {ReturnType<typeof addressArray>} Address */
function arraysFor(old, pages, pools, Address) {
  const bytes = 4 + 15 * pages + (7 + 2 * Address.BYTES_PER_ELEMENT) * pools;
  const reused = old !== null && old.byteLength >= bytes;
  // Where memory is used again and again, the next results are a little larger.
  const buffer = reused ? old : new ArrayBuffer(old ? bytes + (bytes >> 3) : bytes);
  let at = 0;
  /** @template T
   *  @param {{new (buffer: ArrayBuffer, at: number, length: number): T,
   *    BYTES_PER_ELEMENT: number}} Type
   *  @param {number} length  @returns {T} */
  const next = (Type, length) => {
    at += length * Type.BYTES_PER_ELEMENT;
    return new Type(buffer, at - length * Type.BYTES_PER_ELEMENT, length);
  };
  /** @type {{new (buffer: ArrayBuffer, at: number, length: number): Addresses,
   *    BYTES_PER_ELEMENT: number}} */
  const OfAddresses = Address;
  const arrays = {
    buffer,
    address: next(OfAddresses, pools), // the widest first
    owner: next(OfAddresses, pools),
    firstPool: next(Uint32Array, pages + 1),
    raw: next(Int32Array, pages),
    freeBytes: next(Uint32Array, pages),
    blockSize: next(Uint16Array, pools),
    blocks: next(Uint16Array, pools),
    capacity: next(Uint16Array, pools),
    poolCount: next(Uint16Array, pages),
    pages: next(Uint8Array, pages),
    state: next(Uint8Array, pools),
  };
  if (reused) {
    arrays.raw.fill(0);
    arrays.freeBytes.fill(0);
    arrays.pages.fill(0);
  }
  return arrays;
}

// ---- Pools ----

/** @param {import('./pools.js').PoolTable} table  @param {number} pages  @param {number} perPage
 *  @returns {Uint16Array} pools of each page */
function countPools({ entries, stride, size }, pages, perPage) {
  const counts = new Uint16Array(pages);
  for (let p = 0, unit = 0; p < pages; p++) {
    let n = 0;
    for (const end = unit + perPage; unit < end; unit++) {
      if (entries.getUint16(unit * stride + size, true) !== 0) n++;
    }
    counts[p] = n;
  }
  return counts;
}

/** @param {import('./pools.js').PoolTable} table  @param {Owners} owners  @param {Layout} layout
 *  @param {ReturnType<typeof arraysFor>} arrays  filled in; `blocks` with those that are not in the
 *    pool's own list
 *  @param {number} first  page  @param {number} end */
function readPools({ entries, stride }, owners, layout, arrays, first, end) {
  const { pool_bytes, page_bytes, link_max, pool_header } = layout.constants;
  const { free, left, size: sizeAt, heap } = layout.pool;
  const { capacity: capacities } = layout;
  const { firstPool, address, owner, state, blockSize, blocks, capacity } = arrays;
  const perPage = page_bytes / pool_bytes;
  let known = -1; // the low half of a heap's id
  let knownHeap = 0;
  let k = 0;
  firstPool.fill(0, 0, first);
  for (let unit = first * perPage; unit < end * perPage; unit++) {
    if ((unit & (perPage - 1)) === 0) firstPool[unit / perPage] = k;
    const entry = unit * stride;
    const size = entries.getUint16(entry + sizeAt, true);
    if (size === 0) continue;
    const at = unit * pool_bytes;
    const id = entries.getUint16(entry + heap, true);
    if (id !== known) {
      knownHeap = owners.of(id, at);
      known = owners.isShared(id) ? -1 : id;
    }
    const most = size < capacities.length ? /** @type {number} */ (capacities[size]) : 0;
    const used =
      most === 0 || knownHeap === 0
        ? -1
        : usedBlocks(
            entries.getUint16(entry + free, true),
            entries.getUint16(entry + left, true),
            at & link_max,
            pool_header,
            size,
            most,
          );
    const sound = used >= 0;
    address[k] = at;
    owner[k] = sound ? knownHeap : 0;
    state[k] = !sound ? PoolState.DAMAGED : used === most ? PoolState.FULL : PoolState.USABLE;
    blockSize[k] = sound ? size : 0;
    blocks[k] = sound ? used : 0;
    capacity[k] = sound ? most : 0;
    k++;
  }
  firstPool.fill(k, end);
}

/** Blocks in the lists of a heap's current pools are free too.
 *  @param {DataView} view  @param {number} heap  @param {Layout} layout
 *  @param {ReturnType<typeof arraysFor>} arrays  of readPools */
function takeOffCached(
  view,
  heap,
  layout,
  { firstPool, address, owner, state, blockSize, blocks, capacity },
) {
  const { pool_bytes, page_bytes, classes, alignment } = layout.constants;
  for (let slot = 0; slot < 2 * (classes + 1); slot++) {
    const { unit, count } = readList(view, heap, layout, slot);
    if (unit === 0 || count === 0) continue;
    const page = Math.floor((unit * pool_bytes) / page_bytes);
    let k = firstPool[page] ?? 0;
    const end = firstPool[page + 1] ?? 0;
    while (k < end && address[k] !== unit * pool_bytes) k++;
    const of = (slot % (classes + 1)) * alignment;
    if (k >= end || owner[k] !== heap || blockSize[k] !== of) continue;
    const live = /** @type {number} */ (blocks[k]) - count;
    if (live < 0) {
      owner[k] = blockSize[k] = blocks[k] = capacity[k] = 0;
      state[k] = PoolState.DAMAGED;
    } else {
      blocks[k] = live;
      state[k] = PoolState.USABLE;
    }
  }
}

// ---- Segments and chunks ----

/** What the walk finds, by page.  Segments of further heaps lie in raw blocks of the default one:
 *  there what is free or in pools is taken off what counted as raw.
 *  @typedef {object} Used
 *  @property {Uint8Array} pages  kinds
 *  @property {Int32Array} raw    bytes of raw chunks in use
 *  @property {Uint32Array} free  bytes of free chunks
 *  @property {number[]} damage */

/** @param {DataView} view  @param {import('./pools.js').PoolTable} table
 *  @param {number} from  @param {number} end  @param {number} key  of the heap's chunks, signed
 *  @param {Layout} layout  @param {Used} used
 *  @param {boolean} nested  in a raw block of the default heap */
function walkSegment(view, table, from, end, key, layout, used, nested) {
  const { raw_flags, raw_header, pool_bytes, segment_header, page_bytes } = layout.constants;
  mark(used.pages, from, end, PageKind.FOREIGN, PageKind.RAW, page_bytes);
  const last = end - raw_header; // a header that has no chunk
  let at = from + segment_header;
  while (at < last) {
    const run =
      (at + raw_header) % pool_bytes === 0
        ? poolsFrom(table, (at + raw_header) / pool_bytes, (end - pool_bytes) / pool_bytes)
        : 0;
    if (run > 0) {
      if (nested) add(used.raw, at, -run * pool_bytes, page_bytes);
      at += run * pool_bytes;
      continue;
    }
    const head = headAt(view, at, key, layout.wide);
    const size = head - (head & raw_flags);
    if (head < 0 || size === 0 || size > last - at) {
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
 *  @param {Used} used  @param {Uint16Array} counts  pools  @param {Layout} layout
 *  @returns {Readonly<MapTotals>} */
function finish({ pages, raw, free }, counts, layout) {
  const { page_bytes, pool_bytes, raw_header, arena_bytes } = layout.constants;
  const of = new Uint32Array(256);
  let sum = 0;
  let arenas = 0;
  let lastArena = -1;
  for (let p = 0; p < pages.length; p++) {
    const freeBytes = /** @type {number} */ (free[p]);
    const pools = /** @type {number} */ (counts[p]);
    sum += pools;
    // Pools in arenas of a hook were not met by the walk, but the block that such an arena is was.
    // The last bytes of a pool are the header of the chunk behind it.
    const room = Math.max(page_bytes - pools * (pool_bytes - raw_header) - freeBytes, 0);
    raw[p] = Math.min(Math.max(/** @type {number} */ (raw[p]), 0), room);
    if (pools > 0) {
      pages[p] = PageKind.POOL;
      const arena = Math.floor((p * page_bytes) / arena_bytes);
      if (arena !== lastArena) arenas++;
      lastArena = arena;
    } else if (freeBytes >= page_bytes) {
      pages[p] = PageKind.FREE;
    }
    const kind = /** @type {number} */ (pages[p]);
    of[kind] = /** @type {number} */ (of[kind]) + 1;
  }
  const count = (/** @type {number} */ kind) => /** @type {number} */ (of[kind]);
  return Object.freeze({
    foreign: count(PageKind.FOREIGN),
    free: count(PageKind.FREE),
    raw: count(PageKind.RAW),
    pool: count(PageKind.POOL),
    damaged: count(PageKind.DAMAGED),
    pools: sum,
    arenas,
  });
}
