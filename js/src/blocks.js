/** heap.blocks(), heap.chunks() and heap.look(): what lies in one pool, between two addresses, at
 *  one address.
 *
 *  As everywhere every value is checked: a list is followed only within its pool, and no further than
 *  the pool has blocks. */

import { DOMAINS } from './constants.js';
import { badArgument } from './errors.js';
import { withJSON } from './json.js';
import { INTERNAL } from './layout.js';
import { addressArray } from './memory.js';
import { markList, poolTable, poolsFrom, readList, readPool } from './pools.js';
import { headAt, isFree, readHeapList, segmentsOf } from './segments.js';

/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./memory.js').Addresses} Addresses */

/** Value of Blocks.states.  CACHED: free, and in the list from which its size class is allocated. */
export const BlockState = Object.freeze({ FREE: 0, LIVE: 1, CACHED: 2 });
/** Value of Chunks.kind.  RAW: a block above 512 bytes, in use; CACHED: one that was freed and is
 *  kept for the next request of its size; INTERNAL: what the library keeps for itself, also the
 *  memory of another heap, whose chunks follow; DAMAGED: its header was overwritten, it is shown up
 *  to the end of its segment. */
export const ChunkKind = Object.freeze({
  FREE: 0,
  RAW: 1,
  POOL: 2,
  CACHED: 3,
  INTERNAL: 4,
  DAMAGED: 255,
});

/** The blocks of one pool.
 *  @typedef {object} Blocks
 *  @property {number} address    of the pool
 *  @property {number} owner      address of its heap
 *  @property {number} first      address of the first block; block i lies at first + i * blockSize
 *  @property {number} blockSize  bytes
 *  @property {Uint8Array} states  of each block, one of BlockState */

/** Chunks by address: one element each.  They fill segments without a gap; where there is none lies
 *  what is not the library's.  Addresses and sizes are in Float64Arrays where the memory is larger
 *  than 4 GiB.
 *  @typedef {object} Chunks
 *  @property {Addresses} address  of its header
 *  @property {Addresses} bytes    header in
 *  @property {Uint8Array} kind      one of ChunkKind
 *  @property {Uint8Array} domain    of blocks in use: 0 raw, 1 mem, 2 object, 3 the library's own
 *  @property {Addresses} owner    address of the heap */

/** What lies at an address.
 *  @typedef {object} Look
 *  @property {number} address
 *  @property {LookKind} kind
 *  @property {number} start  of what lies there, headers not counted
 *  @property {number} bytes
 *  @property {string} text   a sentence about it
 *  @property {Uint8Array} content  its first bytes, 64 at the most: a copy */
/** block: a block of a pool, live or not; pool: a pool's header, or what is too little for a block;
 *  raw: a block above 512 bytes in use; cached: one that was freed and is kept for
 *  the next request of its size; free: free memory;
 *  internal: the library's own; segment: the header of a segment; outside: behind the end of memory
 *  @typedef {'foreign' | 'block' | 'pool' | 'raw' | 'cached' | 'free' | 'internal' | 'segment'
 *    | 'damaged' | 'outside'} LookKind */

const CONTENT_BYTES = 64;
const OWNERS = [...DOMAINS, 'internal'];

/** @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {number} address  anywhere in the pool
 *  @returns {Readonly<Blocks> | null} null: no pool lies there (any more) */
export function readBlocks(view, root, layout, address) {
  checkAddress(address, layout, 'the address');
  const heaps = readHeapList(view, root, layout);
  const pool = readPool(view, root, layout, heaps, address);
  if (!pool) return null;
  const { base, owner, first, size, capacity, used, free } = pool;
  const states = new Uint8Array(capacity).fill(BlockState.LIVE);
  const mark = (
    /** @type {number} */ block,
    /** @type {number} */ n,
    /** @type {number} */ state,
  ) => markList(view, root, layout, pool, states, block, n, BlockState.LIVE, state);
  mark(free, capacity - used, BlockState.FREE);
  const { classes, alignment, pool_bytes } = layout.constants;
  for (const slots of [0, classes + 1]) {
    const { unit, block, count } = readList(view, owner, layout, slots + size / alignment);
    if (unit * pool_bytes === base) mark(block, count, BlockState.CACHED);
  }
  return Object.freeze(withJSON({ address: base, owner, first, blockSize: size, states }));
}

/** Time is in proportion to what lies in the segments before `to`.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {number} from  @param {number} to
 *  @returns {Readonly<Chunks>} those that have a byte in [from, to) */
export function readChunks(view, root, layout, from, to) {
  checkAddress(from, layout, 'the first address');
  checkAddress(to, layout, 'the last address');
  const found = new ChunkList(addressArray(view.byteLength));
  const table = poolTable(
    view,
    root,
    layout,
    Math.min(to + layout.constants.raw_header, view.byteLength),
  );
  const key = view.getUint32(root + layout.space.raw_key, true);
  for (const { heap, start, end } of segmentsOf(view, readHeapList(view, root, layout), layout)) {
    if (end <= from || start >= to) continue;
    walk(view, table, layout, { start, end }, key ^ heap, to, (at, bytes, kind, domain) => {
      if (at + bytes > from) found.add(at, bytes, kind, domain, heap);
    });
  }
  return found.sorted();
}

/** Chunks, in arrays that grow: of a memory that lies they may be as many as fit. */
class ChunkList {
  #n = 0;
  /** @type {Chunks} */
  #columns;
  #inOrder = true;

  /** @param {ReturnType<typeof addressArray>} Address */
  constructor(Address) {
    this.#columns = {
      address: new Address(256),
      bytes: new Address(256),
      kind: new Uint8Array(256),
      domain: new Uint8Array(256),
      owner: new Address(256),
    };
  }

  /** @param {number} at  @param {number} size  @param {number} kind  @param {number} domain
   *  @param {number} heap */
  add(at, size, kind, domain, heap) {
    if (this.#n === this.#columns.address.length) this.#columns = this.#each(grown);
    const n = this.#n++;
    const { address, bytes, kind: kinds, domain: domains, owner } = this.#columns;
    address[n] = at;
    bytes[n] = size;
    kinds[n] = kind;
    domains[n] = domain;
    owner[n] = heap;
    if (n > 0 && this.#before(n, n - 1) < 0) this.#inOrder = false;
  }

  /** Another heap's segment lies in a chunk of the first heap: the chunk comes first.
   *  @param {number} i  @param {number} j  @returns {number} negative: i is before j */
  #before(i, j) {
    const { address, bytes } = this.#columns;
    return Number(address[i]) - Number(address[j]) || Number(bytes[j]) - Number(bytes[i]);
  }

  /** @returns {Readonly<Chunks>} by address */
  sorted() {
    const n = this.#n;
    if (this.#inOrder) return Object.freeze(withJSON(this.#each((array) => array.slice(0, n))));
    const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => this.#before(i, j));
    return Object.freeze(
      withJSON(
        this.#each((array) =>
          array
            .slice(0, n)
            .map((/** @type {number} */ _, /** @type {number} */ i) => array[Number(order[i])]),
        ),
      ),
    );
  }

  /** @param {(array: any) => any} fn  @returns {Chunks} what it makes of each array */
  #each(fn) {
    const { address, bytes, kind, domain, owner } = this.#columns;
    return {
      address: fn(address),
      bytes: fn(bytes),
      kind: fn(kind),
      domain: fn(domain),
      owner: fn(owner),
    };
  }
}

/** @template {Addresses | Uint8Array} T  @param {T} array  @returns {T} with twice the room */
function grown(array) {
  const larger = /** @type {T} */ (new /** @type {any} */ (array.constructor)(2 * array.length));
  larger.set(array);
  return larger;
}

/** @param {DataView} view  @param {import('./pools.js').PoolTable} table  @param {Layout} layout
 *  @param {{start: number, end: number}} segment  @param {number} key  of the heap's chunks, signed
 *  @param {number} to  where to stop
 *  @param {(at: number, bytes: number, kind: number, domain: number) => void} meet */
function walk(view, table, { constants: c, wide }, { start, end }, key, to, meet) {
  const last = end - c.raw_header;
  let at = start + c.segment_header;
  while (at < last && at < to) {
    const base = at + c.raw_header;
    if (
      base % c.pool_bytes === 0
      && base + c.pool_bytes <= end
      && poolsFrom(table, base / c.pool_bytes, base / c.pool_bytes) > 0
    ) {
      meet(at, c.pool_bytes, ChunkKind.POOL, INTERNAL);
      at += c.pool_bytes;
      continue;
    }
    const head = headAt(view, at, key, wide);
    const size = head - (head & c.raw_flags);
    if (head < 0 || size === 0 || size > last - at) {
      meet(at, end - at, ChunkKind.DAMAGED, INTERNAL);
      return;
    }
    const domain = (head & c.raw_flags) >> c.raw_domain_shift;
    meet(at, size, kindOf(head, size, domain, c), domain);
    at += size;
  }
}

/** @param {number} head  @param {number} size  @param {number} domain
 *  @param {Layout['constants']} c
 *  @returns {number} */
function kindOf(head, size, domain, c) {
  if ((head & c.raw_in_use) === 0) return ChunkKind.FREE;
  if (isFree(head, size, c)) return ChunkKind.CACHED;
  return domain === INTERNAL ? ChunkKind.INTERNAL : ChunkKind.RAW;
}

/** @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {number} address
 *  @returns {Readonly<Look>} */
export function lookAt(view, root, layout, address) {
  checkAddress(address, layout, 'the address');
  const found = find(view, root, layout, address);
  const n = Math.max(Math.min(found.bytes, CONTENT_BYTES, view.byteLength - found.start), 0);
  return Object.freeze(
    withJSON({
      address,
      ...found,
      content: new Uint8Array(view.buffer, n > 0 ? found.start : 0, n).slice(),
    }),
  );
}

/** @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {number} address
 *  @returns {number | null} usable bytes of the live block that begins there; null: none does */
export function sizeOfLive(view, root, layout, address) {
  const blocks = readBlocks(view, root, layout, address);
  if (blocks) {
    const i = (address - blocks.first) / blocks.blockSize;
    return blocks.states[i] === BlockState.LIVE ? blocks.blockSize : null;
  }
  const { constants: c, space, wide } = layout;
  const at = address - c.raw_header;
  if (at < 0 || at % 8 !== 0 || address >= view.byteLength) return null;
  const key = view.getUint32(root + space.raw_key, true);
  const heads = readHeapList(view, root, layout).map((heap) => headAt(view, at, key ^ heap, wide));
  const head = Math.max(...heads);
  const size = head - (head & c.raw_flags);
  if (head < 0 || size === 0 || at + size > view.byteLength) return null;
  const domain = (head & c.raw_flags) >> c.raw_domain_shift;
  return kindOf(head, size, domain, c) === ChunkKind.RAW ? size - c.raw_header : null;
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout  @param {number} address
 *  @returns {{kind: LookKind, start: number, bytes: number, text: string}} */
function find(view, root, layout, address) {
  if (address >= view.byteLength) {
    return {
      kind: 'outside',
      start: view.byteLength,
      bytes: 0,
      text: `Behind the end of linear memory, which has ${view.byteLength} bytes.`,
    };
  }
  const blocks = readBlocks(view, root, layout, address);
  if (blocks) return inPool(blocks, layout, address);
  const chunks = readChunks(view, root, layout, address, address + 1);
  const i = chunks.address.length - 1; // the innermost
  if (i >= 0) return inChunk(chunks, i, layout.constants.raw_header);
  const { segment_header } = layout.constants;
  for (const { start, end } of segmentsOf(view, readHeapList(view, root, layout), layout)) {
    if (address >= start && address < end) {
      return {
        kind: 'segment',
        start: address < start + segment_header ? start : end - 8,
        bytes: 8,
        text:
          `The ${address < start + segment_header ? 'start' : 'end'} of a segment of `
          + `${end - start} bytes.`,
      };
    }
  }
  return {
    kind: 'foreign',
    start: address,
    bytes: 1,
    text: "Not the allocator's: the program's data, its stack, or another allocator.",
  };
}

/** @param {Blocks} blocks  @param {Layout} layout  @param {number} address
 *  @returns {{kind: LookKind, start: number, bytes: number, text: string}} */
function inPool({ address: pool, first, blockSize, states }, layout, address) {
  const n = states.length;
  const i = Math.floor((address - first) / blockSize);
  const state = states[i];
  if (i < 0 || state === undefined) {
    const what = i < 0 ? 'The header' : 'The end, too short for a block,';
    return {
      kind: 'pool',
      start: i < 0 ? pool : first + n * blockSize,
      bytes: i < 0 ? first - pool : pool + layout.constants.pool_bytes - first - n * blockSize,
      text: `${what} of a pool for ${n} blocks of ${blockSize} bytes.`,
    };
  }
  /** @type {Record<number, string>} */
  const words = {
    [BlockState.LIVE]: 'live',
    [BlockState.FREE]: 'free',
    [BlockState.CACHED]: 'free, in the list that is allocated from',
  };
  return {
    kind: 'block',
    start: first + i * blockSize,
    bytes: blockSize,
    text: `Block ${i + 1} of ${n} in a pool for ${blockSize} bytes: ${words[state]}.`,
  };
}

/** @param {Chunks} chunks  @param {number} i  @param {number} header  bytes
 *  @returns {{kind: LookKind, start: number, bytes: number, text: string}} */
function inChunk({ address, bytes, kind, domain }, i, header) {
  const start = Number(address[i]) + header;
  const size = Number(bytes[i]) - header;
  const name = OWNERS[Number(domain[i])];
  /** @type {Record<number, [LookKind, string]>} */
  const kinds = {
    [ChunkKind.FREE]: ['free', `Free memory, ${size} bytes.`],
    [ChunkKind.RAW]: ['raw', `A block of ${size} bytes in the ${name} domain: live.`],
    [ChunkKind.CACHED]: [
      'cached',
      `A block of ${size} bytes, freed: cached for the next request of its size.`,
    ],
    [ChunkKind.INTERNAL]: ['internal', `${size} bytes that the library keeps for itself.`],
    [ChunkKind.DAMAGED]: [
      'damaged',
      'The header of this chunk was overwritten: what lies from here '
        + 'to the end of its segment cannot be told.',
    ],
  };
  const [is, text] = kinds[Number(kind[i])] ?? kinds[ChunkKind.DAMAGED] ?? ['damaged', ''];
  return { kind: is, start, bytes: size, text };
}

/** @param {number} address  @param {Layout} layout  @param {string} what */
function checkAddress(address, { wide }, what) {
  const most = wide ? Number.MAX_SAFE_INTEGER : 2 ** 32;
  if (!Number.isInteger(address) || address < 0 || address > most) {
    throw badArgument(`${what} must be a whole number, 0..${most}`, address);
  }
}
