/** Profile: who holds the memory, from samples (src/profile.c). */

import { badArgument } from '../errors.js';
import { startProfile } from './channel.js';
import { Lines } from './dwarf.js';
import { guestFrames } from './frames/guest.js';
import { Stacks, frameText } from './stack.js';

/** @typedef {import('./stack.js').Frame} Frame */
/** @typedef {import('../program.js').Program} Program */

/** What one stack of one domain holds, estimated from its samples.
 *  @typedef {object} Site
 *  @property {readonly Readonly<Frame>[]} frames  outermost first
 *  @property {'raw' | 'mem' | 'object'} domain
 *  @property {number} bytes
 *  @property {number} blocks
 *  @property {number} samples  that the estimate is made of */

/** @typedef {object} Holdings
 *  @property {number} bytes  of all sites
 *  @property {number} blocks
 *  @property {readonly Readonly<Site>[]} sites  most bytes first */

/** What one line holds.
 *  @typedef {Frame & {bytes: number, blocks: number, samples: number}} Line */

/** @typedef {object} ProfileOptions
 *  @property {number} [every]  mean number of bytes between two samples, 524288 if not told; 1: every
 *    block is one
 *  @property {Uint8Array} [wasm]  the module's bytes: then functions that were compiled with -g have
 *    their file and line */

/** @typedef {'live' | 'peak' | 'ever'} When */

/** @typedef {object} Sums  @property {number} bytes  @property {number} blocks
 *  @property {number} samples */
/** @typedef {{frames: readonly Readonly<import('./stack.js').Captured>[],
 *    named?: readonly Readonly<Frame>[], domain: Site['domain'], live: Sums, ever: Sums, peak: Sums,
 *    epoch: number}} Entry */
/** @typedef {{entry: Entry, size: number, bytes: number, blocks: number}} Sample */

const EVERY = 512 * 1024;
/** Blocks of a size class: PYM_SMALL_MAX. */
const SMALL_MAX = 512;
const DOMAINS = Object.freeze(/** @type {const} */ (['raw', 'mem', 'object']));
const [ALLOC, UNSEEN] = [1, 3];
/** @type {Readonly<Frame>} */
const NOT_SEEN = Object.freeze({
  name: '(at a limit, not seen)',
  file: '',
  line: 0,
  language: 'note',
});

/** The profile that is on, by the memory of its program: there is one at a time.
 *  @type {WeakMap<object, Profile>} */
const running = new WeakMap();

/** @param {Program} program  @returns {Profile | null} the one that is on there */
export function profileOn({ memory }) {
  return running.get(memory) ?? null;
}

/** A profile of what is allocated from its start on.  `heap.profile()` makes one. */
export class Profile {
  #program;
  #every;
  #stacks;
  #guests;
  /** @type {Map<string, Entry>} by stack and domain */ #entries = new Map();
  /** @type {Map<string, Entry>} by an interpreter's stack and the block's size */
  #byGuest = new Map();
  /** @type {Map<number, Sample>} by address */ #live = new Map();
  #liveBytes = 0;
  #peakBytes = 0;
  /** Counts the peaks: an entry that was last changed before this one is as it was at it. */
  #epoch = 0;
  #samples = 0;
  /** Samples below which no interpreter ran. */
  #outside = 0;
  #stopped = false;
  /** @type {unknown} */ #failure = null;
  #started = Date.now();
  #milliseconds = 0;

  /** @param {Program} program  @param {ProfileOptions} [options]
   *  @throws {import('../errors.js').PymallocError} see Heap.profile */
  constructor(program, { every = EVERY, wasm } = {}) {
    if (!Number.isInteger(every) || every < 1 || every > 0xffffffff) {
      throw badArgument(`every must be a whole number of bytes, 1..4294967295, not ${every}`);
    }
    this.#program = program;
    this.#every = every;
    this.#stacks = new Stacks(wasm ? linesOf(wasm) : null);
    this.#guests = guestFrames(program);
    startProfile(program, every, (what, size, block, _heap, entry) =>
      this.#hear(what, size, block, entry),
    );
    running.set(program.memory, this);
  }

  /** Mean number of bytes between two samples. */
  get every() {
    return this.#every;
  }

  /** Samples taken so far. */
  get samples() {
    return this.#samples;
  }

  /** When it was started, and for how long it ran or runs, in milliseconds. */
  get time() {
    const milliseconds = this.#stopped ? this.#milliseconds : Date.now() - this.#started;
    return Object.freeze({ started: this.#started, milliseconds });
  }

  /** What to do about stacks that say less than they could; '' if nothing.  */
  get note() {
    // A program's own stacks say enough where an interpreter's frames stand above nearly all of them.
    if (this.#stacks.named || this.#outside * 10 <= this.#samples) return '';
    return (
      'functions of the module have no names: link without -s or --strip-all; with Emscripten '
      + 'use --profiling-funcs'
    );
  }

  /** Ends it; what it knows stays.
   *  @example const { bytes } = heap.profile().stop().live();
   *   @returns {this} */
  stop() {
    if (this.#stopped) return this;
    this.#milliseconds = Date.now() - this.#started;
    /** @type {Function} */ (this.#program.exports['pym_profile'])(0);
    this.#stopped = true;
    running.delete(this.#program.memory);
    return this;
  }

  /** What lives now.  After stop(): what lived then.
   *  @example const { bytes, sites } = profile.live();
   *   @returns {Readonly<Holdings>} */
  live() {
    return this.#holdings('live');
  }

  /** What lived when most bytes did.
   *  @example const { bytes, sites } = profile.atPeak();
   *   @returns {Readonly<Holdings>} */
  atPeak() {
    return this.#holdings('peak');
  }

  /** All that was allocated.
   *  @example const { bytes, blocks } = profile.ever();
   *   @returns {Readonly<Holdings>} */
  ever() {
    return this.#holdings('ever');
  }

  /** The lines that hold most, whoever called them: each the innermost line of a stack that is of the
   *  program's own language, or its innermost function.
   *  @example for (const { bytes, name, file, line } of profile.top(3)) console.log(bytes, name);
   *  @param {number} [n]  @param {When} [when]
   *  @returns {readonly Readonly<Line>[]} */
  top(n = 10, when = 'live') {
    return topOf(this.#holdings(when), n);
  }

  /** What is held more, or less, than at another time.
   *  @example
   *  const before = profile.live();
   *  // ... work that should leave nothing behind
   *  const { sites } = profile.difference(before);
   *  @param {Profile | Readonly<Holdings>} other  earlier
   *  @returns {Readonly<Holdings>} negative where less is held; the largest change first */
  difference(other) {
    const before = other instanceof Profile ? other.live() : other;
    if (!Array.isArray(before?.sites)) throw badArgument('difference takes what live() returned');
    return differenceOf(before, this.live());
  }

  /** For pprof, and what reads its files: alloc, inuse and peak, objects and space.
   *  @example await writeFile('heap.pb.gz', await profile.toPprof());
   *  @param {{gzip?: boolean}} [options]  @returns {Promise<Uint8Array>} */
  async toPprof(options) {
    return (await import('./pprof.js')).toPprof(this, options);
  }

  /** For speedscope.app: three profiles, live, at the peak, ever.
   *  @example await writeFile('heap.speedscope.json', JSON.stringify(await profile.toSpeedscope()));
   *  @param {When} [when]  the one that is shown first  @returns {Promise<object>} to be written as
   *    JSON */
  async toSpeedscope(when = 'live') {
    return (await import('./speedscope.js')).toSpeedscope(this, when);
  }

  /** For the memory panel of Chrome's developer tools: a .heapprofile.
   *  @example await writeFile('heap.heapprofile', JSON.stringify(await profile.toHeapProfile()));
   *  @param {When} [when]  @returns {Promise<object>} to be written as JSON */
  async toHeapProfile(when = 'live') {
    return (await import('./chrome.js')).toHeapProfile(this.#holdings(when));
  }

  /** For profiler.firefox.com, as native allocations.
   *  @example await writeFile('heap.json', JSON.stringify(await profile.toFirefox()));
   *  @param {When} [when]  @returns {Promise<object>} to be written as JSON */
  async toFirefox(when = 'live') {
    return (await import('./firefox.js')).toFirefox(this, this.#holdings(when));
  }

  /** For flamegraph.pl and its like: a line a stack.
   *  @example await writeFile('heap.folded', await profile.toFolded('ever'));
   *  @param {When} [when]  @returns {Promise<string>} */
  async toFolded(when = 'live') {
    return (await import('./folded.js')).toFolded(this.#holdings(when));
  }

  /** What is held at one of the times.
   *  @example const { sites } = profile.holdings('peak');
   *  @param {When} when  @returns {Readonly<Holdings>} */
  holdings(when) {
    return this.#holdings(when);
  }

  /** Of each sampled block that lives: its address, its size, the bytes that it stands for and its
   *  site, for pictures of memory.
   *  @example for (const { address, frames } of profile.blocks()) console.log(address, frames.length);
   *  @returns {Iterable<{address: number, size: number, bytes: number,
   *    frames: readonly Readonly<Frame>[]}>} */
  *blocks() {
    for (const [address, { entry, size, bytes }] of this.#live) {
      yield { address, size, bytes, frames: this.#framesOf(entry) };
    }
  }

  /** @param {number} what  @param {number} size  @param {number} block  @param {Function} entry */
  #hear(what, size, block, entry) {
    if (this.#stopped || this.#failure) return;
    try {
      const [domain, count] = [(what >>> 8) & 3, what >>> 16];
      if ((what & 255) === ALLOC) this.#allocated(domain, size, block, count, entry);
      else if ((what & 255) === UNSEEN) this.#unseen(domain, size, count);
      else this.#freed(block);
    } catch (error) {
      // It must not unwind the program, which is in the midst of its malloc.
      this.#failure = error;
    }
  }

  /** @param {number} domain  @param {number} size  @param {number} block  @param {number} count
   *  @param {Function} called */
  #allocated(domain, size, block, count, called) {
    const { bytes, blocks } = this.#weight(size, count);
    const entry = this.#entryOf(domain, size, called);
    this.#samples++;
    this.#keepPeak(entry);
    add(entry.ever, bytes, blocks, 1);
    add(entry.live, bytes, blocks, 1);
    this.#liveBytes += bytes;
    if (this.#liveBytes > this.#peakBytes) {
      this.#peakBytes = this.#liveBytes;
      this.#epoch++;
    }
    this.#live.set(block, { entry, size, bytes, blocks });
  }

  /** A block of this size is sampled with some probability, and stands for so many.
   *  @param {number} size  @param {number} count  samples that were due */
  #weight(size, count) {
    const blocks = count / -Math.expm1(-Math.max(size, 1) / this.#every);
    return { bytes: size * blocks, blocks };
  }

  /** Blocks whose sample was put off since a limit was in its way, and never taken.
   *  @param {number} domain  @param {number} size  @param {number} count */
  #unseen(domain, size, count) {
    const { bytes, blocks } = this.#weight(size, count);
    add(this.#entryFor(`${domain}|unseen`, domain, () => [NOT_SEEN]).ever, bytes, blocks, count);
  }

  /** @param {number} block */
  #freed(block) {
    const sample = this.#live.get(block);
    if (!sample) return;
    this.#live.delete(block);
    this.#keepPeak(sample.entry);
    add(sample.entry.live, -sample.bytes, -sample.blocks, -1);
    this.#liveBytes -= sample.bytes;
  }

  /** Before an entry changes for the first time since the peak.  @param {Entry} entry */
  #keepPeak(entry) {
    if (entry.epoch === this.#epoch) return;
    entry.peak = { ...entry.live };
    entry.epoch = this.#epoch;
  }

  /** Most of what a sample costs is the engine's own stack.  Where an interpreter's stands above it,
   *  what is below is taken to be as it was for the last block of this size class asked for there.
   *  @param {number} domain  @param {number} size  @param {Function} called
   *  @returns {Entry} of the stack that is there now */
  #entryOf(domain, size, called) {
    const guest = this.#guests.capture();
    const inGuest = guest.depth > 0;
    if (!inGuest) this.#outside++;
    const place = inGuest && size <= SMALL_MAX ? `${domain}|${size}|${guest.key}` : '';
    const known = place && this.#byGuest.get(place);
    if (known) return known;
    const { key, frames } = this.#stacks.capture(inGuest, called);
    const entry = this.#entryFor(`${domain}|${guest.key}|${key}`, domain, () => [
      ...guest.frames(),
      ...frames,
    ]);
    // Without a line of the program the functions below are all that tells places apart.
    if (place && entry.frames.some(isLineOfGuest)) this.#byGuest.set(place, entry);
    return entry;
  }

  /** @param {string} name  @param {number} domain  @param {() => Readonly<Frame>[]} frames
   *  @returns {Entry} */
  #entryFor(name, domain, frames) {
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = {
        frames: Object.freeze(frames()),
        domain: DOMAINS[domain] ?? 'raw',
        live: nothing(),
        ever: nothing(),
        peak: nothing(),
        epoch: this.#epoch,
      };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  /** @param {Entry} entry  @returns {readonly Readonly<Frame>[]} */
  #framesOf(entry) {
    return (entry.named ??= this.#stacks.withLines(entry.frames));
  }

  /** @param {When} when  @returns {Readonly<Holdings>} */
  #holdings(when) {
    if (this.#failure) throw this.#failure;
    const of = (/** @type {Entry} */ entry) =>
      when === 'peak' ? (entry.epoch === this.#epoch ? entry.peak : entry.live) : entry[when];
    return holdings(
      [...this.#entries.values()].map((entry) => {
        const { bytes, blocks, samples } = of(entry);
        return { frames: this.#framesOf(entry), domain: entry.domain, bytes, blocks, samples };
      }),
    );
  }
}

/** @param {Readonly<Frame>} frame  @returns {boolean} */
function isLineOfGuest({ language, line }) {
  return line > 0 && (language === 'lua' || language === 'python');
}

/** @param {Uint8Array} wasm  @returns {() => Lines} made when the first stack is named */
function linesOf(wasm) {
  if (!ArrayBuffer.isView(wasm)) {
    throw badArgument("wasm must be the module's bytes, a Uint8Array");
  }
  /** @type {Lines | undefined} */
  let lines;
  return () => (lines ??= new Lines(wasm));
}

/** @returns {Sums} */
function nothing() {
  return { bytes: 0, blocks: 0, samples: 0 };
}

/** @param {Sums} sums  changed  @param {number} bytes  @param {number} blocks
 *  @param {number} samples */
function add(sums, bytes, blocks, samples) {
  sums.samples += samples;
  // Where nothing is left no rounding error is left either.
  sums.bytes = sums.samples ? sums.bytes + bytes : 0;
  sums.blocks = sums.samples ? sums.blocks + blocks : 0;
}

/** @param {Site[]} sites  @returns {Readonly<Holdings>} those that hold something */
function holdings(sites) {
  const rounded = sites
    .filter(({ samples, bytes }) => samples !== 0 || bytes !== 0)
    .map((site) =>
      Object.freeze({ ...site, bytes: Math.round(site.bytes), blocks: Math.round(site.blocks) }),
    )
    .sort((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes));
  const sum = (/** @type {'bytes' | 'blocks'} */ of) => rounded.reduce((n, s) => n + s[of], 0);
  return Object.freeze({
    bytes: sum('bytes'),
    blocks: sum('blocks'),
    sites: Object.freeze(rounded),
  });
}

/** @param {Readonly<Holdings>} before  @param {Readonly<Holdings>} after
 *  @returns {Readonly<Holdings>} */
function differenceOf(before, after) {
  /** @type {Map<string, Site>} */
  const sites = new Map();
  const note = (/** @type {Readonly<Site>} */ site, /** @type {1 | -1} */ sign) => {
    const key = `${site.domain} ${site.frames.map(frameText).join('\n')}`;
    const sum = sites.get(key) ?? { ...site, ...nothing() };
    for (const of of /** @type {const} */ (['bytes', 'blocks', 'samples'])) {
      sum[of] += sign * site[of];
    }
    sites.set(key, sum);
  };
  before.sites.forEach((site) => note(site, -1));
  after.sites.forEach((site) => note(site, 1));
  return holdings([...sites.values()]);
}

/** @param {Readonly<Holdings>} held  @param {number} n  @returns {readonly Readonly<Line>[]} */
export function topOf({ sites }, n) {
  /** @type {Map<string, Line>} */
  const lines = new Map();
  for (const { frames, domain, bytes, blocks, samples } of sites) {
    const frame = siteOf(frames) ?? { name: `(${domain})`, file: '', line: 0, language: 'note' };
    const key = frameText(frame);
    const sum = lines.get(key) ?? { ...frame, ...nothing() };
    lines.set(key, {
      ...sum,
      bytes: sum.bytes + bytes,
      blocks: sum.blocks + blocks,
      samples: sum.samples + samples,
    });
  }
  const sorted = [...lines.values()].sort((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes));
  return Object.freeze(sorted.slice(0, n).map((line) => Object.freeze(line)));
}

/** @param {readonly Readonly<Frame>[]} frames  outermost first
 *  @returns {Readonly<Frame> | undefined} */
export function siteOf(frames) {
  return (
    frames.findLast(({ file, line, language }) => file && line > 0 && language !== 'js')
    ?? frames.at(-1)
  );
}
