/** Leaks and growth as failed tests, for any runner: node:test, Vitest, Jest, Mocha. */

import { ChunkKind, BlockState } from './blocks.js';
import { DOMAINS } from './constants.js';
import { badArgument, hex } from './errors.js';
import { Heap } from './heap.js';
import { Watch } from './observe/watch.js';
import { siteOf } from './profile/profile.js';
import { frameText } from './profile/stack.js';
import { bytesText, count, parseBytes, plural, signed } from './text.js';

/** @typedef {import('./allocator.js').Allocator} Allocator */
/** @typedef {import('./snapshot.js').HeapDiff} HeapDiff */

/** A Heap; what createAllocator returned; or a Watch of wasm-pymalloc/observe.
 *  @typedef {Heap | Allocator | Watch} Watched */

/** @typedef {object} LeakOptions
 *  @property {number} [warmups]  calls before it counts, for caches that fill once (default 1)
 *  @property {number} [allow]    blocks that may stay (default 0)
 *  @property {() => unknown} [settle]  called before each look, such as a garbage collection; awaited */

/** Blocks of one size that a function left.
 *  @typedef {object} LeftBlocks
 *  @property {string} domain   raw, mem, object; "mem or object" where both have new small blocks
 *  @property {number} bytes    usable bytes of each
 *  @property {number} blocks
 *  @property {readonly number[]} addresses
 *  @property {string} site     where they were asked for, '' if that is not known */

const SHOWN = 3;
const BYTES_SHOWN = 16;

/** What a test fails with. */
export class LeakError extends Error {
  /** @param {string} message  @param {number} blocks  @param {number} bytes
   *  @param {readonly LeftBlocks[]} left */
  constructor(message, blocks, bytes, left) {
    super(message);
    this.name = 'LeakError';
    /** Blocks that stayed. */
    this.blocks = blocks;
    /** Their bytes. */
    this.bytes = bytes;
    /** By domain and size, most bytes first. */
    this.left = left;
  }
}

/** Fails if `fn` leaves blocks: those that live after it and did not before.
 *
 *  @example
 *  const p = allocator.malloc(8);
 *  await noLeaks(allocator, async () => {
 *    const q = allocator.malloc(100);
 *    allocator.free(q);
 *  });
 *
 *  @param {Watched} target  @param {() => unknown} fn  awaited
 *  @param {LeakOptions} [options]
 *  @returns {Promise<void>}
 *  @throws {LeakError} with domain, size, address and first bytes of what stayed, and the line that
 *    asked for it where that is known: of an allocator made with `debug`, of a Watch with `sample`, of
 *    the blocks that a profile which is on has sampled (`heap.profile({ every: 1 })`: of all)
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT, and as Heap.stats */
export async function noLeaks(target, fn, { warmups = 1, allow = 0, settle } = {}) {
  for (const [name, n] of Object.entries({ warmups, allow })) {
    if (!Number.isInteger(n) || n < 0) throw badArgument(`${name} must be 0 or more`, n);
  }
  const probe = probeOf(target);
  for (let i = 0; i < warmups; i++) await fn();
  await settle?.();
  const before = probe.begin();
  await fn();
  await settle?.();
  const { blocks, bytes } = probe.more(before);
  if (blocks <= allow) return;
  const left = probe.left(before);
  const most = allow > 0 ? `, ${allow} are allowed` : '';
  throw new LeakError(
    [
      `${plural(blocks, 'block')}, ${bytesText(bytes)}, `
        + `${blocks === 1 ? 'was' : 'were'} not freed${most}`,
      ...left.map((one) => leftText(one, probe)),
    ].join('\n'),
    blocks,
    bytes,
    left,
  );
}

/** Fails if linear memory grows by more than `most` while `fn` runs.
 *
 *  @example
 *  await maxGrowth(heap, '2 MiB', () => { allocator.free(allocator.malloc(1000)); });
 *
 *  @param {Watched} target  @param {string | number} most  bytes, or text such as '2 MiB'
 *  @param {() => unknown} fn  awaited
 *  @returns {Promise<number>} bytes that it grew by
 *  @throws {LeakError} it grew by more
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT, and as Heap.stats */
export async function maxGrowth(target, most, fn) {
  const limit = typeof most === 'string' ? parseBytes(most) : most;
  if (limit === null || !(limit >= 0)) {
    throw badArgument("the growth must be bytes, or text such as '2 MiB'", most);
  }
  const { stats } = probeOf(target);
  const memory = () => {
    const { pages, pageBytes } = stats();
    return pages.memory * pageBytes;
  };
  const live = () => liveOf(stats());
  const [before, had] = [memory(), live()];
  await fn();
  const grown = memory() - before;
  if (grown <= limit) return grown;
  const bytes = live().bytes - had.bytes;
  throw new LeakError(
    `linear memory grew by ${bytesText(grown)}, ${bytesText(limit)} are allowed; `
      + `live bytes: ${signed(bytesText(bytes))}`,
    live().blocks - had.blocks,
    bytes,
    [],
  );
}

/** Lets every test tell what it left, as a diagnostic: "+3 blocks, 336 B".  It fails nothing.
 *
 *  @example
 *  // test is of node:test, or a suite's context
 *  installLeakReport({ test, heap });
 *
 *  @param {object} options
 *  @param {{beforeEach: Function, afterEach: Function}} options.test  of node:test, a suite's
 *    context, or another runner's hooks
 *  @param {Watched | (() => Watched | null)} options.heap  or what returns it, if it is made later
 *  @param {(line: string) => void} [options.tell]  default: the test's diagnostic, or console.log */
export function installLeakReport({ test, heap, tell }) {
  if (typeof test?.beforeEach !== 'function' || typeof test.afterEach !== 'function') {
    throw badArgument('test must have beforeEach and afterEach, as node:test has', test);
  }
  /** @type {{blocks: number, bytes: number} | null} */
  let before = null;
  const look = () => {
    const target = typeof heap === 'function' ? heap() : heap;
    return target && liveOf(probeOf(target).stats());
  };
  test.beforeEach(() => {
    before = look();
  });
  test.afterEach((/** @type {any} */ context) => {
    const after = look();
    if (!before || !after) return;
    const [blocks, bytes] = [after.blocks - before.blocks, after.bytes - before.bytes];
    if (blocks === 0 && bytes === 0) return;
    const line = `${signed(plural(blocks, 'block'))}, ${bytesText(bytes)}`;
    if (tell) tell(line);
    else if (typeof context?.diagnostic === 'function') context.diagnostic(line);
    else console.log(line);
  });
}

/** The difference of two snapshots as text.
 *
 *  @example
 *  const before = heap.snapshot();
 *  allocator.malloc(100);
 *  console.log(formatDiff(diff(before, heap.snapshot())));
 *
 *  @param {HeapDiff} difference  what diff() returned
 *  @returns {string} lines, each ended by a newline */
export function formatDiff({ domains, classes, pages, pools, ms }) {
  const sizes = [...classes]
    .filter((c) => c.liveBlocks !== 0)
    .sort((a, b) => Math.abs(b.liveBlocks * b.blockSize) - Math.abs(a.liveBlocks * a.blockSize));
  const lines = [
    `${(ms / 1000).toFixed(2)} s: linear memory ${signed(plural(pages.memory, 'page'))}, `
      + `${plural(pools.added.length, 'pool')} added, ${count(pools.gone.length)} gone, `
      + `${count(pools.changed.length)} with other blocks`,
    ...DOMAINS.map((name) => domains[name]).map(
      (d, i) =>
        `  ${String(DOMAINS[i]).padEnd(7)} `
        + `${signed(plural(d.liveBlocks, 'block'))}, ${signed(bytesText(d.liveBytes))} live; `
        + `${count(d.allocatedBlocks)} allocated, ${count(d.freedBlocks)} freed, `
        + `${count(d.failures)} refused`,
    ),
    ...sizes
      .slice(0, 10)
      .map(
        (c) =>
          `  ${bytesText(c.blockSize).padStart(7)} `
          + `${signed(plural(c.liveBlocks, 'block'))}, ${signed(bytesText(c.liveBlocks * c.blockSize))}`,
      ),
  ];
  if (sizes.length > 10) lines.push(`  and ${plural(sizes.length - 10, 'other size')}`);
  return lines.map((line) => `${line}\n`).join('');
}

// ---- What is looked at ----

/** @typedef {{blocks: number, bytes: number}} Live */

/** @typedef {object} Probe
 *  @property {() => any} stats
 *  @property {() => any} begin   what lives now
 *  @property {(before: any) => Live} more   how much more lives now
 *  @property {(before: any) => LeftBlocks[]} left  what it is, most bytes first
 *  @property {(address: number) => Uint8Array} content  first bytes of a block */

/** @param {{domains: Record<string, {liveBlocks: number, liveBytes: number}>}} stats
 *  @returns {Live} */
function liveOf({ domains }) {
  const all = Object.values(domains);
  return {
    blocks: all.reduce((sum, d) => sum + d.liveBlocks, 0),
    bytes: all.reduce((sum, d) => sum + d.liveBytes, 0),
  };
}

/** @param {unknown} target  @returns {Probe} */
function probeOf(target) {
  if (target instanceof Watch) return watchProbe(target);
  if (target instanceof Heap) return heapProbe(target, () => sampledOf(target));
  const allocator = /** @type {Allocator | undefined} */ (target);
  if (!(allocator?.heap instanceof Heap)) {
    throw badArgument('noLeaks and its like take a Heap, an Allocator or a Watch', target);
  }
  const { heap } = allocator;
  return heapProbe(heap, () => (allocator.checks ? sitesOf(allocator) : sampledOf(heap)));
}

/** @param {Allocator} allocator  @returns {Map<number, string>} who asked, by address */
function sitesOf(allocator) {
  return new Map(
    allocator
      .liveBlocks()
      .map(({ address, stack }) => [address, stack.split('\n')[0]?.trim() ?? '']),
  );
}

/** @param {Heap} heap
 *  @returns {Map<number, string>} the line or function that asked for each block which the profile that
 *    is on has sampled, by address */
function sampledOf(heap) {
  const out = new Map();
  for (const { address, frames } of heap.profiling?.blocks() ?? []) {
    const site = siteOf(frames);
    if (site) out.set(address, `at ${frameText(site)}`);
  }
  return out;
}

/** @param {Heap} heap  @param {() => Map<number, string>} sites  @returns {Probe} */
function heapProbe(heap, sites) {
  const begin = () => ({ stats: heap.stats(), blocks: liveBlocks(heap) });
  return {
    stats: () => heap.stats(),
    begin,
    more: (before) => {
      const [a, b] = [liveOf(before.stats), liveOf(heap.stats())];
      return { blocks: b.blocks - a.blocks, bytes: b.bytes - a.bytes };
    },
    left: (before) => {
      const after = begin();
      const small = smallDomain(before.stats, after.stats);
      const known = sites();
      return grouped(
        [...after.blocks]
          .filter(([address]) => !before.blocks.has(address))
          .map(([address, { bytes, domain }]) => ({
            address,
            bytes,
            domain: domain ?? small,
            site: known.get(address) ?? '',
          })),
      );
    },
    content: (address) => heap.look(address).content,
  };
}

/** A pool holds blocks of mem and of object: which domain gained is known by its counters.
 *  @param {import('./stats.js').HeapStats} a  @param {import('./stats.js').HeapStats} b
 *  @returns {string} */
function smallDomain({ domains: a }, { domains: b }) {
  const more = /** @type {const} */ (['mem', 'object']).filter(
    (name) => b[name].liveBlocks > a[name].liveBlocks,
  );
  return more.length === 1 ? String(more[0]) : 'mem or object';
}

/** @param {Heap} heap
 *  @returns {Map<number, {bytes: number, domain: string | null}>} live blocks by address; domain: null
 *    for small ones */
function liveBlocks(heap) {
  const { pools, pages, pageBytes } = heap.map();
  const out = new Map();
  pools.address.forEach((pool, k) => {
    const found = pools.owner[k] === heap.address ? heap.blocks(pool) : null;
    found?.states.forEach((state, i) => {
      if (state !== BlockState.LIVE) return;
      out.set(found.first + i * found.blockSize, { bytes: found.blockSize, domain: null });
    });
  });
  const { address, bytes, kind, domain, owner } = heap.chunks(0, pages.length * pageBytes);
  address.forEach((at, i) => {
    if (kind[i] !== ChunkKind.RAW || owner[i] !== heap.address) return;
    out.set(at + heap.chunkHeader, {
      bytes: Number(bytes[i]) - heap.chunkHeader,
      domain: DOMAINS[Number(domain[i])] ?? 'internal',
    });
  });
  return out;
}

/** @param {Watch} watch  @returns {Probe} */
function watchProbe(watch) {
  return {
    stats: () => watch.stats(),
    begin: () => ({ stats: watch.stats(), mark: watch.mark() }),
    more: (before) => {
      const [a, b] = [liveOf(before.stats), liveOf(watch.stats())];
      return { blocks: b.blocks - a.blocks, bytes: b.bytes - a.bytes };
    },
    left: (before) =>
      watch
        .leaks({ since: before.mark })
        .map(({ bytes, blocks, size, site }) => ({
          domain: 'malloc',
          bytes: size ?? Math.round(bytes / Math.max(blocks, 1)),
          blocks,
          addresses: [],
          site,
        })),
    content: () => new Uint8Array(0),
  };
}

/** @param {{address: number, bytes: number, domain: string, site: string}[]} blocks
 *  @returns {LeftBlocks[]} most bytes first */
function grouped(blocks) {
  /** @type {Map<string, LeftBlocks & {addresses: number[]}>} */
  const groups = new Map();
  for (const { address, bytes, domain, site } of blocks) {
    const key = `${domain} ${bytes} ${site}`;
    const group = groups.get(key) ?? { domain, bytes, blocks: 0, addresses: [], site };
    group.blocks++;
    group.addresses.push(address);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.bytes * b.blocks - a.bytes * a.blocks);
}

/** @param {LeftBlocks} left  @param {Probe} probe  @returns {string} */
function leftText({ domain, bytes, blocks, addresses, site }, probe) {
  const from = site === '' ? '' : `, asked for ${site.replace(/^at /, 'at ')}`;
  const lines = [`  ${plural(blocks, 'block')} of ${count(bytes)} bytes, ${domain} domain${from}`];
  for (const address of addresses.slice(0, SHOWN)) {
    const content = [...probe.content(address).subarray(0, BYTES_SHOWN)];
    const shown = content.map((b) => b.toString(16).padStart(2, '0')).join(' ');
    const text = content.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : '.')).join('');
    lines.push(`    ${hex(address)}: ${shown}  ${text}`);
  }
  if (addresses.length > SHOWN) lines.push(`    and ${count(addresses.length - SHOWN)} more`);
  return lines.join('\n');
}
