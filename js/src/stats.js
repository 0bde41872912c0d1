/** heap.stats(): counters of a heap, read straight from linear memory. */

import { UNLIMITED } from './constants.js';
import { badMemory, hex } from './errors.js';
import { INTERNAL } from './layout.js';
import { checkRange, readU64, readWord } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./layout.js').Span} Span */

/** Bytes, unless the name says otherwise.  Counters are exact up to 2^53.
 *  @typedef {object} DomainStats
 *  @property {number} liveBytes    usable bytes of live blocks
 *  @property {number} liveBlocks
 *  @property {number} peakBytes    most that was seen of liveBytes: small blocks are summed up every
 *    4 KiB, so the true peak may have been a little above
 *  @property {number} totalBlocks  ever allocated
 *  @property {number} totalBytes   usable bytes ever allocated
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

/** Pages of 64 KiB, of all heaps.  What a page holds is in Heap.map().
 *  @typedef {object} PageStats
 *  @property {number} memory   linear memory as it is now
 *  @property {number} owned    with something of the library's; never falls
 *  @property {number} foreign  not the library's: program data, stack, other allocators */

/** Where memory goes that is not in a live block, in bytes, all of this heap.  With the live bytes
 *  of the three domains the losses but `rounding`, which lies within them, make up `raw.bytes`
 *  (unless a hook gives arenas: pools in these are not in raw memory).
 *  @typedef {object} LostStats
 *  @property {number} rounding       inside live blocks: sum of the classes' estimates
 *  @property {number} bookkeeping    what the library keeps for itself in the default heap: the pool
 *                                    table, other heaps with all that is in them
 *  @property {number} headers        of chunks, segments and pools
 *  @property {number} freePoolSpace  free blocks, and what is too little for one
 *  @property {number} freeChunks     free raw memory, cached blocks in */

/** Raw memory of this heap: blocks above 512 bytes, pools and what is free are chunks of it.
 *  @typedef {object} RawStats
 *  @property {number} segments
 *  @property {number} bytes      of all segments, pools in
 *  @property {number} freeBytes  of free chunks, headers in
 *  @property {number} cachedBytes  of blocks that were freed and are kept for requests of their size
 *  @property {number} chunks     in use, pools not counted */

/** @typedef {object} HeapStats
 *  @property {number} heap      id; 1 is the default heap
 *  @property {number} pageBytes  65536
 *  @property {number} poolBytes  of one pool
 *  @property {PageStats} pages
 *  @property {number} pools     in use; of poolBytes each
 *  @property {{raw: DomainStats, mem: DomainStats, object: DomainStats}} domains
 *  @property {number | null} softLimit  of the three domains together; null: none
 *  @property {number | null} hardLimit
 *  @property {{softLimit: number | null, hardLimit: number | null}} allHeaps  of every heap together
 *  @property {number | null} threads  that have a heap of their own for malloc, see heaps(); 0 in a
 *    program on the archives for one thread; null: the module is too old to tell
 *  @property {readonly ClassStats[]} classes  smallest first
 *  @property {import('./peak.js').AtPeak} atPeak  what lived when most did
 *  @property {RawStats} raw
 *  @property {{grows: number, failures: number}} growth  of linear memory, asked by the library
 *  @property {LostStats} lost
 *  @property {Fault | null} fault  what the library found before it trapped; null: nothing */

/** Damage that the library noticed; it traps then, and what the heap holds is not to be relied on.
 *  @typedef {object} Fault
 *  @property {string} cause
 *  @property {number} address  where */

/** Texts of enum cause (src/core/cause.h in C), from 1 on. */
export const CAUSES = Object.freeze([
  'raw block header overwritten',
  'list of free memory overwritten',
  'free raw memory overwritten',
  'freed block written to',
  'not a block of this heap, or its header was overwritten',
  'double free of a raw block',
  'block belongs to another domain',
  'pool table overwritten, or block of another heap',
  'pointer is not a block',
  'double free',
  'double free, or freed block written to',
  'heap cannot be destroyed: not a heap, the default one, or destroyed before',
  'root structure overwritten',
  'wrong size given to a sized free',
  'use of a freed block',
  'bad ID',
  'bad leading pad byte',
  'bad size field',
  'bad trailing pad byte',
]);

/** @param {DataView} view  @param {number} address  @param {boolean} wide
 *  @returns {number | null} a limit; null: none */
export function readLimit(view, address, wide) {
  const limit = readWord(view, address, wide);
  return limit === UNLIMITED && !wide ? null : limit > Number.MAX_SAFE_INTEGER ? null : limit;
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY unless the root is a space of this
 *    layout that lies in memory */
export function checkRoot(view, root, layout) {
  const { constants, space } = layout;
  checkRange(view, root, constants.space_bytes, 'the root structure');
  if (
    view.getUint32(root + space.magic, true) !== constants.space_magic
    || view.getUint32(root + space.version, true) !== constants.layout_version
  ) {
    throw badMemory(`no root structure at ${hex(root)}`);
  }
}

/** @param {DataView} view  @param {number} root  @param {number} heap
 *  @param {Layout} layout  @param {import('./peak.js').PeakReader} peak  this heap's
 *  @returns {Readonly<HeapStats>} root and heap are checked already */
export function readStats(view, root, heap, layout, peak) {
  const { heap: f, domains, domain, space, wide } = layout;
  const inMem = { ...NO_POOLS, live: [0] };
  const inObject = { ...NO_POOLS, live: [0] };
  const classes = readClasses(view, heap, layout, inMem, inObject);
  const at = heap + domains.offset;
  const raw = readDomain(view, at, layout, NO_POOLS);
  const mem = readDomain(view, at + domains.stride, layout, inMem);
  const object = readDomain(view, at + 2 * domains.stride, layout, inObject);

  const chunks = Object.freeze({
    segments: view.getUint32(heap + f.raw_segments, true),
    bytes: readWord(view, heap + f.raw_bytes, wide),
    freeBytes: readWord(view, heap + f.raw_free, wide),
    cachedBytes: readWord(view, heap + f.raw_cached, wide),
    chunks: rawBlocks(view, at, layout),
  });
  const ofDomains = Object.freeze({ raw, mem, object });
  const pools = view.getUint32(heap + f.pools_used, true);
  const { page_bytes, pool_bytes, pool_header, raw_header, segment_header } = layout.constants;
  const poolHeaders = pools * (raw_header + pool_header);
  return Object.freeze({
    heap: view.getUint32(heap + f.id, true),
    pageBytes: page_bytes,
    poolBytes: pool_bytes,
    pages: readPages(view, root, layout),
    pools,
    domains: ofDomains,
    softLimit: readLimit(view, heap + f.soft, wide),
    hardLimit: readLimit(view, heap + f.hard, wide),
    allHeaps: Object.freeze({
      softLimit: readLimit(view, root + space.soft, wide),
      hardLimit: readLimit(view, root + space.hard, wide),
    }),
    threads: layout.threads === null ? null : view.getUint32(root + layout.threads, true),
    classes,
    atPeak: peak.read(view, heap, layout, { domains: ofDomains, inMem, inObject }),
    raw: chunks,
    growth: Object.freeze({
      grows: readU64(view, root + space.grows),
      failures: readU64(view, root + space.grow_failures),
    }),
    lost: Object.freeze({
      rounding: classes.reduce((sum, c) => sum + c.roundingEstimate, 0),
      bookkeeping: rawLive(view, at + INTERNAL * domains.stride, domain),
      // A segment ends with the header of a chunk that is none.
      headers:
        chunks.chunks * raw_header + poolHeaders + chunks.segments * (segment_header + raw_header),
      freePoolSpace: pools * pool_bytes - poolHeaders - inMem.liveBytes - inObject.liveBytes,
      freeChunks: chunks.freeBytes + chunks.cachedBytes,
    }),
    fault: readFault(view, root, layout),
  });
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {Readonly<Fault> | null} */
function readFault(view, root, { space, wide }) {
  const cause = view.getUint32(root + space.fault, true);
  if (cause === 0) return null;
  return Object.freeze({
    cause: CAUSES[cause - 1] ?? `unknown cause ${cause}`,
    address: readWord(view, root + space.fault_at, wide),
  });
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout
 *  @returns {Readonly<PageStats>} */
function readPages(view, root, layout) {
  const memory = Math.floor(view.byteLength / layout.constants.page_bytes);
  const owned = view.getUint32(root + layout.space.pages_owned, true);
  if (owned > memory) throw badMemory(`${owned} pages owned in a memory of ${memory}`);
  return Object.freeze({ memory, owned, foreign: memory - owned });
}

/** What a domain has in pools: the sum over the classes.
 *  @typedef {object} InPools
 *  @property {number} liveBlocks
 *  @property {number} liveBytes
 *  @property {number} totalBlocks
 *  @property {number} totalBytes
 *  @property {number[]} live  blocks of each class, from 1 on */

const NO_POOLS = Object.freeze({
  liveBlocks: 0,
  liveBytes: 0,
  totalBlocks: 0,
  totalBytes: 0,
  live: [],
});

/** @param {DataView} view  @param {number} at  of the domain  @param {Layout} layout
 *  @param {Readonly<InPools>} inPools
 *  @returns {Readonly<DomainStats>} */
function readDomain(view, at, { domain: f, wide }, inPools) {
  const liveBytes = inPools.liveBytes + rawLive(view, at, f);
  const rawMallocs = readU64(view, at + f.raw_mallocs);
  return Object.freeze({
    liveBytes,
    liveBlocks: inPools.liveBlocks + rawMallocs - readU64(view, at + f.raw_frees),
    peakBytes: Math.max(liveBytes, readWord(view, at + f.peak, wide)),
    totalBlocks: inPools.totalBlocks + rawMallocs,
    totalBytes: inPools.totalBytes + readU64(view, at + f.raw_bytes),
    softLimit: readLimit(view, at + f.soft, wide),
    hardLimit: readLimit(view, at + f.hard, wide),
    failures: readU64(view, at + f.failures),
  });
}

/** @param {DataView} view  @param {number} at  of the domain  @param {Layout['domain']} f
 *  @returns {number} usable bytes of its blocks that lie outside of pools */
function rawLive(view, at, f) {
  return readU64(view, at + f.raw_bytes) - readU64(view, at + f.raw_freed);
}

/** @param {DataView} view  @param {number} at  of the first domain  @param {Layout} layout
 *  @returns {number} chunks of the heap that hold a block, or what the library keeps there */
function rawBlocks(view, at, { domain: f, domains }) {
  let blocks = 0;
  for (let i = 0; i <= INTERNAL; i++) {
    const domain = at + i * domains.stride;
    blocks += readU64(view, domain + f.raw_mallocs) - readU64(view, domain + f.raw_frees);
  }
  return blocks;
}

/** @param {DataView} view  @param {number} heap  @param {Layout} layout
 *  @param {InPools} mem  added to  @param {InPools} object  added to
 *  @returns {readonly ClassStats[]} */
function readClasses(view, heap, layout, mem, object) {
  const {
    constants: { classes, alignment },
    arrays: a,
    unusedClasses,
  } = layout;
  /** @type {ClassStats[]} */
  const out = [];
  for (let i = 1; i <= classes; i++) {
    // slot 0 holds nothing
    const blockSize = i * alignment;
    const j = classes + 1 + i; // of the object domain
    const peakPools = u32(view, heap, a.pools_peak, i);
    if (peakPools === 0) {
      out.push(/** @type {ClassStats} */ (unusedClasses[i - 1]));
      mem.live.push(0);
      object.live.push(0);
      continue;
    }
    const memFreed = u64(view, heap, a.frees, i),
      objFreed = u64(view, heap, a.frees, j);
    const memLive = taken(view, heap, layout, i) - memFreed;
    const objLive = taken(view, heap, layout, j) - objFreed;
    const memTotal = memLive + memFreed + u64(view, heap, a.reused, i);
    const objTotal = objLive + objFreed + u64(view, heap, a.reused, j);
    const liveBlocks = memLive + objLive;
    add(mem, memLive, memTotal, blockSize);
    add(object, objLive, objTotal, blockSize);
    out.push(
      Object.freeze({
        blockSize,
        liveBlocks,
        totalBlocks: memTotal + objTotal,
        pools: u32(view, heap, a.pools, i),
        peakPools,
        roundingEstimate:
          liveBlocks <= 0
            ? 0
            : liveBlocks
              * roundingOf(
                blockSize,
                alignment,
                u64(view, heap, a.sampled, i),
                u64(view, heap, a.sampled_bytes, i),
              ),
      }),
    );
  }
  return Object.freeze(out);
}

/** @param {DataView} view  @param {number} heap  @param {Layout} layout  @param {number} slot
 *  @returns {number} blocks that left their pools: all that were moved to the list and are not there */
function taken(view, heap, { arrays, lists, list, wide }, slot) {
  const at = heap + lists.offset + slot * lists.stride + list.count;
  const cached = wide ? view.getUint16(at, true) : view.getUint32(at, true);
  return u64(view, heap, arrays.filled, slot) - cached;
}

/** @param {InPools} sum  @param {number} live  blocks  @param {number} total  blocks
 *  @param {number} blockSize */
function add(sum, live, total, blockSize) {
  sum.live.push(live);
  sum.liveBlocks += live;
  sum.liveBytes += live * blockSize;
  sum.totalBlocks += total;
  sum.totalBytes += total * blockSize;
}

/** @param {DataView} view  @param {number} base  of the structure  @param {Span} span  of it
 *  @param {number} i  element
 *  @returns {number} */
function u32(view, base, span, i) {
  return view.getUint32(base + span.offset + i * span.stride, true);
}

/** The same for a 64-bit counter.
 *  @param {DataView} view  @param {number} base  @param {Span} span  @param {number} i
 *  @returns {number} */
function u64(view, base, span, i) {
  return readU64(view, base + span.offset + i * span.stride);
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
