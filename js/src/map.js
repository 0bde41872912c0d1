/** heap.map(): the state of every page of linear memory and of every pool. */

import { badMemory, hex } from './errors.js';
import { checkRange } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** Value of HeapMap.pages: whose a 64 KiB page is and what it holds.  UNKNOWN: the page table says
 *  what this package does not know. */
export const PageKind = Object.freeze({
  FOREIGN: 0, FREE: 1, RAW: 2, TABLE: 3, POOL: 4, UNKNOWN: 255,
});
/** Value of HeapMap.pools.state.  DAMAGED: the descriptor of the page or of the pool was
 *  overwritten; its other numbers are then 0. */
export const PoolState = Object.freeze({ UNUSED: 0, USABLE: 1, FULL: 2, DAMAGED: 255 });

/** A snapshot in typed arrays; they are copies and belong to the caller.
 *
 *  Pool k of the map is pool `k % poolsPerPage` of page `poolPages[Math.floor(k / poolsPerPage)]`.
 *
 *  @typedef {object} HeapMap
 *  @property {number} pageBytes     65536
 *  @property {number} poolBytes     4096
 *  @property {number} poolsPerPage  16
 *  @property {Uint8Array} pages      kind of every page of linear memory, one of PageKind
 *  @property {Uint32Array} poolPages  numbers of the pages that hold pools, ascending
 *  @property {Uint32Array} owners     address of the heap that owns each of them (Heap.address)
 *  @property {PoolMap} pools */

/** One element a pool.
 *  @typedef {object} PoolMap
 *  @property {Uint8Array} state        one of PoolState
 *  @property {Uint16Array} blockSize   bytes; 0 while unused
 *  @property {Uint16Array} blocks      handed out: live, or at hand in their class
 *  @property {Uint16Array} capacity    blocks that the pool has room for */

/** Time and space are proportional to the size of the memory, whatever it holds.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @returns {HeapMap} */
export function readMap(view, root, layout) {
  const { poolsPerPage, constants: c } = layout;
  const table = pageTable(view, root, layout);
  const pages = new Uint8Array(Math.floor(view.byteLength / c.page_bytes));     // FOREIGN
  const poolPages = [];
  for (let i = 0; i < table.length; i++) {
    const kind = kindOf(view.getUint32(table.address + 4 * i, true), c);
    if (kind === PageKind.POOL) poolPages.push(i);
    pages[i] = kind;
  }
  const n = poolPages.length * poolsPerPage;
  const owners = new Uint32Array(poolPages.length);
  const pools = Object.freeze({ state: new Uint8Array(n), blockSize: new Uint16Array(n),
    blocks: new Uint16Array(n), capacity: new Uint16Array(n) });
  poolPages.forEach((page, i) => {
    const entry = view.getUint32(table.address + 4 * page, true);
    owners[i] = readPoolPage(view, entry, page, layout, pools, i * poolsPerPage);
  });
  return Object.freeze({ pageBytes: c.page_bytes, poolBytes: c.pool_bytes, poolsPerPage,
    pages, poolPages: Uint32Array.from(poolPages), owners, pools });
}

/** @param {number} entry  of the page table  @param {Layout['constants']} c
 *  @returns {number} PageKind */
function kindOf(entry, c) {
  switch (entry) {
    case c.kind_foreign: return PageKind.FOREIGN;
    case c.kind_free: return PageKind.FREE;
    case c.kind_raw: return PageKind.RAW;
    case c.kind_table: return PageKind.TABLE;
    default: return entry >= c.kind_pool ? PageKind.POOL : PageKind.UNKNOWN;
  }
}

/** The page table: one u32 a page, which is the page's kind or, for a page of pools, the address of
 *  the descriptors of its pools.
 *  @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {{address: number, length: number}} length: entries that belong to memory there is */
function pageTable(view, root, layout) {
  const address = view.getUint32(root + layout.space.page_table, true);
  const entries = view.getUint32(root + layout.space.page_table_len, true);
  const memory = Math.floor(view.byteLength / layout.constants.page_bytes);
  const length = Math.min(entries, memory);         // a table may be ahead of the memory
  if (length > 0) checkRange(view, address, 4 * length, 'the page table');
  return { address, length };
}

/** @param {DataView} view  @param {number} entry  descriptors of the page's pools
 *  @param {number} number  of the page  @param {Layout} layout
 *  @param {PoolMap} out  @param {number} at  its first pool in `out`
 *  @returns {number} the heap that owns it, 0 if damaged */
function readPoolPage(view, entry, number, layout, out, at) {
  const { constants: c, page, pool, poolsPerPage } = layout;
  const header = entry - c.page_header;
  const inside = header > 0 && entry % 4 === 0
    && entry + poolsPerPage * c.pool_descriptor <= view.byteLength;
  if (!inside || view.getUint32(header + page.magic, true) !== c.page_magic
    || view.getUint32(header + page.number, true) !== number) {
    out.state.fill(PoolState.DAMAGED, at, at + poolsPerPage);
    return 0;
  }
  const unused = view.getUint32(header + page.unused, true);
  for (let i = 0; i < poolsPerPage; i++) {
    if (unused >>> i & 1) continue;                 // its descriptor means nothing
    const p = entry + i * c.pool_descriptor;
    const state = view.getUint16(p + pool.state, true);
    const size = view.getUint16(p + pool.size, true);
    const capacity = view.getUint16(p + pool.cap, true);
    const full = state === c.state_full;            // then `until` counts something else
    const blocks = full ? capacity : view.getUint16(p + pool.until, true);
    const sound = (full || state === c.state_usable) && view.getUint16(p + pool.index, true) === i
      && size > 0 && blocks <= capacity && capacity * size <= c.pool_bytes;
    if (!sound) {
      out.state[at + i] = PoolState.DAMAGED;
      continue;
    }
    out.state[at + i] = full ? PoolState.FULL : PoolState.USABLE;
    out.blockSize[at + i] = size;
    out.blocks[at + i] = blocks;
    out.capacity[at + i] = capacity;
  }
  return view.getUint32(header + page.heap, true);
}

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
