/** heap.stats(): counters of a heap, read straight from linear memory. */

import { badMemory, hex } from './errors.js';
import { checkRange, readU64 } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./layout.js').Span} Span */

/** Bytes, unless the name says otherwise.  Counters are exact up to 2^53.
 *  @typedef {object} DomainStats
 *  @property {number} liveBytes    usable bytes of live blocks
 *  @property {number} liveBlocks
 *  @property {number} peakBytes    high-water mark of liveBytes; free blocks at hand may add up to
 *    some 2 KiB a size class
 *  @property {number} totalBlocks  ever handed out
 *  @property {number} totalBytes   usable bytes ever handed out
 *  @property {number | null} softLimit  null: none
 *  @property {number | null} hardLimit  null: none
 *  @property {number} failures     requests refused */

/** One size class, the mem and object domains together.
 *  @typedef {object} ClassStats
 *  @property {number} blockSize
 *  @property {number} liveBlocks
 *  @property {number} totalBlocks
 *  @property {number} pools        pools that the class holds now
 *  @property {number} peakPools
 *  @property {number} roundingEstimate  bytes of live blocks that nobody asked for, estimated from
 *                                       a sample of the requests */

/** Pages of 64 KiB; `memory` and `foreign` as linear memory is now, the others of all heaps.
 *  @typedef {object} PageStats
 *  @property {number} memory
 *  @property {number} owned      free + pool + raw + table
 *  @property {number} peakOwned
 *  @property {number} free       in the page pool: any heap, any purpose
 *  @property {number} pool       hold pools of small blocks
 *  @property {number} raw        hold raw segments
 *  @property {number} table      hold the page table
 *  @property {number} foreign    not the library's: program data, stack, other allocators */

/** Where memory goes that is not in a live block, in bytes.  All of this heap, except freePages.
 *  @typedef {object} LostStats
 *  @property {number} rounding       inside live blocks: sum of the classes' estimates
 *  @property {number} poolHeaders    descriptors of pools and of their pages
 *  @property {number} freePoolSpace  free blocks, blocks at hand, space never carved, pools not in use
 *  @property {number} rawHeaders     headers of raw chunks and segments, structures of further heaps
 *  @property {number} freeChunks     free raw chunks
 *  @property {number} freePages      pages that nobody uses, of the whole program */

/** @typedef {object} HeapStats
 *  @property {number} heap      id; 1 is the default heap
 *  @property {number} pageBytes  65536
 *  @property {number} poolBytes  of one pool
 *  @property {PageStats} pages
 *  @property {number} arenas    256 KiB windows in use
 *  @property {number} peakArenas
 *  @property {number} totalArenas  ever opened
 *  @property {number} pools     pools in use
 *  @property {{raw: DomainStats, mem: DomainStats, object: DomainStats}} domains
 *  @property {number | null} softLimit  of the three domains together; null: none
 *  @property {number | null} hardLimit
 *  @property {readonly ClassStats[]} classes  smallest first
 *  @property {{segments: number, bytes: number, freeBytes: number, chunks: number}} raw  chunks: in use
 *  @property {{grows: number, failures: number}} growth  of linear memory, asked by the library
 *  @property {LostStats} lost */

const UNLIMITED = 0xffffffff;

/** @param {number} limit  @returns {number | null} */
export function limitOf(limit) {
  return limit === UNLIMITED ? null : limit;
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY unless the root is a space of this
 *    layout that lies in memory */
export function checkRoot(view, root, layout) {
  const { constants, space } = layout;
  checkRange(view, root, constants.space_bytes, 'the root structure');
  if (view.getUint32(root + space.magic, true) !== constants.space_magic
    || view.getUint32(root + space.version, true) !== constants.layout_version) {
    throw badMemory(`no root structure at ${hex(root)}`);
  }
}

/** @param {DataView} view  @param {number} root  @param {number} heap
 *  @param {Layout} layout  @returns {Readonly<HeapStats>} root and heap are checked already */
export function readStats(view, root, heap, layout) {
  const { heap: f, domains, domain } = layout;
  const pages = readPages(view, root, layout);
  const inMem = { blocks: 0, total: 0, bytes: 0, atHand: 0 };
  const inObject = { ...inMem };
  const sums = { live: 0, rounding: 0 };
  const classes = readClasses(view, heap, layout, inMem, inObject, sums);
  const at = heap + domains.offset;
  const raw = readDomain(view, at, domain, NO_POOLS);
  const mem = readDomain(view, at + domains.stride, domain, inMem);
  const object = readDomain(view, at + 2 * domains.stride, domain, inObject);

  const rawBytes = view.getUint32(heap + f.raw_bytes, true);
  const rawFree = view.getUint32(heap + f.raw_free, true);
  const rawLive = raw.liveBytes + mem.liveBytes + object.liveBytes - sums.live;
  const poolPages = view.getUint32(heap + f.pool_pages, true);
  const pools = view.getUint32(heap + f.pools_used, true);
  const { page_bytes, pool_bytes, page_header, pool_descriptor } = layout.constants;
  const poolHeaders = poolPages * (page_header + layout.poolsPerPage * pool_descriptor);
  return Object.freeze({
    heap: view.getUint32(heap + f.id, true),
    pageBytes: page_bytes,
    poolBytes: pool_bytes,
    pages,
    arenas: view.getUint32(heap + f.arenas, true),
    peakArenas: view.getUint32(heap + f.arenas_peak, true),
    totalArenas: readU64(view, heap + f.arenas_total),
    pools,
    domains: Object.freeze({ raw, mem, object }),
    softLimit: limitOf(view.getUint32(heap + f.soft, true)),
    hardLimit: limitOf(view.getUint32(heap + f.hard, true)),
    classes,
    raw: Object.freeze({
      segments: view.getUint32(heap + f.raw_segments, true),
      bytes: rawBytes,
      freeBytes: rawFree,
      chunks: view.getUint32(heap + f.raw_chunks, true),
    }),
    growth: Object.freeze({
      grows: readU64(view, root + layout.space.grows),
      failures: readU64(view, root + layout.space.grow_failures),
    }),
    lost: Object.freeze({
      rounding: sums.rounding,
      poolHeaders,
      freePoolSpace: poolPages * page_bytes - sums.live,
      rawHeaders: rawBytes - rawFree - rawLive - poolHeaders,   // descriptors lie in raw chunks
      freeChunks: rawFree,
      freePages: pages.free * page_bytes,
    }),
  });
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {Readonly<PageStats>} */
function readPages(view, root, layout) {
  const f = layout.space;
  const memory = Math.floor(view.byteLength / layout.constants.page_bytes);
  const owned = view.getUint32(root + f.pages_owned, true);
  const free = view.getUint32(root + f.pages_free, true);
  const pool = view.getUint32(root + f.pages_pool, true);
  const raw = view.getUint32(root + f.pages_raw, true);
  if (owned > memory || free + pool + raw > owned) {
    throw badMemory(`${free} free, ${pool} pool and ${raw} raw pages of ${owned} owned `
      + `in a memory of ${memory}`);
  }
  return Object.freeze({
    memory,
    owned,
    peakOwned: Math.max(owned, view.getUint32(root + f.pages_owned_peak, true)),
    free,
    pool,
    raw,
    table: owned - free - pool - raw,
    foreign: memory - owned,
  });
}

/** What a domain has in pools: the sum over the classes.
 *  @typedef {object} InPools
 *  @property {number} blocks  live
 *  @property {number} total   blocks ever handed out
 *  @property {number} bytes   of those
 *  @property {number} atHand  bytes of free blocks in magazines: charged, not live */

const NO_POOLS = Object.freeze({ blocks: 0, total: 0, bytes: 0, atHand: 0 });

/** @param {DataView} view  @param {number} at  of the domain  @param {Layout['domain']} f
 *  @param {Readonly<InPools>} inPools
 *  @returns {Readonly<DomainStats>} */
function readDomain(view, at, f, inPools) {
  const live = view.getUint32(at + f.charged, true) - inPools.atHand;
  const rawMallocs = readU64(view, at + f.raw_mallocs);
  return Object.freeze({
    liveBytes: live,
    liveBlocks: inPools.blocks + rawMallocs - readU64(view, at + f.raw_frees),
    peakBytes: Math.max(live, view.getUint32(at + f.peak, true)),
    totalBlocks: inPools.total + rawMallocs,
    totalBytes: inPools.bytes + readU64(view, at + f.raw_bytes),
    softLimit: limitOf(view.getUint32(at + f.soft, true)),
    hardLimit: limitOf(view.getUint32(at + f.hard, true)),
    failures: readU64(view, at + f.failures),
  });
}

/** @param {DataView} view  @param {number} heap  @param {Layout} layout
 *  @param {InPools} mem  added to  @param {InPools} object  added to
 *  @param {{live: number, rounding: number}} sums  bytes, added to
 *  @returns {readonly ClassStats[]} */
function readClasses(view, heap, layout, mem, object, sums) {
  const { constants: { classes, alignment }, arrays: a, unusedClasses } = layout;
  /** @type {ClassStats[]} */
  const out = [];
  for (let i = 1; i <= classes; i++) {   // slot 0 holds nothing
    const blockSize = i * alignment;
    const before = mem.total + object.total;
    const liveBlocks
      = readInPools(view, heap, i, blockSize, layout.mem, layout.magazine, mem)
      + readInPools(view, heap, i, blockSize, layout.obj, layout.magazine, object);
    const totalBlocks = mem.total + object.total - before;
    const pools = u32(view, heap, a.pools, i);
    if (totalBlocks === 0 && liveBlocks === 0 && pools === 0) {
      out.push(/** @type {ClassStats} */ (unusedClasses[i - 1]));
      continue;
    }
    const roundingEstimate = liveBlocks <= 0 ? 0 : liveBlocks * roundingOf(blockSize, alignment,
      u32(view, heap, a.sampled, i), u32(view, heap, a.sampled_bytes, i));
    sums.live += liveBlocks * blockSize;
    sums.rounding += roundingEstimate;
    out.push(Object.freeze({ blockSize, liveBlocks, totalBlocks, pools,
      peakPools: u32(view, heap, a.pools_peak, i), roundingEstimate }));
  }
  return Object.freeze(out);
}

/** One class of one domain: blocks that left the pools are live, or at hand in its magazine.
 *  @param {DataView} view  @param {number} heap  @param {number} i  slot of the class
 *  @param {number} blockSize
 *  @param {import('./layout.js').SmallDomain} domain  @param {Layout['magazine']} f
 *  @param {InPools} sum  added to
 *  @returns {number} live blocks */
function readInPools(view, heap, i, blockSize, { magazines, base, out }, f, sum) {
  const at = heap + magazines.offset + i * magazines.stride;
  const atHand = (view.getUint32(at + f.top, true) - u32(view, heap, base, i)) >>> 2;
  const live = u32(view, heap, out, i) - atHand;
  const total = readU64(view, at + f.mallocs);
  sum.blocks += live;
  sum.total += total;
  sum.bytes += total * blockSize;
  sum.atHand += atHand * blockSize;
  return live;
}

/** @param {DataView} view  @param {number} base  of the structure  @param {Span} span  of it
 *  @param {number} i  element
 *  @returns {number} */
function u32(view, base, span, i) {
  return view.getUint32(base + span.offset + i * span.stride, true);
}

/** Bytes of a block beyond its request: from the sampled requests of its class or, without any,
 *  as if every size of the class were as frequent as the others.
 *  @param {number} blockSize  @param {number} step  from one class to the next
 *  @param {number} sampled  requests  @param {number} sampledBytes  their sum
 *  @returns {number} */
function roundingOf(blockSize, step, sampled, sampledBytes) {
  if (sampled === 0) return (step - 1) / 2;
  return Math.min(Math.max(blockSize - sampledBytes / sampled, 0), blockSize);
}
