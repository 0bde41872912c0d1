/** The log of growths and limits, newest first. */

import { make, setText } from './dom.js';
import { bytes, plural, seconds } from './format.js';

/** @typedef {import('../../../src/index.js').HeapEvent} HeapEvent */

const KEPT = 300;
/** Lines that are added at once, the newest; all events are counted. */
const AT_ONCE = 100;

/** Events that differ in nothing but time, and the time of the first.
 *  @typedef {{event: HeapEvent, time: number, times: number}} Line */

/** @param {HeapEvent} event
 *  @returns {{type: 'grow' | 'soft' | 'hard' | 'oom', badge: string, text: string}} in words */
export function eventText({ type, limit, domain, bytes: asked, pagesBefore, pagesAfter, heap }) {
  const who = `${domain === 'heap' ? 'the heap' : `the ${domain} domain`}${heap > 1 ? ` of heap ${heap}` : ''}`;
  if (type === 'grow') {
    const pages = pagesAfter - pagesBefore;
    return { type: 'grow', badge: 'grew',
      text: `by ${plural(pages, 'page')} to ${bytes(pagesAfter * 65536)}: ${who} asked for ${bytes(asked)}` };
  }
  if (type === 'limit' && limit === 'soft') {
    return { type: 'soft', badge: 'soft limit', text: `of ${who} passed by a request for ${bytes(asked)}` };
  }
  if (type === 'limit') {
    return { type: 'hard', badge: 'refused', text: `${bytes(asked)}: above the hard limit of ${who}` };
  }
  return { type: 'oom', badge: 'no memory',
    text: `linear memory could not grow for ${bytes(asked)} of ${who}; it has ${bytes(pagesBefore * 65536)}` };
}

/** Refusals one after the other that differ in nothing but time are one line.
 *  @param {HeapEvent} a  @param {HeapEvent} b  @returns {boolean} */
export function alike(a, b) {
  return a.type !== 'grow' && a.type === b.type && a.limit === b.limit && a.domain === b.domain
    && a.bytes === b.bytes && a.heap === b.heap;
}

export class Log {
  #list;
  #note;
  /** Lines that are not shown yet, oldest first.
   *  @type {Line[]} */
  #waiting = [];
  /** @type {Line | null} */
  #last = null;
  #counts = { grow: 0, limit: 0, oom: 0, missed: 0 };

  /** @param {HTMLElement} list  @param {HTMLElement} note */
  constructor(list, note) {
    this.#list = list;
    this.#note = note;
    this.clear();
  }

  clear() {
    this.#waiting = [];
    this.#last = null;
    this.#counts = { grow: 0, limit: 0, oom: 0, missed: 0 };
    this.#list.replaceChildren(make('li', { class: 'hint' }, make('span'), make('span'), make('span', {}, 'Nothing yet.')));
    setText(this.#note, '');
  }

  /** To be shown with the next ones.
   *  @param {readonly HeapEvent[]} events  oldest first  @param {number} missed
   *  @param {number} time  milliseconds into the run, when they were seen */
  add(events, missed, time) {
    this.#counts.missed += missed;
    for (const event of events) {
      this.#counts[event.type]++;
      const before = this.#waiting.at(-1) ?? this.#last;
      if (before && alike(before.event, event)) before.times++;
      else this.#waiting.push({ event, time, times: 1 });
    }
    if (this.#waiting.length > AT_ONCE) this.#waiting.splice(0, this.#waiting.length - AT_ONCE);
  }

  show() {
    const { grow, limit, oom, missed } = this.#counts;
    if (grow + limit + oom + missed === 0) return;
    if (!this.#last) this.#list.replaceChildren();
    const newest = this.#list.firstElementChild?.lastElementChild;
    if (newest && this.#last) setText(newest, textOf(this.#last));
    const lines = this.#waiting.map(elementOf).reverse();
    this.#last = this.#waiting.at(-1) ?? this.#last;
    this.#waiting = [];
    if (lines.length > 0) this.#list.prepend(...lines);
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild?.remove();
    setText(this.#note, [plural(grow, 'growth').replace('growthes', 'growths'),
      ...(limit > 0 ? [plural(limit, 'limit')] : []), ...(oom > 0 ? [`${oom} out of memory`] : []),
      ...(missed > 0 ? [`${missed} not seen`] : [])].join(', '));
  }
}

/** @param {Line} line  @returns {string} */
function textOf({ event, times }) {
  const { text } = eventText(event);
  return times > 1 ? `${text} (${times} times)` : text;
}

/** @param {Line} line  @returns {HTMLLIElement} */
function elementOf(line) {
  const { type, badge } = eventText(line.event);
  return make('li', {}, make('time', {}, seconds(line.time)),
    make('span', { class: 'badge', 'data-type': type }, badge), make('span', {}, textOf(line)));
}
