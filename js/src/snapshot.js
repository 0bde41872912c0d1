/** Snapshots of a heap, and the difference of two: plain data, for another thread, a file, a later
 *  day. */

import { PymallocTypeError } from './errors.js';
import { plain, withJSON } from './json.js';
import { addressArray } from './memory.js';

/** @typedef {import('./stats.js').HeapStats} HeapStats */
/** @typedef {import('./map.js').HeapMap} HeapMap */
/** @typedef {import('./memory.js').Addresses} Addresses */

/** What a heap was at one moment.  Plain frozen data: structuredClone and postMessage take it, JSON
 *  too.
 *  @typedef {object} Snapshot
 *  @property {1} version
 *  @property {number} time  milliseconds since 1970
 *  @property {HeapStats} stats  of this heap
 *  @property {SnapshotMap} map  of the whole memory, all pools */
/** A map; one that was JSON has no buffer that all arrays share.
 *  @typedef {Omit<HeapMap, 'buffer'> & {buffer?: ArrayBuffer}} SnapshotMap */

/** Differences are what b has more than a.  Allocated and freed: between the two.
 *  @typedef {object} DomainDiff
 *  @property {number} liveBytes
 *  @property {number} liveBlocks
 *  @property {number} peakBytes
 *  @property {number} allocatedBlocks
 *  @property {number} allocatedBytes
 *  @property {number} freedBlocks
 *  @property {number} freedBytes
 *  @property {number} failures  requests refused */

/** @typedef {object} ClassDiff
 *  @property {number} blockSize
 *  @property {number} liveBlocks
 *  @property {number} allocatedBlocks
 *  @property {number} freedBlocks
 *  @property {number} pools
 *  @property {number} roundingEstimate  bytes */

/** @typedef {object} PageDiff
 *  @property {number} memory
 *  @property {number} owned
 *  @property {{foreign: number, free: number, raw: number, pool: number, damaged: number}} kinds
 *  @property {Uint32Array} changed  pages whose kind is another now, or that are new */

/** A pool that is one of another size or heap now is both gone and added.
 *  @typedef {object} PoolDiff
 *  @property {Addresses} added    addresses
 *  @property {Addresses} gone     addresses
 *  @property {Addresses} changed  addresses of pools that have more or less live blocks
 *  @property {Int16Array} blocks    how many more, for each of `changed`
 *  @property {number} same          pools with as many */

/** @typedef {object} HeapDiff
 *  @property {number} ms  from a to b
 *  @property {{raw: DomainDiff, mem: DomainDiff, object: DomainDiff}} domains
 *  @property {readonly ClassDiff[]} classes  those that differ, smallest first
 *  @property {PageDiff} pages
 *  @property {PoolDiff} pools
 *  @property {import('./stats.js').RawStats} raw    differences
 *  @property {import('./stats.js').LostStats} lost  differences
 *  @property {{grows: number, failures: number}} growth  differences */

export const SNAPSHOT_VERSION = 1;

/** @param {HeapStats} stats  @param {HeapMap} map
 *  @returns {Readonly<Snapshot>} */
export function snapshotOf(stats, map) {
  const snapshot = { version: SNAPSHOT_VERSION, time: Date.now(), stats, map };
  return Object.freeze(withJSON(/** @type {Snapshot} */ (snapshot)));
}

// ---- The difference of two ----

/** What happened between two snapshots of one heap.
 *
 *  @example
 *  const before = heap.snapshot();
 *  program.step();
 *  const { domains, pools } = diff(before, heap.snapshot());
 *  console.log(`${domains.object.liveBytes} bytes more, ${pools.added.length} new pools`);
 *
 *  @param {Snapshot} a  the earlier one
 *  @param {Snapshot} b
 *  @returns {Readonly<HeapDiff>}
 *  @throws {PymallocTypeError} BAD_SNAPSHOT: one is none, or they are of different heaps */
export function diff(a, b) {
  checkSnapshot(a);
  checkSnapshot(b);
  if (a.stats.heap !== b.stats.heap) {
    throw bad(`the first is of heap ${a.stats.heap}, the second of heap ${b.stats.heap}`);
  }
  const { raw, mem, object } = b.stats.domains;
  return Object.freeze(
    withJSON({
      ms: b.time - a.time,
      domains: Object.freeze({
        raw: domainDiff(a.stats.domains.raw, raw),
        mem: domainDiff(a.stats.domains.mem, mem),
        object: domainDiff(a.stats.domains.object, object),
      }),
      classes: classDiffs(a.stats.classes, b.stats.classes),
      pages: pageDiff(a, b),
      pools: poolDiff(a.map.pools, b.map.pools, addressesOf(a.map, b.map)),
      raw: minus(b.stats.raw, a.stats.raw),
      lost: minus(b.stats.lost, a.stats.lost),
      growth: minus(b.stats.growth, a.stats.growth),
    }),
  );
}

/** @template {Record<keyof T, number>} T
 *  @param {T} b  @param {T} a  @returns {Readonly<T>} each property of b less that of a */
function minus(b, a) {
  const out = /** @type {Record<keyof T, number>} */ ({});
  for (const key of /** @type {(keyof T)[]} */ (Object.keys(b))) out[key] = b[key] - a[key];
  return Object.freeze(/** @type {T} */ (out));
}

/** @param {import('./stats.js').DomainStats} a  @param {import('./stats.js').DomainStats} b
 *  @returns {Readonly<DomainDiff>} */
export function domainDiff(a, b) {
  const liveBytes = b.liveBytes - a.liveBytes;
  const liveBlocks = b.liveBlocks - a.liveBlocks;
  const allocatedBlocks = b.totalBlocks - a.totalBlocks;
  const allocatedBytes = b.totalBytes - a.totalBytes;
  return Object.freeze({
    liveBytes,
    liveBlocks,
    peakBytes: b.peakBytes - a.peakBytes,
    allocatedBlocks,
    allocatedBytes,
    freedBlocks: allocatedBlocks - liveBlocks,
    freedBytes: allocatedBytes - liveBytes,
    failures: b.failures - a.failures,
  });
}

/** @param {readonly import('./stats.js').ClassStats[]} before
 *  @param {readonly import('./stats.js').ClassStats[]} after
 *  @returns {readonly ClassDiff[]} */
function classDiffs(before, after) {
  if (before.length !== after.length) throw bad('they have different size classes');
  return Object.freeze(
    after.flatMap((b, i) => {
      const a = /** @type {typeof b} */ (before[i]);
      if (a.blockSize !== b.blockSize) throw bad('they have different size classes');
      const liveBlocks = b.liveBlocks - a.liveBlocks;
      const allocatedBlocks = b.totalBlocks - a.totalBlocks;
      const pools = b.pools - a.pools;
      if (liveBlocks === 0 && allocatedBlocks === 0 && pools === 0) return [];
      return [
        Object.freeze({
          blockSize: b.blockSize,
          liveBlocks,
          allocatedBlocks,
          freedBlocks: allocatedBlocks - liveBlocks,
          pools,
          roundingEstimate: b.roundingEstimate - a.roundingEstimate,
        }),
      ];
    }),
  );
}

/** @param {Snapshot} a  @param {Snapshot} b  @returns {Readonly<PageDiff>} */
function pageDiff({ stats: before, map: from }, { stats: after, map: to }) {
  const changed = [];
  for (let p = 0; p < Math.max(from.pages.length, to.pages.length); p++) {
    if (from.pages[p] !== to.pages[p]) changed.push(p);
  }
  const { foreign, free, raw, pool, damaged } = minus(to.totals, from.totals);
  return Object.freeze({
    memory: after.pages.memory - before.pages.memory,
    owned: after.pages.owned - before.pages.owned,
    kinds: Object.freeze({ foreign, free, raw, pool, damaged }),
    changed: Uint32Array.from(changed),
  });
}

/** Both lists are sorted by address.
 *  @param {import('./map.js').PoolMap} a  @param {import('./map.js').PoolMap} b
 *  @param {ReturnType<typeof addressArray>} Address  for those of both
 *  @returns {Readonly<PoolDiff>} */
function poolDiff(a, b, Address) {
  const at = (/** @type {Addresses} */ list, /** @type {number} */ i) => list[i] ?? Infinity;
  /** @type {number[][]} */
  const [added, gone, changed, blocks] = [[], [], [], []];
  let same = 0;
  for (let i = 0, j = 0; i < a.address.length || j < b.address.length; ) {
    const [before, after] = [at(a.address, i), at(b.address, j)];
    if (before < after) {
      gone?.push(before);
      i++;
    } else if (after < before) {
      added?.push(after);
      j++;
    } else {
      const more = Number(b.blocks[j]) - Number(a.blocks[i]);
      if (a.owner[i] !== b.owner[j] || a.blockSize[i] !== b.blockSize[j]) {
        gone?.push(before);
        added?.push(after);
      } else if (more !== 0) {
        changed?.push(after);
        blocks?.push(more);
      } else {
        same++;
      }
      i++;
      j++;
    }
  }
  const addresses = (/** @type {number[] | undefined} */ list) => Address.from(list ?? []);
  return Object.freeze({
    added: addresses(added),
    gone: addresses(gone),
    changed: addresses(changed),
    blocks: Int16Array.from(blocks ?? []),
    same,
  });
}

// ---- What a snapshot is ----

export const NUMBER = 'number';
export const TEXT = 'string';
const N = NUMBER;
const LIMIT = 'limit'; // a number or null
const FAULT = 'fault'; // null or what follows
const FAULT_FIELDS = { cause: TEXT, address: N };
export const DOMAIN = {
  liveBytes: N,
  liveBlocks: N,
  peakBytes: N,
  totalBlocks: N,
  totalBytes: N,
  softLimit: LIMIT,
  hardLimit: LIMIT,
  failures: N,
};
const CLASS = {
  blockSize: N,
  liveBlocks: N,
  totalBlocks: N,
  pools: N,
  peakPools: N,
  roundingEstimate: N,
};
const HELD = { bytes: N, blocks: N };
const AT_PEAK = {
  bytes: N,
  atMost: N,
  domains: { raw: HELD, mem: HELD, object: HELD },
  classes: [{ blockSize: N, mem: N, object: N, bytes: N }],
  large: HELD,
};
/** A kind of value; an object's properties; what each element of an array is.
 *  @typedef {string | {[name: string]: any} | [any]} Shape */
const STATS = /** @type {Shape} */ ({
  heap: N,
  pageBytes: N,
  poolBytes: N,
  pages: { memory: N, owned: N, foreign: N },
  pools: N,
  domains: { raw: DOMAIN, mem: DOMAIN, object: DOMAIN },
  softLimit: LIMIT,
  hardLimit: LIMIT,
  allHeaps: { softLimit: LIMIT, hardLimit: LIMIT },
  threads: LIMIT,
  classes: [CLASS],
  atPeak: AT_PEAK,
  raw: { segments: N, bytes: N, freeBytes: N, cachedBytes: N, chunks: N },
  growth: { grows: N, failures: N },
  lost: { rounding: N, bookkeeping: N, headers: N, freePoolSpace: N, freeChunks: N },
  fault: FAULT,
});
const TOTALS = /** @type {Shape} */ ({
  foreign: N,
  free: N,
  raw: N,
  pool: N,
  damaged: N,
  pools: N,
  arenas: N,
});
const PAGE_ARRAYS = {
  pages: Uint8Array,
  poolCount: Uint16Array,
  rawBytes: Uint32Array,
  freeBytes: Uint32Array,
};
const POOL_ARRAYS = {
  state: Uint8Array,
  blockSize: Uint16Array,
  blocks: Uint16Array,
  capacity: Uint16Array,
};

/** @param {({pages?: unknown, pageBytes?: unknown} | undefined)[]} maps
 *  @returns {ReturnType<typeof addressArray>} what their addresses are in */
function addressesOf(...maps) {
  const bytes = maps.map((map) => Number(Object(map?.pages).length) * Number(map?.pageBytes));
  return addressArray(Math.max(...bytes));
}

/** @param {ReturnType<typeof addressArray>} Address
 *  @returns {Record<string, any>} the arrays of map.pools */
function poolArrays(Address) {
  return { address: Address, owner: Address, ...POOL_ARRAYS };
}

const MAKERS = 'Pass what heap.snapshot() or snapshotFromJSON() returned';

/** @param {string} what  @param {string} [makers]  what to pass  @returns {PymallocTypeError} */
export function bad(what, makers = MAKERS) {
  return new PymallocTypeError(
    'BAD_SNAPSHOT',
    `not two snapshots of one heap, or a file that was ` + `changed: ${what}. ${makers}`,
  );
}

/** @param {unknown} value  @param {Shape} shape  @param {string} path
 *  @param {string} [makers]  what to pass
 *  @returns {any} a frozen copy of what the shape names
 *  @throws {PymallocTypeError} BAD_SNAPSHOT */
export function shaped(value, shape, path, makers = MAKERS) {
  if (value === null && (shape === LIMIT || shape === FAULT)) return null;
  if (shape === N || shape === LIMIT) {
    if (!Number.isFinite(value)) throw bad(`${path} is no number`, makers);
    return value;
  }
  if (shape === TEXT) {
    if (typeof value !== 'string') throw bad(`${path} is no text`, makers);
    return value;
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) throw bad(`${path} is no array`, makers);
    return Object.freeze(value.map((item, i) => shaped(item, shape[0], `${path}[${i}]`, makers)));
  }
  if (typeof value !== 'object' || value === null) throw bad(`${path} is no object`, makers);
  const fields = typeof shape === 'string' ? FAULT_FIELDS : shape;
  return Object.freeze(
    Object.fromEntries(
      Object.entries(fields).map(([name, of]) => [
        name,
        shaped(/** @type {Record<string, unknown>} */ (value)[name], of, `${path}.${name}`, makers),
      ]),
    ),
  );
}

/** @param {unknown} value  @param {Record<string, Function>} kinds
 *  @param {number | undefined} length  @param {string} path
 *  @returns {number} length of each array */
function checkArrays(value, kinds, length, path) {
  for (const [name, kind] of Object.entries(kinds)) {
    const array = /** @type {Record<string, any> | undefined} */ (value)?.[name];
    // By name: an array from another realm is as good.
    if (
      Object.prototype.toString.call(array) !== `[object ${kind.name}]`
      || (length ??= array.length) !== array.length
    ) {
      throw bad(`${path}.${name} is no ${kind.name}${length === undefined ? '' : ` of ${length}`}`);
    }
  }
  return length ?? 0;
}

/** @param {unknown} value  @throws {PymallocTypeError} BAD_SNAPSHOT */
function checkSnapshot(value) {
  const { version, time, stats, map } = /** @type {Partial<Snapshot>} */ (value ?? {});
  if (version !== SNAPSHOT_VERSION) {
    throw bad(`its version is ${String(version)}, this package knows ${SNAPSHOT_VERSION}`);
  }
  shaped(time, N, 'time');
  shaped(stats, STATS, 'stats');
  shaped(map?.pageBytes, N, 'map.pageBytes');
  shaped(map?.poolBytes, N, 'map.poolBytes');
  shaped(map?.totals, TOTALS, 'map.totals');
  const n = checkArrays(map, PAGE_ARRAYS, undefined, 'map');
  checkArrays(map, { firstPool: Uint32Array }, n + 1, 'map');
  const Address = addressesOf(map);
  checkArrays(map, { damage: Address }, undefined, 'map');
  checkArrays(map?.pools, poolArrays(Address), undefined, 'map.pools');
}

// ---- JSON ----

/** A snapshot as JSON has it: its arrays are plain ones.  JSON.stringify does so by itself, but for a
 *  copy that structuredClone or postMessage made.
 *
 *  @example
 *  const copy = structuredClone(heap.snapshot());
 *  const text = JSON.stringify(snapshotToJSON(copy));
 *  const same = snapshotFromJSON(JSON.parse(text));
 *
 *  @param {Snapshot} snapshot
 *  @returns {object}
 *  @throws {PymallocTypeError} BAD_SNAPSHOT */
export function snapshotToJSON(snapshot) {
  checkSnapshot(snapshot);
  return plain(snapshot);
}

/** The way back.  Whatever the text held, a snapshot or an error comes out.
 *
 *  @example
 *  const text = JSON.stringify(heap.snapshot());
 *  const before = snapshotFromJSON(JSON.parse(text));          // perhaps another day
 *  diff(before, heap.snapshot());
 *
 *  @param {unknown} value  what JSON.parse returned
 *  @returns {Readonly<Snapshot>}
 *  @throws {PymallocTypeError} BAD_SNAPSHOT */
export function snapshotFromJSON(value) {
  const { version, time, stats, map } = /** @type {any} */ (value ?? {});
  const { pageBytes, poolBytes, totals } = map ?? {};
  const Address = addressesOf(map);
  const snapshot = {
    version,
    time,
    stats: shaped(stats, STATS, 'stats'),
    map: Object.freeze({
      pageBytes,
      poolBytes,
      ...typedArrays(map, { ...PAGE_ARRAYS, firstPool: Uint32Array, damage: Address }),
      pools: Object.freeze(typedArrays(map?.pools, poolArrays(Address))),
      totals: shaped(totals, TOTALS, 'map.totals'),
    }),
  };
  checkSnapshot(snapshot);
  return Object.freeze(withJSON(/** @type {Snapshot} */ (/** @type {unknown} */ (snapshot))));
}

/** @param {any} object  @param {Record<string, any>} kinds  of typed arrays, by name
 *  @returns {Record<string, object>} */
function typedArrays(object, kinds) {
  return Object.fromEntries(
    Object.entries(kinds).map(([name, Kind]) => {
      const list = object?.[name];
      if (!Array.isArray(list)) throw bad(`map: ${name} is no array`);
      const array = Kind.from(list);
      if (list.some((n, i) => n !== array[i])) throw bad(`map: ${name} holds what does not fit`);
      return [name, array];
    }),
  );
}
