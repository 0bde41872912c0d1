/** Heap: what a host sees of one heap inside a wasm module. */

import { descriptorOf } from './descriptor.js';
import { PymallocError, PymallocRangeError, PymallocTypeError, badArgument, badMemory, hex }
  from './errors.js';
import { Listeners, lastEvent, readEvents } from './events.js';
import { layoutOf } from './layout.js';
import { checkHeap, readHeapList, readMap } from './map.js';
import { checkRange, isMemory, readText, viewOf } from './memory.js';
import { checkRoot, limitOf, readStats } from './stats.js';

/** @typedef {import('./events.js').EventType} EventType */
/** @typedef {import('./events.js').HeapEvent} HeapEvent */
/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./map.js').HeapMap} HeapMap */
/** @typedef {import('./stats.js').HeapStats} HeapStats */

/** A limit pair in bytes; null is none.
 *  @typedef {object} Limit
 *  @property {number | null} soft  passing it is an event, nothing else
 *  @property {number | null} hard  above it an allocation returns NULL */
/** @typedef {{heap: Limit, raw: Limit, mem: Limit, object: Limit}} Limits */

/** What Heap.from found, shared by all views of one program.
 *  @typedef {object} Program
 *  @property {Readonly<Record<string, unknown>>} exports
 *  @property {{readonly buffer: ArrayBufferLike}} memory
 *  @property {number} root
 *  @property {Layout} layout */

/** As pym_limit_set numbers them. */
const WHICH = Object.freeze({ raw: 0, mem: 1, object: 2, heap: 3 });
const UNLIMITED = 0xffffffff;
const MESSAGE_BYTES = 1024;

/** Read-only view of one heap.  Owns no wasm memory; cheap to create.
 *
 *  Nothing in linear memory is trusted: a module that lies gets a PymallocError, and no call takes
 *  time or memory beyond the order of the linear memory's size.  All methods read the memory as it
 *  is at the call, whether it grew or not; shared memories and addresses above 2 GiB work, 64-bit
 *  memories do not. */
export class Heap {
  #program;
  #address;
  #id;
  #listeners = new Listeners();
  #seen;

  /** @param {Program} program  @param {number} address  @param {DataView} view
   *  @private use Heap.from */
  constructor(program, address, view) {
    this.#program = program;
    this.#address = address;
    this.#id = view.getUint32(address + program.layout.heap.id, true);
    this.#seen = lastEvent(view, program.root, program.layout);
  }

  /** The default heap of an instance.  Calls one guest function, `pym_root`, once.
   *
   *  @param {WebAssembly.Module} module  that the instance was made of
   *  @param {{readonly exports: object}} instance
   *  @param {{memory?: WebAssembly.Memory}} [options]  memory: where the module imports its memory
   *    instead of exporting it
   *  @returns {Heap}
   *  @throws {PymallocError} NO_DESCRIPTOR, BAD_DESCRIPTOR, VERSION: the module cannot be read;
   *    NO_EXPORT, NO_MEMORY: link flags or options are missing; BAD_MEMORY, GUEST_TRAP */
  static from(module, instance, options = {}) {
    const layout = layoutOf(descriptorOf(module));
    const exports = /** @type {Record<string, unknown>} */ (instance?.exports);
    if (typeof exports !== 'object' || exports === null) {
      throw badArgument('the second argument must be the WebAssembly.Instance of the module');
    }
    const memory = options.memory ?? exports['memory'];
    if (!isMemory(memory)) {
      throw new PymallocTypeError('NO_MEMORY', 'the instance exports no "memory": pass the one '
        + 'that it imports, Heap.from(module, instance, { memory })');
    }
    const root = call(exports, 'pym_root', []);
    const program = { exports, memory, root, layout };
    const view = viewOf(memory);
    checkRoot(view, root, layout);
    const first = view.getUint32(root + layout.space.first_heap, true);
    checkHeap(view, first, layout);
    return new Heap(program, first, view);
  }

  /** Identifies the heap for as long as it lives; the default heap is 1.
   *  @returns {number} */
  get id() { return this.#id; }

  /** Address of the heap's structure, a `pym_heap *` of the guest.
   *  @returns {number} */
  get address() { return this.#address; }

  /** Counters of the heap and of linear memory.  Reads memory directly, no guest call.
   *  @returns {Readonly<HeapStats>} a frozen snapshot; bytes unless the name says otherwise
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED */
  stats() {
    const { root, layout } = this.#program;
    return readStats(this.#view(), root, this.#address, layout);
  }

  /** What every page holds, and every pool, of all heaps.  Reads memory directly, no guest call.
   *  Looks at the header of each pool, 50 to 80 ns: some 14 ms for a gigabyte of them.
   *  @returns {HeapMap}
   *  @throws {PymallocError} BAD_MEMORY, DETACHED */
  map() {
    const { memory, root, layout } = this.#program;
    const view = viewOf(memory);
    checkRoot(view, root, layout);
    return readMap(view, root, layout);
  }

  /** Lets the guest verify every invariant of the heap, and every counter against a recount.
   *  Takes time in proportion to the heap.
   *  @returns {{sound: boolean, message: string}} message: what was found first, or ''
   *  @throws {PymallocError} NO_EXPORT, HEAP_GONE, BAD_MEMORY, GUEST_TRAP */
  check() {
    this.#view();
    const { exports, memory } = this.#program;
    need(exports, 'pym_check_message');
    if (call(exports, 'pym_check', [this.#address]) === 0) {
      return Object.freeze({ sound: true, message: '' });
    }
    const text = call(exports, 'pym_check_message', []);
    return Object.freeze({ sound: false, message: readText(viewOf(memory), text, MESSAGE_BYTES) });
  }

  /** The limits in force, of the whole heap and of each domain.  Reads memory, no guest call.
   *  @returns {Readonly<Limits>}
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED */
  get limits() {
    const { layout: { heap: f, domains, domain } } = this.#program;
    const view = this.#view();
    const at = (/** @type {number} */ soft, /** @type {number} */ hard) => Object.freeze({
      soft: limitOf(view.getUint32(this.#address + soft, true)),
      hard: limitOf(view.getUint32(this.#address + hard, true)),
    });
    const of = (/** @type {number} */ i) => {
      const base = domains.offset + i * domains.stride;
      return at(base + domain.soft, base + domain.hard);
    };
    return Object.freeze({
      heap: at(f.soft, f.hard), raw: of(WHICH.raw), mem: of(WHICH.mem), object: of(WHICH.object),
    });
  }

  /** Sets limits; what is not named stays as it is.  Limits count usable bytes of live blocks.
   *
   *  @example heap.setLimits({ heap: { hard: 64 << 20 }, object: { soft: 8 << 20, hard: null } });
   *
   *  @param {{heap?: Partial<Limit>, raw?: Partial<Limit>, mem?: Partial<Limit>,
   *    object?: Partial<Limit>}} limits  bytes, 0..4294967294; null takes a limit off; a hard limit
   *    below what is live grants nothing until enough was freed
   *  @throws {PymallocError} BAD_ARGUMENT, NO_EXPORT, HEAP_GONE, BAD_MEMORY, GUEST_TRAP */
  setLimits(limits) {
    if (typeof limits !== 'object' || limits === null) {
      throw badArgument('setLimits takes an object such as { heap: { hard: 67108864 } }');
    }
    const { exports } = this.#program;
    const before = this.limits;
    /** @type {[number, number, number][]} */
    const calls = [];
    for (const [name, limit] of Object.entries(limits)) {
      if (!Object.hasOwn(WHICH, name)) {
        throw badArgument(`no limit is called "${name}": there are `
          + Object.keys(WHICH).join(', '));
      }
      const key = /** @type {keyof Limits} */ (name);
      if (typeof limit !== 'object' || limit === null) {
        throw badArgument(`the limit "${name}" must be an object such as { hard: 67108864 }`);
      }
      const { soft = before[key].soft, hard = before[key].hard } = limit;
      calls.push([WHICH[key], toLimit(soft, `${name}.soft`), toLimit(hard, `${name}.hard`)]);
    }
    need(exports, 'pym_limit_set');
    for (const args of calls) {
      if (call(exports, 'pym_limit_set', [this.#address, ...args]) !== 0) {
        throw badMemory('pym_limit_set refused a limit');
      }
    }
  }

  /** All heaps of the program, the default one first.  Reads memory, no guest call.
   *  @returns {Heap[]} new views, without listeners
   *  @throws {PymallocError} BAD_MEMORY, DETACHED */
  heaps() {
    const program = this.#program;
    const view = viewOf(program.memory);
    checkRoot(view, program.root, program.layout);
    return readHeapList(view, program.root, program.layout)
      .map((address) => new Heap(program, address, view));
  }

  /** Calls `fn` at events of this heap, from within poll().
   *  @param {EventType} type  `grow`: linear memory grew for it; `limit`: a soft limit was passed
   *    or a hard one refused a request; `oom`: linear memory could not grow
   *  @param {(event: Readonly<HeapEvent>) => void} fn
   *  @returns {() => void} takes the listener off
   *  @throws {PymallocError} BAD_ARGUMENT */
  on(type, fn) {
    if (!this.#listeners.takes(type)) {
      throw badArgument(`no event is called "${type}": there are grow, limit and oom`);
    }
    if (typeof fn !== 'function') throw badArgument('the listener must be a function');
    return this.#listeners.add(type, fn);
  }

  /** Tells the listeners what happened since the last poll (at first: since this view was made),
   *  in order.  Reads memory, no guest call.
   *  @returns {{events: readonly Readonly<HeapEvent>[], missed: number}} the events of this heap;
   *    missed: events of the program that newer ones had overwritten by now
   *  @throws {PymallocError} HEAP_GONE, BAD_MEMORY, DETACHED; and what a listener threw, after all
   *    were called */
  poll() {
    const { root, layout } = this.#program;
    const view = this.#view();
    const { events, missed } = readEvents(view, root, layout, this.#seen);
    this.#seen = lastEvent(view, root, layout);
    const own = events.filter((event) => event.heap === this.#id);
    this.#listeners.dispatch(own);
    return { events: own, missed };
  }

  /** Polls from a timer, which does not keep Node running.
   *  @param {number} [ms]  between two polls
   *  @returns {() => void} stops it */
  watch(ms = 100) {
    const timer = setInterval(() => {
      try {
        this.poll();
      } catch (error) {
        clearInterval(timer);
        throw error;
      }
    }, ms);
    if (typeof timer === 'object' && 'unref' in timer) timer.unref();
    return () => clearInterval(timer);
  }

  /** @returns {DataView} of the memory as it is now; root and heap are found sound */
  #view() {
    const { memory, root, layout } = this.#program;
    const view = viewOf(memory);
    checkRoot(view, root, layout);
    const { heap, constants } = layout;
    checkRange(view, this.#address, constants.heap_bytes, 'the heap');
    if (view.getUint32(this.#address + heap.magic, true) !== constants.heap_magic
      || view.getUint32(this.#address + heap.id, true) !== this.#id) {
      throw new PymallocRangeError('HEAP_GONE', `heap ${this.#id} at ${hex(this.#address)} was `
        + 'destroyed: drop this view and take one from heaps()');
    }
    return view;
  }
}

/** @param {number | null} bytes  @param {string} name  @returns {number} */
function toLimit(bytes, name) {
  if (bytes === null) return UNLIMITED;
  if (!Number.isInteger(bytes) || bytes < 0 || bytes >= UNLIMITED) {
    throw badArgument(`${name} must be null or a whole number of bytes, 0..4294967294`);
  }
  return bytes;
}

/** @param {Readonly<Record<string, unknown>>} exports  @param {string} name
 *  @returns {Function} */
function need(exports, name) {
  const fn = exports[name];
  if (typeof fn === 'function') return fn;
  throw new PymallocTypeError('NO_EXPORT', `the module does not export ${name}: link it with `
    + `-Wl,--export=${name} (CMake target pymalloc::exports)`);
}

/** @param {Readonly<Record<string, unknown>>} exports  @param {string} name
 *  @param {number[]} args  @returns {number} what the guest returned, as an u32 */
function call(exports, name, args) {
  const fn = need(exports, name);
  let result;
  try {
    result = fn(...args);
  } catch (cause) {
    throw new PymallocError('GUEST_TRAP', `the guest's ${name} trapped: ${cause}`, { cause });
  }
  if (typeof result !== 'number') {
    throw new PymallocTypeError('VERSION', `the guest's ${name} returned a ${typeof result}: only `
      + 'modules with 32-bit memories are supported');
  }
  return result >>> 0;
}
