/** Events of a heap, from the ring that the library keeps in linear memory.  A linked module
 *  imports nothing, so nobody calls out: the host looks when it pleases. */

import { LIMITED } from './constants.js';
import { badArgument } from './errors.js';
import { readWord } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** @typedef {'grow' | 'limit' | 'oom' | 'asked'} EventType */

/** What every event has.
 *  @typedef {object} EventBase
 *  @property {number} seq    number of the event, from 1, over all heaps
 *  @property {import('./constants.js').LimitedName} domain  that asked; for a limit: whose it is,
 *    'heap' for the limit of all three, 'all' for that of all heaps
 *  @property {number} heap   id of the heap that asked
 *  @property {number} bytes  request that caused it
 *  @property {number} pagesBefore  linear memory in 64 KiB pages
 *  @property {number} pagesAfter   the same afterwards */
/** Linear memory grew.
 *  @typedef {EventBase & {type: 'grow', limit: null}} GrowEvent */
/** A soft limit was passed, or a hard one refused a request.
 *  @typedef {EventBase & {type: 'limit', limit: 'soft' | 'hard'}} LimitEvent */
/** Linear memory could not grow: the request was refused.
 *  @typedef {EventBase & {type: 'oom', limit: null}} OomEvent */
/** A request was about to fail, by a hard limit (then `limit` is 'hard') or for want of memory, and the
 *  program's callback was called to free some.  A 'limit' or 'oom' follows if that was in vain.
 *  @typedef {EventBase & {type: 'asked', limit: 'hard' | null}} AskedEvent */
/** @typedef {GrowEvent | LimitEvent | OomEvent | AskedEvent} HeapEvent */
/** @template {EventType} T
 *  @typedef {Readonly<Extract<HeapEvent, {type: T}>>} EventOf */

/** @typedef {object} ListenOptions
 *  @property {boolean} [once]         the listener is called once at the most
 *  @property {AbortSignal} [signal]   takes the listener off when it aborts */

export const EVENT_TYPES = /** @type {const} */ (['grow', 'limit', 'oom', 'asked']);

/** @type {readonly (readonly [EventType, 'soft' | 'hard' | null] | undefined)[]} */
const KINDS = [
  undefined,
  ['grow', null],
  ['limit', 'soft'],
  ['limit', 'hard'],
  ['oom', null],
  ['asked', 'hard'],
  ['asked', null],
];

/** @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @returns {number} number of the newest event */
export function lastEvent(view, root, layout) {
  return view.getUint32(root + layout.space.event_seq, true);
}

/** The events after `since`, oldest first, as far as the ring still holds them.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @param {number} since
 *  @returns {{events: Readonly<HeapEvent>[], missed: number}} missed: overwritten by newer ones */
export function readEvents(view, root, layout, since) {
  const { count } = layout.events;
  const last = lastEvent(view, root, layout);
  const fresh = (last - since) >>> 0; // numbers wrap at 2^32
  // Numbers that ran backwards: memory was set back to an older state, there is nothing new.
  if (fresh >= 2 ** 31) return { events: [], missed: 0 };
  const held = Math.min(fresh, count);
  /** @type {Readonly<HeapEvent>[]} */
  const events = [];
  for (let i = held; i > 0; i--) {
    const event = readEvent(view, root, layout, (last - i + 1) >>> 0);
    if (event) events.push(event);
  }
  return { events, missed: fresh - events.length };
}

/** @param {DataView} view  @param {number} root  @param {Layout} layout  @param {number} seq
 *  @returns {Readonly<HeapEvent> | null} null if its slot holds something else, or a kind that a
 *    later version may have added */
function readEvent(view, root, layout, seq) {
  const { events, event: f, wide } = layout;
  const at = root + events.offset + (((seq - 1) >>> 0) % events.count) * events.stride;
  const kind = KINDS[view.getUint16(at + f.kind, true)];
  const domain = LIMITED[view.getUint16(at + f.domain, true)];
  if (view.getUint32(at + f.seq, true) !== seq || !kind || !domain) return null;
  const event = /** @type {HeapEvent} */ ({
    seq,
    type: kind[0],
    limit: kind[1],
    domain,
    heap: view.getUint32(at + f.heap, true),
    bytes: readWord(view, at + f.bytes, wide),
    pagesBefore: view.getUint32(at + f.pages_before, true),
    pagesAfter: view.getUint32(at + f.pages_after, true),
  });
  return Object.freeze(event);
}

/** @typedef {(event: any) => void} Listener */

/** Listeners by the type of event. */
export class Listeners {
  /** @type {Map<string, Map<symbol, {fn: Listener, once: boolean}>>} */
  #byType;

  /** @param {readonly string[]} types  of the events that there are */
  constructor(types) {
    this.#byType = new Map(types.map((type) => [type, new Map()]));
  }

  /** @returns {number} how many there are */
  get size() {
    return [...this.#byType.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }

  /** @param {string} type  @param {unknown} fn  @param {ListenOptions} [options]
   *  @returns {() => void} takes it off again
   *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
  add(type, fn, { once = false, signal } = {}) {
    const listeners = this.#byType.get(type);
    if (!listeners) {
      throw badArgument(`the events are ${[...this.#byType.keys()].join(', ')}`, type);
    }
    if (typeof fn !== 'function') throw badArgument('the listener must be a function', fn);
    if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
      throw badArgument('signal must be an AbortSignal', signal);
    }
    const key = Symbol();
    const off = () => {
      listeners.delete(key);
      signal?.removeEventListener('abort', off);
    };
    if (signal?.aborted) return off;
    listeners.set(key, { fn: /** @type {Listener} */ (fn), once });
    signal?.addEventListener('abort', off, { once: true });
    return off;
  }

  /** Calls every listener of an event.
   *  @param {{readonly type: string}} event
   *  @returns {unknown[]} what they threw */
  dispatch(event) {
    /** @type {unknown[]} */
    const thrown = [];
    const listeners = this.#byType.get(event.type) ?? new Map();
    for (const [key, { fn, once }] of [...listeners]) {
      if (!listeners.has(key)) continue; // taken off by one before
      if (once) listeners.delete(key);
      try {
        fn(event);
      } catch (error) {
        thrown.push(error);
      }
    }
    return thrown;
  }
}

/** What becomes of an error that nobody can catch, since no call of a user's is under way: it is
 *  shown, and the program goes on.  @param {unknown} error */
export function showError(error) {
  console.error(error);
}
