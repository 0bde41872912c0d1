/** Events of a heap, from the ring that the library keeps in linear memory.  A linked module
 *  imports nothing, so nobody calls out: the host looks when it pleases. */

/** @typedef {import('./layout.js').Layout} Layout */

/** @typedef {'grow' | 'limit' | 'oom'} EventType */

/** @typedef {object} HeapEvent
 *  @property {number} seq    number of the event, from 1, over all heaps
 *  @property {EventType} type
 *  @property {'soft' | 'hard' | null} limit  which limit, for type 'limit'
 *  @property {'raw' | 'mem' | 'object' | 'heap'} domain  that asked; for a limit: whose it is,
 *    'heap' for the limit of all three
 *  @property {number} heap   id of the heap that asked
 *  @property {number} bytes  request that caused it
 *  @property {number} pagesBefore  linear memory in 64 KiB pages
 *  @property {number} pagesAfter   the same afterwards */

/** @type {readonly (readonly [EventType, 'soft' | 'hard' | null] | undefined)[]} */
const KINDS = [undefined, ['grow', null], ['limit', 'soft'], ['limit', 'hard'], ['oom', null]];
const DOMAINS = /** @type {const} */ (['raw', 'mem', 'object', 'heap']);

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
  const fresh = (last - since) >>> 0;     // numbers wrap at 2^32
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
  const { events, event: f } = layout;
  const at = root + events.offset + ((seq - 1) >>> 0) % events.count * events.stride;
  const kind = KINDS[view.getUint16(at + f.kind, true)];
  const domain = DOMAINS[view.getUint16(at + f.domain, true)];
  if (view.getUint32(at + f.seq, true) !== seq || !kind || !domain) return null;
  return Object.freeze({
    seq,
    type: kind[0],
    limit: kind[1],
    domain,
    heap: view.getUint32(at + f.heap, true),
    bytes: view.getUint32(at + f.bytes, true),
    pagesBefore: view.getUint32(at + f.pages_before, true),
    pagesAfter: view.getUint32(at + f.pages_after, true),
  });
}

/** Listeners by event type. */
export class Listeners {
  /** @type {Map<EventType, Set<(event: Readonly<HeapEvent>) => void>>} */
  #byType = new Map([['grow', new Set()], ['limit', new Set()], ['oom', new Set()]]);

  /** @param {string} type  @returns {type is EventType} */
  takes(type) {
    return this.#byType.has(/** @type {EventType} */ (type));
  }

  /** @param {EventType} type  @param {(event: Readonly<HeapEvent>) => void} fn
   *  @returns {() => void} takes it off again */
  add(type, fn) {
    const set = this.#byType.get(type);
    set?.add(fn);
    return () => void set?.delete(fn);
  }

  /** Calls every listener of every event; what the first one to fail threw is thrown at the end.
   *  @param {readonly Readonly<HeapEvent>[]} events */
  dispatch(events) {
    /** @type {unknown[]} */
    const thrown = [];
    for (const event of events) {
      for (const fn of this.#byType.get(event.type) ?? []) {
        try {
          fn(event);
        } catch (error) {
          thrown.push(error);
        }
      }
    }
    if (thrown.length > 0) throw thrown[0];
  }
}
