/** Snapshots of a Watch, and the difference of two, in the shape of a Heap's. */

import { bad, domainDiff, shaped, DOMAIN, NUMBER, SNAPSHOT_VERSION, TEXT } from '../snapshot.js';

/** @typedef {import('./watch.js').ObservedStats} ObservedStats */
/** @typedef {import('./samples.js').Allocations} Allocations */
/** @typedef {import('../snapshot.js').DomainDiff} DomainDiff */

/** What a watched module's memory was at one moment.  Plain frozen data: structuredClone, postMessage
 *  and JSON take it as it is.
 *  @typedef {object} ObservedSnapshot
 *  @property {1} version
 *  @property {number} time    milliseconds since 1970
 *  @property {number} module  identity.id: snapshots of one module can be compared
 *  @property {Readonly<ObservedStats>} stats
 *  @property {readonly Readonly<Allocations>[]} allocations  by sampled call stack; empty without the
 *    option `sample` */

/** @typedef {object} ObservedClassDiff
 *  @property {number} blockSize
 *  @property {number} liveBlocks
 *  @property {number} liveBytes
 *  @property {number} allocatedBlocks
 *  @property {number} freedBlocks */

/** What one call stack has more of, estimated from samples.
 *  @typedef {object} AllocationsDiff
 *  @property {readonly Readonly<import('./stacks.js').Frame>[]} frames
 *  @property {string} site
 *  @property {number} bytes        that live
 *  @property {number} blocks       that live
 *  @property {number} totalBytes   allocated between the two
 *  @property {number} totalBlocks  allocated between the two */

/** Differences are what b has more than a.
 *  @typedef {object} ObservedDiff
 *  @property {number} ms  from a to b
 *  @property {{malloc: Readonly<DomainDiff>}} domains
 *  @property {readonly Readonly<ObservedClassDiff>[]} classes  those that differ, smallest first
 *  @property {{memory: number}} pages
 *  @property {readonly Readonly<AllocationsDiff>[]} allocations  those that differ, most bytes first */

/** @param {number} module  @param {Readonly<ObservedStats>} stats
 *  @param {readonly Readonly<Allocations>[]} allocations
 *  @returns {Readonly<ObservedSnapshot>} */
export function snapshotOf(module, stats, allocations) {
  return Object.freeze({ version: SNAPSHOT_VERSION, time: Date.now(), module, stats, allocations });
}

/** What happened between two snapshots of one module.
 *
 *  @example
 *  const before = watch.snapshot();
 *  program.step();
 *  const { domains, classes } = diff(before, watch.snapshot());
 *  console.log(`${domains.malloc.liveBytes} bytes more, in ${classes.length} size classes`);
 *
 *  @param {ObservedSnapshot} a  the earlier one
 *  @param {ObservedSnapshot} b
 *  @returns {Readonly<ObservedDiff>}
 *  @throws {import('../errors.js').PymallocError} BAD_SNAPSHOT: one is none, or they are of different
 *    modules */
export function diff(a, b) {
  checkSnapshot(a);
  checkSnapshot(b);
  if (a.module !== b.module) throw bad('they are of different modules', MAKERS);
  return Object.freeze({
    ms: b.time - a.time,
    domains: Object.freeze({ malloc: domainDiff(a.stats.domains.malloc, b.stats.domains.malloc) }),
    classes: classDiffs(a.stats.classes, b.stats.classes),
    pages: Object.freeze({ memory: b.stats.pages.memory - a.stats.pages.memory }),
    allocations: allocationsDiff(a.allocations, b.allocations),
  });
}

/** @param {ObservedStats['classes']} before  @param {ObservedStats['classes']} after
 *  @returns {readonly Readonly<ObservedClassDiff>[]} */
function classDiffs(before, after) {
  const old = new Map(before.map((one) => [one.blockSize, one]));
  return Object.freeze(
    after.flatMap(({ blockSize, liveBlocks, liveBytes, totalBlocks }) => {
      const a = old.get(blockSize) ?? { liveBlocks: 0, liveBytes: 0, totalBlocks: 0 };
      const blocks = liveBlocks - a.liveBlocks;
      const allocatedBlocks = totalBlocks - a.totalBlocks;
      if (blocks === 0 && allocatedBlocks === 0) return [];
      return [
        Object.freeze({
          blockSize,
          liveBlocks: blocks,
          liveBytes: liveBytes - a.liveBytes,
          allocatedBlocks,
          freedBlocks: allocatedBlocks - blocks,
        }),
      ];
    }),
  );
}

/** @param {ObservedSnapshot['allocations']} before  @param {ObservedSnapshot['allocations']} after
 *  @returns {readonly Readonly<AllocationsDiff>[]} */
function allocationsDiff(before, after) {
  const key = (/** @type {Readonly<Allocations>} */ { frames }) => JSON.stringify(frames);
  const old = new Map(before.map((one) => [key(one), one]));
  return Object.freeze(
    after
      .map((b) => {
        const a = old.get(key(b)) ?? { bytes: 0, blocks: 0, totalBytes: 0, totalBlocks: 0 };
        return Object.freeze({
          frames: b.frames,
          site: b.site,
          bytes: b.bytes - a.bytes,
          blocks: b.blocks - a.blocks,
          totalBytes: b.totalBytes - a.totalBytes,
          totalBlocks: b.totalBlocks - a.totalBlocks,
        });
      })
      .filter(({ bytes, totalBytes }) => bytes !== 0 || totalBytes !== 0)
      .sort((x, y) => y.bytes - x.bytes),
  );
}

const MAKERS = 'Pass what watch.snapshot() returned, or its JSON';
const SNAPSHOT = {
  time: NUMBER,
  module: NUMBER,
  stats: {
    pages: { memory: NUMBER },
    domains: { malloc: DOMAIN },
    classes: [{ blockSize: NUMBER, liveBlocks: NUMBER, liveBytes: NUMBER, totalBlocks: NUMBER }],
  },
  allocations: [
    {
      site: TEXT,
      bytes: NUMBER,
      blocks: NUMBER,
      totalBytes: NUMBER,
      totalBlocks: NUMBER,
      frames: [{ name: TEXT, file: TEXT, line: NUMBER, column: NUMBER }],
    },
  ],
};

/** @param {unknown} value
 *  @throws {import('../errors.js').PymallocError} BAD_SNAPSHOT */
function checkSnapshot(value) {
  const version = /** @type {{version?: unknown} | null} */ (value)?.version;
  if (version !== SNAPSHOT_VERSION) {
    throw bad(`its version is ${String(version)}, this package knows ${SNAPSHOT_VERSION}`, MAKERS);
  }
  shaped(value, SNAPSHOT, 'snapshot', MAKERS);
}
