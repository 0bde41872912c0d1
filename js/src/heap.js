/** Heap: what a host sees of one heap inside a wasm module. */

import {
  PymallocError,
  PymallocRangeError,
  badArgument,
  badMemory,
  checkNames,
  hex,
} from './errors.js';
import { UNLIMITED, UNLIMITED_WIDE } from './constants.js';
import { lookAt, readBlocks, readChunks, sizeOfLive } from './blocks.js';
import { EVENT_TYPES, Listeners, lastEvent, readEvents, showError } from './events.js';
import { inspectAs } from './inspect.js';
import { toLimit } from './limit.js';
import { readMap } from './map.js';
import { checkRange, readText, readWord, retrying, viewOf } from './memory.js';
import { PeakReader } from './peak.js';
import { Profile, profileOn } from './profile/profile.js';
import { call, need, programOf, programOver, word } from './program.js';
import { checkHeap, readHeapList } from './segments.js';
import { snapshotOf } from './snapshot.js';
import { checkRoot, readLimit, readStats } from './stats.js';

/** @typedef {import('./blocks.js').Blocks} Blocks */
/** @typedef {import('./blocks.js').Chunks} Chunks */
/** @typedef {import('./blocks.js').Look} Look */
/** @typedef {import('./events.js').EventType} EventType */
/** @typedef {import('./events.js').HeapEvent} HeapEvent */
/** @template {EventType} T  @typedef {import('./events.js').EventOf<T>} EventOf */
/** @typedef {import('./events.js').ListenOptions} ListenOptions */
/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./map.js').HeapMap} HeapMap */
/** @typedef {import('./map.js').MapOptions} MapOptions */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */
/** @typedef {import('./stats.js').HeapStats} HeapStats */

/** A limit pair in bytes; null is none.
 *  @typedef {object} Limit
 *  @property {number | null} soft  passing it is an event, nothing else
 *  @property {number | null} hard  above it an allocation returns NULL */
/** all: of every heap of the program together.
 *  @typedef {{all: Limit, heap: Limit, raw: Limit, mem: Limit, object: Limit}} Limits */

/** @typedef {object} WatchOptions
 *  @property {(error: any) => void} [onError]  default: console.error
 *  @property {AbortSignal} [signal]  stops the watch when it aborts */

/** @typedef {import('./program.js').Program} Program */
/** @typedef {import('./program.js').EmscriptenModule} EmscriptenModule */
/** @typedef {import('./program.js').WasmSourcePair} WasmSourcePair */

/** As pym_limit_set numbers them. */
const WHICH = Object.freeze({ raw: 0, mem: 1, object: 2, heap: 3, all: 5 });
const MESSAGE_BYTES = 1024;

/** Read-only view of one heap.  Owns no wasm memory; cheap to create.
 *
 *  Nothing in linear memory is trusted: a module that lies gets a PymallocError, and no call takes
 *  time or memory beyond the order of the linear memory's size.  All methods read the memory as it
 *  is at the call, whether it grew or not.  Shared memories work, and memories with 64-bit addresses:
 *  an address is a number in both. */
export class Heap {
  #program;
  #address;
  #id;
  #listeners = new Listeners(EVENT_TYPES);
  #seen;
  #missed = 0;
  #peak = new PeakReader();

  /** @param {Program} program  @param {number} address  @param {DataView} view
   *  @private use Heap.from */
  constructor(program, address, view) {
    this.#program = program;
    this.#address = address;
    this.#id = view.getUint32(address + program.layout.heap.id, true);
    this.#seen = lastEvent(view, program.root, program.layout);
  }

  /** The default heap of a program.  Calls one guest function, `pym_root`, once.
   *
   *  @example
   *  const { module, instance } = await WebAssembly.instantiate(bytes, imports);
   *  const heap = Heap.from(module, instance);
   *  const again = Heap.from({ module, instance });
   *
   *  @overload
   *  @param {WebAssembly.Module} source  that the instance was made of
   *  @param {{readonly exports: object}} instance
   *  @param {{memory?: WebAssembly.Memory}} [options]  memory: where the module imports its memory
   *    instead of exporting it
   *  @returns {Heap}
   *  @throws {PymallocError} NO_DESCRIPTOR, BAD_DESCRIPTOR, VERSION: the module cannot be read;
   *    NO_EXPORT, NO_MEMORY: link flags or options are missing; LOADING, ABORTED: an Emscripten
   *    Module that does not run; BAD_MEMORY, GUEST_TRAP
   *
   *  @overload
   *  @param {WasmSourcePair | EmscriptenModule} source  what WebAssembly.instantiate(bytes)
   *    returned, or the Module of an Emscripten program, loaded, linked with pymalloc::exports
   *  @param {{memory?: WebAssembly.Memory}} [options]
   *  @returns {Heap}
   *
   *  @param {unknown} source  @param {unknown} [second]  @param {unknown} [third]
   *  @returns {Heap} */
  static from(source, second, third) {
    return Heap.#first(programOf(source, second, third));
  }

  /** The default heap of a program that runs elsewhere: all that is needed is its memory, which
   *  another thread may share.  What calls the guest (check, setLimits) is an error then.
   *
   *  @example
   *  // The thread that has the instance: postMessage({ module, memory, root: heap.root }).
   *  const view = Heap.over(module, memory, heap.root);
   *  console.log(view.stats().pages.memory);
   *
   *  @param {WebAssembly.Module | Uint8Array} module  or the contents of its custom section
   *    `pymalloc`
   *  @param {WebAssembly.Memory} memory
   *  @param {number} root  Heap.root, as the thread that has the instance knows it
   *  @returns {Heap}
   *  @throws {PymallocError} NO_DESCRIPTOR, BAD_DESCRIPTOR, VERSION, BAD_ARGUMENT, BAD_MEMORY */
  static over(module, memory, root) {
    return Heap.#first(programOver(module, memory, root));
  }

  /** @param {Program} program  @returns {Heap} */
  static #first(program) {
    const { memory, root, layout } = program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      const first = readWord(view, root + layout.space.first_heap, layout.wide);
      checkHeap(view, first, layout);
      return new Heap(program, first, view);
    });
  }

  /** Address of what the program tells of itself, for Heap.over.
   *  @returns {number} */
  get root() {
    return this.#program.root;
  }

  /** Identifies the heap for as long as it lives; the default heap is 1.
   *  @returns {number} */
  get id() {
    return this.#id;
  }

  /** Address of the heap's structure, a `pym_heap *` of the guest.
   *  @returns {number} */
  get address() {
    return this.#address;
  }

  /** Bytes of a chunk's header, which lies before the block: see chunks().
   *  @returns {number} */
  get chunkHeader() {
    return this.#program.layout.constants.raw_header;
  }

  /** Counters of the heap and of linear memory.  Reads memory directly, no guest call.
   *
   *  @example
   *  const { domains, pages, lost } = heap.stats();
   *  console.log(`${domains.object.liveBytes} bytes live in ${pages.owned} pages`);
   *
   *  @returns {Readonly<HeapStats>} a frozen snapshot; bytes unless the name says otherwise
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED */
  stats() {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () =>
      readStats(this.#found(), root, this.#address, layout, this.#peak),
    );
  }

  /** What every page holds, and every pool, of all heaps.  Reads memory directly, no guest call.
   *  Looks at the pool table's entry of each pool that is asked for: they are most of what this takes
   *  where memory is large.
   *
   *  @example
   *  let map = heap.map();                                  // all of it
   *  map = heap.map({ into: map, pools: false });           // pages only, no new memory
   *  const { pools } = heap.map({ pools: { from: 0, to: 1 << 20 } });
   *
   *  @param {MapOptions} [options]
   *  @returns {HeapMap}
   *  @throws {PymallocError} BAD_MEMORY, DETACHED, BAD_ARGUMENT, RETRY */
  map(options = {}) {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return readMap(view, root, layout, options);
    });
  }

  /** Which blocks of one pool are live.  Reads memory directly, no guest call.
   *
   *  @example
   *  const { pools } = heap.map();
   *  const { first, blockSize, states } = heap.blocks(pools.address[0]);
   *  states.forEach((state, i) => {
   *    if (state === BlockState.LIVE) console.log(first + i * blockSize);
   *  });
   *
   *  @param {number} address  of the pool (HeapMap.pools), or of anything in it
   *  @returns {Readonly<Blocks> | null} null: no pool lies there, or no longer
   *  @throws {PymallocError} BAD_ARGUMENT; BAD_MEMORY: also if the program wrote to a block of this
   *    size after it freed it; DETACHED */
  blocks(address) {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return readBlocks(view, root, layout, address);
    });
  }

  /** What lies between two addresses: raw blocks, pools, free memory, of all heaps.  Reads memory
   *  directly, no guest call; takes longer the more there is before `to`.
   *
   *  @example
   *  const { address, bytes, kind } = heap.chunks(0, 1 << 20);
   *  const largest = Math.max(...bytes.filter((_, i) => kind[i] === ChunkKind.FREE));
   *
   *  @param {number} from  @param {number} to
   *  @returns {Readonly<Chunks>} those with a byte in [from, to)
   *  @throws {PymallocError} BAD_ARGUMENT, BAD_MEMORY, DETACHED */
  chunks(from, to) {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return readChunks(view, root, layout, from, to);
    });
  }

  /** What lies at an address, in words.  Reads memory directly, no guest call.
   *  @example heap.look(0x21040).text   // 'Block 3 of 126 in a pool for 32 bytes: live.'
   *  @param {number} address
   *  @returns {Readonly<Look>}
   *  @throws {PymallocError} BAD_ARGUMENT, BAD_MEMORY, DETACHED */
  look(address) {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return lookAt(view, root, layout, address);
    });
  }

  /** Usable bytes of the live block that begins at an address.  Reads memory directly, no guest call.
   *
   *  @example
   *  const p = allocator.malloc(100);
   *  assert.equal(allocator.heap.sizeOf(p), 112);
   *  assert.equal(allocator.heap.sizeOf(p + 8), null);
   *
   *  @param {number} address
   *  @returns {number | null} null: no live block begins there
   *  @throws {PymallocError} BAD_ARGUMENT, BAD_MEMORY, DETACHED */
  sizeOf(address) {
    const { memory, root, layout } = this.#program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return sizeOfLive(view, root, layout, address);
    });
  }

  /** Statistics and map together, to be kept, sent, and compared: see diff.  Reads memory directly,
   *  no guest call.
   *
   *  @example
   *  const before = heap.snapshot();
   *  const copy = structuredClone(before);
   *
   *  @returns {Readonly<Snapshot>}
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED, RETRY */
  snapshot() {
    return snapshotOf(this.stats(), this.map());
  }

  /** Samples what is allocated from now on, by whom: who holds the memory.  The program must be linked
   *  with pymalloc::profile and hear the host: see profilable.  One at a time.
   *
   *  @example
   *  const profile = heap.profile({ every: 65536 });
   *  program.step();
   *  for (const { bytes, frames } of profile.stop().top(10)) {
   *    console.log(bytes, frames.map(({ name }) => name).join(' > '));
   *  }
   *
   *  @param {import('./profile/profile.js').ProfileOptions} [options]
   *  @returns {Profile}
   *  @throws {PymallocError} NO_PROFILE, PROFILING, BAD_ARGUMENT, HEAP_GONE, BAD_MEMORY */
  profile(options) {
    this.#view();
    return new Profile(this.#program, options);
  }

  /** The profile that is on in this program, whichever Heap it was started from.
   *
   *  @example
   *  const leaking = heap.profiling?.top(1)[0]?.name;
   *
   *  @returns {Profile | null} null: none */
  get profiling() {
    return profileOn(this.#program);
  }

  /** Lets the guest verify every invariant of the heap, and every counter against a recount.
   *  Takes time in proportion to the heap.
   *
   *  @example
   *  const { sound, message } = heap.check();
   *  if (!sound) console.error(message);
   *
   *  @returns {{sound: boolean, message: string}} message: what was found first, or ''
   *  @throws {PymallocError} NO_EXPORT, HEAP_GONE, BAD_MEMORY, GUEST_TRAP */
  check() {
    this.#view();
    const { exports, memory } = this.#program;
    need(exports, 'pym_check_message');
    if (call(exports, 'pym_check', word(this.#program, this.#address)) === 0) {
      return Object.freeze({ sound: true, message: '' });
    }
    const text = call(exports, 'pym_check_message');
    return Object.freeze({ sound: false, message: readText(viewOf(memory), text, MESSAGE_BYTES) });
  }

  /** The limits in force: of all heaps, of this one and of each of its domains.  Reads memory, no
   *  guest call.
   *  @returns {Readonly<Limits>}
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED */
  get limits() {
    const {
      root,
      layout: { space, heap: f, domains, domain, wide },
    } = this.#program;
    const view = this.#view();
    const at = (/** @type {number} */ base, /** @type {{soft: number, hard: number}} */ fields) =>
      Object.freeze({
        soft: readLimit(view, base + fields.soft, wide),
        hard: readLimit(view, base + fields.hard, wide),
      });
    const of = (/** @type {number} */ i) =>
      at(this.#address + domains.offset + i * domains.stride, domain);
    return Object.freeze({
      all: at(root, space),
      heap: at(this.#address, f),
      raw: of(WHICH.raw),
      mem: of(WHICH.mem),
      object: of(WHICH.object),
    });
  }

  /** Sets limits; what is not named stays as it is.  Limits count usable bytes of live blocks.
   *
   *  @example heap.setLimits({ heap: { hard: 64 << 20 }, object: { soft: 8 << 20, hard: null } });
   *
   *  @param {{all?: Partial<Limit>, heap?: Partial<Limit>, raw?: Partial<Limit>,
   *    mem?: Partial<Limit>, object?: Partial<Limit>}} limits  bytes, 0..4294967294, more in a
   *    memory with 64-bit addresses; null takes a limit off; a hard limit below what is live grants nothing until enough was freed
   *  @throws {PymallocError} BAD_ARGUMENT, NO_EXPORT, HEAP_GONE, BAD_MEMORY, GUEST_TRAP */
  setLimits(limits) {
    if (typeof limits !== 'object' || limits === null) {
      throw badArgument('setLimits takes an object such as { heap: { hard: 67108864 } }', limits);
    }
    const { exports, layout } = this.#program;
    const { wide } = layout;
    const before = this.limits;
    const bytes = (/** @type {number | null} */ limit, /** @type {string} */ name) =>
      limitWord(this.#program, toLimit(limit, name, wide));
    /** @type {[number, number | bigint, number | bigint][]} */
    const calls = [];
    for (const [name, limit] of Object.entries(limits)) {
      if (!Object.hasOwn(WHICH, name)) {
        throw badArgument(
          `no limit is called "${name}": there are ` + Object.keys(WHICH).join(', '),
        );
      }
      const key = /** @type {keyof Limits} */ (name);
      if (typeof limit !== 'object' || limit === null) {
        throw badArgument(
          `the limit "${name}" must be an object such as { hard: 67108864 }`,
          limit,
        );
      }
      checkNames(limit, ['soft', 'hard'], `limit of "${name}"`);
      const { soft = before[key].soft, hard = before[key].hard } = limit;
      calls.push([WHICH[key], bytes(soft, `${name}.soft`), bytes(hard, `${name}.hard`)]);
    }
    need(exports, 'pym_limit_set');
    for (const args of calls) {
      if (call(exports, 'pym_limit_set', word(this.#program, this.#address), ...args) !== 0) {
        throw badMemory('pym_limit_set refused a limit');
      }
    }
  }

  /** All heaps of the program, the default one first.  Reads memory, no guest call.
   *
   *  @example
   *  for (const one of heap.heaps()) console.log(one.id, one.stats().pools);
   *
   *  @returns {Heap[]} new views, without listeners
   *  @throws {PymallocError} BAD_MEMORY, DETACHED */
  heaps() {
    const program = this.#program;
    const { memory, root, layout } = program;
    return retrying(memory, () => {
      const view = viewOf(memory);
      checkRoot(view, root, layout);
      return readHeapList(view, root, layout).map((address) => new Heap(program, address, view));
    });
  }

  /** Calls `fn` at events of this heap, from within poll().
   *
   *  @example
   *  const off = heap.on('grow', (e) => console.log(`${e.pagesBefore} -> ${e.pagesAfter} pages`));
   *  heap.poll();
   *  off();
   *
   *  @template {EventType} T
   *  @param {T} type  `grow`: linear memory grew for it; `limit`: a soft limit was passed
   *    or a hard one refused a request; `oom`: linear memory could not grow
   *  @param {(event: EventOf<T>) => void} fn
   *  @param {ListenOptions} [options]
   *  @returns {() => void} takes the listener off
   *  @throws {PymallocError} BAD_ARGUMENT */
  on(type, fn, options) {
    return this.#listeners.add(type, fn, options);
  }

  /** The same for the next event of this type alone.
   *
   *  @example heap.once('limit', (e) => console.log(`the first refusal: ${e.bytes} bytes`));
   *
   *  @template {EventType} T
   *  @param {T} type  @param {(event: EventOf<T>) => void} fn
   *  @param {{signal?: AbortSignal}} [options]
   *  @returns {() => void} takes the listener off
   *  @throws {PymallocError} BAD_ARGUMENT */
  once(type, fn, options) {
    return this.#listeners.add(type, fn, { ...options, once: true });
  }

  /** Tells the listeners what happened since the last poll (at first: since this view was made),
   *  in order.  Reads memory, no guest call.
   *
   *  @example
   *  const { events, missed } = heap.poll();
   *  for (const { type, bytes } of events) console.log(type, bytes);
   *
   *  @param {{all?: boolean}} [options]  all: return those of other heaps too; the listeners are
   *    told of this heap's only
   *  @returns {{events: readonly Readonly<HeapEvent>[], missed: number}} the events of this heap;
   *    missed: events of the program that newer ones had overwritten by now
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED; and what a listener threw, after all
   *    were called */
  poll({ all = false } = {}) {
    const { events, own, missed } = this.#news();
    const thrown = own.flatMap((event) => this.#listeners.dispatch(event));
    if (thrown.length > 0) throw thrown[0];
    return { events: all ? events : own, missed };
  }

  /** @returns {{events: Readonly<HeapEvent>[], own: Readonly<HeapEvent>[], missed: number}} */
  #news() {
    const { root, layout } = this.#program;
    const view = this.#view();
    const { events, missed } = readEvents(view, root, layout, this.#seen);
    this.#seen = lastEvent(view, root, layout);
    this.#missed += missed;
    return { events, own: events.filter((event) => event.heap === this.#id), missed };
  }

  /** Events of the program that no poll of this view saw: newer ones had overwritten them.
   *  @returns {number} */
  get missedEvents() {
    return this.#missed;
  }

  /** Polls from a timer, which does not keep Node running.  No error ends the host's program: what a
   *  listener throws goes to `onError`, and the watch goes on, as it does when a shared memory
   *  changed while it was read.  Where there is nothing left to watch (HEAP_GONE, DETACHED,
   *  BAD_MEMORY) the error goes to `onError` and the watch ends.
   *
   *  @example
   *  heap.on('limit', (e) => console.log(`${e.limit} limit: ${e.bytes} bytes asked`));
   *  const stop = heap.watch(50, { onError: (error) => console.warn(error.message) });
   *  stop();
   *
   *  @param {number} [ms]  between two polls
   *  @param {WatchOptions} [options]
   *  @returns {() => void} stops it
   *  @throws {PymallocError} BAD_ARGUMENT */
  watch(ms = 100, { onError = showError, signal } = {}) {
    if (!(ms >= 0)) throw badArgument('watch takes milliseconds, 0 or more', ms);
    if (typeof onError !== 'function') throw badArgument('onError must be a function', onError);
    const timer = setInterval(() => {
      try {
        for (const event of this.#news().own) this.#listeners.dispatch(event).forEach(onError);
      } catch (error) {
        if (error instanceof PymallocError && error.code === 'RETRY') return;
        clearInterval(timer);
        onError(error);
      }
    }, ms);
    if (typeof timer === 'object' && 'unref' in timer) timer.unref();
    const stop = () => clearInterval(timer);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    return stop;
  }

  /** What JSON.stringify and console.log show: where the heap is, and its statistics.
   *
   *  @example assert.equal(JSON.parse(JSON.stringify(heap)).id, 1);
   *
   *  @returns {{id: number, address: number, stats: Readonly<HeapStats>}}
   *  @throws {PymallocError} as stats() */
  toJSON() {
    return { id: this.#id, address: this.#address, stats: this.stats() };
  }

  /** @returns {DataView} of the memory as it is now; root and heap are found sound */
  #view() {
    return retrying(this.#program.memory, () => this.#found());
  }

  /** @returns {DataView} the same at the first try */
  #found() {
    const { memory, root, layout } = this.#program;
    const view = viewOf(memory);
    checkRoot(view, root, layout);
    const { heap, constants } = layout;
    checkRange(view, this.#address, constants.heap_bytes, 'the heap');
    if (
      view.getUint32(this.#address + heap.magic, true) !== constants.heap_magic
      || view.getUint32(this.#address + heap.id, true) !== this.#id
    ) {
      throw new PymallocRangeError(
        'HEAP_GONE',
        `heap ${this.#id} at ${hex(this.#address)} was `
          + 'destroyed: drop this view and take one from heaps()',
      );
    }
    return view;
  }
}

/** @param {Program} program  @param {number | null} limit
 *  @returns {number | bigint} as pym_limit_set has it */
function limitWord(program, limit) {
  if (limit !== null) return word(program, limit);
  return program.layout.wide ? UNLIMITED_WIDE : UNLIMITED;
}

inspectAs(Heap, 'Heap', (heap) => heap.toJSON());
