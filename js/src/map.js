/** heap.map(): the state of every page of linear memory and of every pool. */

import { badMemory } from './errors.js';
import { checkRange } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** Value of HeapMap.pages: whose a 64 KiB page is and what it holds. */
export const PageKind = Object.freeze({ FOREIGN: 0, FREE: 1, POOL: 2, RAW: 3, TABLE: 4 });
/** Value of HeapMap.pools.state.  DAMAGED: the header of the page or of the pool was overwritten;
 *  its other numbers are then 0. */
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
  const { page_bytes, pool_bytes } = layout.constants;
  const pages = readPageKinds(view, root, layout);
  let n = 0;
  for (const kind of pages) if (kind === PageKind.POOL) n++;
  const perPage = layout.poolsPerPage;
  const poolPages = new Uint32Array(n);
  const owners = new Uint32Array(n);
  const pools = {
    state: new Uint8Array(n * perPage),
    blockSize: new Uint16Array(n * perPage),
    blocks: new Uint16Array(n * perPage),
    capacity: new Uint16Array(n * perPage),
  };
  for (let page = 0, i = 0; i < n; page++) {
    if (pages[page] !== PageKind.POOL) continue;
    poolPages[i] = page;
    owners[i] = readPoolPage(view, page * page_bytes, layout, pools, i * perPage);
    i++;
  }
  return { pageBytes: page_bytes, poolBytes: pool_bytes, poolsPerPage: perPage,
    pages, poolPages, owners, pools: Object.freeze(pools) };
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {Uint8Array} pages beyond the table are foreign */
function readPageKinds(view, root, layout) {
  const memory = Math.floor(view.byteLength / layout.constants.page_bytes);
  const kinds = new Uint8Array(memory);
  const table = view.getUint32(root + layout.space.page_table, true);
  const entries = view.getUint32(root + layout.space.page_table_len, true);
  if (table === 0 && entries === 0) return kinds;   // nothing was taken yet
  const n = Math.min(entries, memory);              // a table may be ahead of the memory
  if (table === 0 || table + n > view.byteLength) {
    throw badMemory(`the page table would lie at ${table}, ${n} bytes long`);
  }
  kinds.set(new Uint8Array(view.buffer, table, n));
  return kinds;
}

/** @param {DataView} view  @param {number} address  of the page, within the memory
 *  @param {Layout} layout  @param {PoolMap} out  @param {number} at  its first pool in `out`
 *  @returns {number} the heap that owns it, 0 if damaged */
function readPoolPage(view, address, layout, out, at) {
  const { constants: c, page, pool, poolsPerPage, poolHeaderBytes } = layout;
  const header = address + c.page_header;
  if (view.getUint32(header + page.magic, true) !== c.page_magic) {
    out.state.fill(PoolState.DAMAGED, at, at + poolsPerPage);
    return 0;
  }
  const unused = view.getUint32(header + page.unused, true);
  for (let i = 0; i < poolsPerPage; i++) {
    if (unused >>> i & 1) continue;                 // its header means nothing
    const p = address + i * c.pool_bytes;
    const state = view.getUint16(p + pool.state, true);
    const size = view.getUint16(p + pool.size, true);
    const capacity = view.getUint16(p + pool.cap, true);
    const blocks = state === PoolState.FULL ? capacity : view.getUint16(p + pool.until, true);
    const magic = (view.getUint32(p + pool.magic, true) ^ p) >>> 0;
    const sound = magic === c.pool_magic && (state === PoolState.USABLE || state === PoolState.FULL)
      && size > 0 && blocks <= capacity && capacity * size <= c.pool_bytes - poolHeaderBytes;
    if (!sound) {
      out.state[at + i] = PoolState.DAMAGED;
      continue;
    }
    out.state[at + i] = state;
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
    throw badMemory(`no live heap at ${address}`);
  }
}
