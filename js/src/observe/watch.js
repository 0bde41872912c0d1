/** Watch: what a host sees of the memory of a module that never heard of this library. */

import { badArgument } from '../errors.js';
import { Listeners, showError } from '../events.js';
import { inspectAs } from '../inspect.js';
import { toLimit } from '../limit.js';
import { hook } from './hook.js';
import { EXPORT, REASON } from './instrument.js';
import { Ledger } from './ledger.js';
import { Samples } from './samples.js';
import { snapshotOf } from './snapshot.js';
import { captureStack, framesOf, siteOf } from './stacks.js';

/** @typedef {import('../stats.js').DomainStats} DomainStats */
/** @typedef {import('./samples.js').Allocations} Allocations */
/** @typedef {import('./stacks.js').Frame} Frame */
/** @typedef {import('./identity.js').Identity} Identity */

/** Blocks by size: one class for each power of two.
 *  @typedef {object} ObservedClass
 *  @property {number} blockSize   the largest size of the class
 *  @property {number} liveBlocks
 *  @property {number} liveBytes
 *  @property {number} totalBlocks */

/** Statistics in the shape of HeapStats, as far as they mean the same: bytes that were asked for,
 *  exact.
 *  @typedef {object} ObservedStats
 *  @property {1} heap
 *  @property {number} pageBytes  65536
 *  @property {{memory: number, atStart: number}} pages  linear memory now, and when it was attached
 *  @property {{malloc: DomainStats}} domains  one, whatever the module calls its allocator
 *  @property {number | null} softLimit  null: there is none here
 *  @property {number | null} hardLimit
 *  @property {readonly ObservedClass[]} classes  those that were ever used, smallest first
 *  @property {null} fault
 *  @property {boolean} complete  every block that was freed was known, no address was handed out
 *    twice, nothing was lost: the figures are exact
 *  @property {number} unknownFrees
 *  @property {number} inheritedFrees  of blocks that the module's file holds: a snapshot of a program
 *    that ran has some, they are in none of the figures
 *  @property {number} doubledAddresses
 *  @property {number} lostRecords  from before the module was attached
 *  @property {{malloc: number, calloc: number, realloc: number, free: number}} calls */

/** A request that the limit refused.
 *  @typedef {object} RefusedEvent
 *  @property {'refused'} type
 *  @property {number} bytes       asked for
 *  @property {number} liveBytes   at that moment
 *  @property {number} hardLimit
 *  @property {readonly Readonly<Frame>[]} frames  who asked, innermost first
 *  @property {string} site        FILE:LINE:COLUMN of the JavaScript that asked, '' if none is there */

/** Blocks of one size or of one call stack.
 *  @typedef {object} Leak
 *  @property {number} bytes       that live
 *  @property {number} blocks      that live
 *  @property {number | null} size   of each, where they are grouped by size
 *  @property {readonly Readonly<Frame>[]} frames  who allocated them; empty where stacks are not
 *    sampled
 *  @property {string} site        FILE:LINE:COLUMN of the JavaScript that asked, '' if unknown */

/** @typedef {object} WatchOptions
 *  @property {number | null} limit
 *  @property {number | null} sample   mean bytes between two sampled stacks; null: none
 *  @property {import('./ledger.js').Recorder | null} recorder
 *  @property {() => void} [drained]  called each time that the ring was full */

const PAGE_BYTES = 65536;
const CREDIT_MAX = 0xffffffff;
const MARKS_MAX = 0xffff;

/** What the recorder of one instance tells.  Made by attach().
 *
 *  All figures are of bytes that were asked for, without what the allocator adds.  Reading them does
 *  not call the module. */
export class Watch {
  #memory;
  #exports;
  #identity;
  #ledger = new Ledger();
  /** @type {Samples | null} */ #samples;
  /** @type {number | null} */ #limit;
  /** Credit that was given when the host was asked last. */
  #given = CREDIT_MAX;
  #refused = 0;
  #drained;
  #atStart;
  #listeners = new Listeners(['refused']);

  /** @param {Record<string, any>} exports  of the instance  @param {WebAssembly.Memory} memory
   *  @param {Identity} identity  @param {WatchOptions} options
   *  @internal */
  constructor(exports, memory, identity, { limit, sample, recorder, drained = () => {} }) {
    this.#exports = exports;
    this.#memory = memory;
    this.#identity = identity;
    this.#drained = drained;
    this.#limit = limit;
    this.#samples = sample === null ? null : new Samples(sample, identity.functions);
    this.#ledger.recorder = recorder;
    this.#ledger.dataEnd = identity.dataEnd;
    this.#ledger.onSampledFree = (address) => this.#samples?.end(address);
    this.#atStart = memory.buffer.byteLength / PAGE_BYTES;
    exports[EXPORT.HOOK].set(
      0,
      hook((reason, a, b, c) => this.#called(reason, a, b, c)),
    );
    this.#take();
    this.#grant(0, 0);
  }

  /** How the allocator was found, and which functions it has, by their index in the module.
   *  @returns {Identity} */
  get identity() {
    return this.#identity;
  }

  /** The memory that blocks lie in.
   *  @returns {WebAssembly.Memory} */
  get memory() {
    return this.#memory;
  }

  /** Counters of the module's allocator, exact to the byte that was asked for.
   *
   *  @example
   *  const { domains, complete } = watch.stats();
   *  console.log(`${domains.malloc.liveBytes} bytes live, ${domains.malloc.peakBytes} at the peak`);
   *  assert.ok(complete);
   *
   *  @returns {Readonly<ObservedStats>} a frozen snapshot */
  stats() {
    this.#take();
    const l = this.#ledger;
    const lost = this.#exports[EXPORT.LOST].value >>> 0;
    const [, malloc = 0, calloc = 0, realloc = 0, , free = 0] = l.calls;
    return Object.freeze({
      heap: /** @type {1} */ (1),
      pageBytes: PAGE_BYTES,
      pages: Object.freeze({
        memory: this.#memory.buffer.byteLength / PAGE_BYTES,
        atStart: this.#atStart,
      }),
      domains: Object.freeze({
        malloc: Object.freeze({
          liveBytes: l.liveBytes,
          liveBlocks: l.liveBlocks,
          peakBytes: l.peakBytes,
          totalBlocks: l.totalBlocks,
          totalBytes: l.totalBytes,
          softLimit: null,
          hardLimit: this.#limit,
          failures: this.#refused + l.failed,
        }),
      }),
      softLimit: null,
      hardLimit: this.#limit,
      classes: Object.freeze(l.classes().map((one) => Object.freeze(one))),
      fault: null,
      complete: l.unknownFrees + l.doubledAddresses + l.nonsense + lost === 0,
      unknownFrees: l.unknownFrees,
      inheritedFrees: l.inheritedFrees,
      doubledAddresses: l.doubledAddresses,
      lostRecords: lost + l.nonsense,
      calls: Object.freeze({ malloc, calloc, realloc, free }),
    });
  }

  /** Statistics and sampled stacks together, to be kept, sent, and compared: see diff.
   *
   *  @example
   *  const before = watch.snapshot();
   *  program.step();
   *  console.log(diff(before, watch.snapshot()).domains.malloc.liveBytes);
   *
   *  @returns {Readonly<import('./snapshot.js').ObservedSnapshot>} */
  snapshot() {
    return snapshotOf(this.#identity.id, this.stats(), this.allocations());
  }

  /** Begins a period for leaks().
   *
   *  @example
   *  const mark = watch.mark();
   *  program.step();
   *  for (const { bytes, blocks, site } of watch.leaks({ since: mark })) {
   *    console.log(`${bytes} bytes in ${blocks} blocks, asked for at ${site || 'an unknown line'}`);
   *  }
   *
   *  @returns {number} for leaks({ since }) */
  mark() {
    this.#take();
    return this.#ledger.mark();
  }

  /** Blocks that were allocated since a mark and live, the most bytes first.  With sampled stacks
   *  (option `sample`) by who asked, estimated unless every request is sampled; without by size,
   *  exact.
   *
   *  @example
   *  watch.mark();
   *  program.step();
   *  const [largest] = watch.leaks();
   *  if (largest) console.log(`${largest.bytes} bytes are left`);
   *
   *  @param {{since?: number, top?: number}} [options]  since: what mark() returned (default 0: all
   *    that lives); top: groups at the most (default 10)
   *  @returns {readonly Readonly<Leak>[]}
   *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
  leaks({ since = 0, top = 10 } = {}) {
    if (!Number.isInteger(since) || since < 0 || since > MARKS_MAX) {
      throw badArgument('since must be what mark() returned', since);
    }
    this.#take();
    const counts = (/** @type {number} */ address) => this.#ledger.markAt(address) >= since;
    const groups = this.#samples
      ? this.#samples
          .allocations(counts)
          .filter(({ samples }) => samples > 0)
          .map(({ bytes, blocks, frames, site }) => ({ bytes, blocks, size: null, frames, site }))
      : this.#bySize(counts);
    return Object.freeze(groups.slice(0, top).map((one) => Object.freeze(one)));
  }

  /** @param {(address: number) => boolean} counts  @returns {Leak[]} */
  #bySize(counts) {
    /** @type {Map<number, number>} */
    const blocks = new Map();
    this.#ledger.each((address, size) => {
      if (counts(address)) blocks.set(size, (blocks.get(size) ?? 0) + 1);
    });
    return [...blocks]
      .map(([size, n]) => ({ bytes: size * n, blocks: n, size, frames: [], site: '' }))
      .sort((a, b) => b.bytes - a.bytes);
  }

  /** What each sampled call stack allocated, live and ever.  Empty without the option `sample`.
   *
   *  @example
   *  for (const { site, bytes, totalBytes } of watch.allocations()) {
   *    console.log(`${bytes} of ${totalBytes} bytes live: ${site || 'no JavaScript'}`);
   *  }
   *
   *  @returns {readonly Readonly<Allocations>[]} most live bytes first */
  allocations() {
    this.#take();
    return this.#samples?.allocations() ?? Object.freeze([]);
  }

  /** The bytes that may be live; null: no limit.
   *  @returns {number | null} */
  get limit() {
    return this.#limit;
  }

  /** Sets the limit.  A request that would lead beyond it is refused: the module's malloc returns
   *  what it returns when memory is out.
   *
   *  @example
   *  watch.setLimit(64 << 20);
   *  watch.setLimit(null);
   *
   *  @param {number | null} bytes  that may be live, 0..4294967294, or null: no limit; below what is
   *    live nothing is granted until enough was freed
   *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
  setLimit(bytes) {
    toLimit(bytes, 'the limit');
    this.#take();
    this.#settle();
    this.#limit = bytes;
    this.#grant(0, 0);
  }

  /** Calls `fn` when the limit refuses a request, at that moment: it may raise the limit, the request
   *  is then looked at again.  What it throws is shown with console.error: neither the module nor the
   *  program ends by it.
   *
   *  @example
   *  const off = watch.on('refused', (e) => console.log(`${e.bytes} bytes refused: ${e.site}`));
   *  off();
   *
   *  @param {'refused'} type
   *  @param {(event: Readonly<RefusedEvent>) => void} fn
   *  @param {import('../events.js').ListenOptions} [options]
   *  @returns {() => void} takes the listener off
   *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
  on(type, fn, options) {
    return this.#listeners.add(type, fn, options);
  }

  /** The same for the next event alone.
   *
   *  @example watch.once('refused', (e) => console.log(`first refused at ${e.site}`));
   *
   *  @param {'refused'} type  @param {(event: Readonly<RefusedEvent>) => void} fn
   *  @param {{signal?: AbortSignal}} [options]
   *  @returns {() => void} takes the listener off
   *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
  once(type, fn, options) {
    return this.#listeners.add(type, fn, { ...options, once: true });
  }

  /** What JSON.stringify and console.log show.
   *
   *  @example assert.ok(JSON.stringify(watch).includes('liveBytes'));
   *
   *  @returns {{identity: Identity, stats: Readonly<ObservedStats>}} */
  toJSON() {
    return { identity: this.#identity, stats: this.stats() };
  }

  /** The module calls: the ring is full, a request wants more credit, or there is no ring.  Nothing
   *  is thrown into the module.
   *  @param {number} reason  @param {number} a  @param {number} b  @param {number} c
   *  @returns {number} 0: the request is refused */
  #called(reason, a, b, c) {
    const { buffer } = this.#memory;
    if (reason === REASON.FULL) {
      this.#ledger.take(buffer, a >>> 0, b >>> 0);
      // The wrapper sets the position back when this returns: what is read until then is not there
      // a second time.
      this.#exports[EXPORT.POSITION].value = a;
      this.#drained();
    } else if (reason === REASON.RECORD) this.#ledger.record(buffer, a >>> 0, b >>> 0, c >>> 0);
    else if (reason === REASON.ASK) return this.#asked(a >>> 0, b >>> 0);
    return 1;
  }

  /** @param {number} size  @param {number} before  the block so far, or 0  @returns {number} */
  #asked(size, before) {
    this.#take();
    const more = size - this.#ledger.sizeAt(before);
    if (!this.#fits(more)) {
      this.#tell(size);
      if (!this.#fits(more)) {
        this.#refused++;
        return 0;
      }
    }
    if (this.#samples) {
      this.#settle();
      if (size >= this.#samples.left) this.#ledger.sample = this.#samples.begin();
      else this.#samples.left -= size;
    }
    this.#grant(size, more);
    return 1;
  }

  /** @param {number} more  bytes  @returns {boolean} the limit permits them */
  #fits(more) {
    return this.#limit === null || more <= 0 || this.#ledger.liveBytes + more <= this.#limit;
  }

  /** Counts the credit that was used towards the next sample. */
  #settle() {
    const credit = this.#exports[EXPORT.CREDIT].value >>> 0;
    if (this.#samples) this.#samples.left -= Math.max(0, this.#given - credit);
    this.#given = credit;
  }

  /** @param {number} size  of a request that was permitted  @param {number} more  what it adds */
  #grant(size, more) {
    const room =
      this.#limit === null ? CREDIT_MAX : Math.max(0, this.#limit - this.#ledger.liveBytes - more);
    const left = this.#samples ? Math.max(0, this.#samples.left - 1) : CREDIT_MAX;
    const beyond = Math.min(room, left, CREDIT_MAX - size);
    this.#given = beyond;
    this.#exports[EXPORT.CREDIT].value = (size + beyond) | 0;
  }

  /** @param {number} bytes  refused */
  #tell(bytes) {
    if (this.#listeners.size === 0) return;
    const frames = framesOf(captureStack(), this.#identity.functions);
    const event = Object.freeze({
      type: /** @type {'refused'} */ ('refused'),
      bytes,
      liveBytes: this.#ledger.liveBytes,
      hardLimit: this.#limit ?? CREDIT_MAX,
      frames,
      site: siteOf(frames),
    });
    this.#listeners.dispatch(event).forEach(showError);
  }

  /** Takes what is in the ring.  The module is not inside its allocator now, whatever it was when an
   *  exception left it. */
  #take() {
    const ring = this.#exports[EXPORT.RING].value >>> 0;
    this.#exports[EXPORT.DEPTH].value = 0;
    if (ring === 0) return;
    const bytes = (this.#exports[EXPORT.POSITION].value >>> 0) - ring;
    this.#exports[EXPORT.POSITION].value = ring;
    this.#ledger.take(this.#memory.buffer, ring, Math.max(0, bytes));
  }
}

inspectAs(Watch, 'Watch', (watch) => watch.toJSON());
