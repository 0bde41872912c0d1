/** The log of growths and limits, newest first. */

import { make, setText } from './dom.js';
import { bytes, plural, seconds } from './format.js';

/** @typedef {import('../../../src/index.js').HeapEvent} HeapEvent */

const KEPT = 300;
/** Events that one frame brings and that get a line; all are counted. */
const AT_ONCE = 40;

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
  /** @type {{event: HeapEvent, times: number} | null} */
  #last = null;
  #counts = { grow: 0, limit: 0, oom: 0, missed: 0 };

  /** @param {HTMLElement} list  @param {HTMLElement} note */
  constructor(list, note) {
    this.#list = list;
    this.#note = note;
    this.clear();
  }

  clear() {
    this.#last = null;
    this.#counts = { grow: 0, limit: 0, oom: 0, missed: 0 };
    this.#list.replaceChildren(make('li', { class: 'hint' }, make('span'), make('span'), make('span', {}, 'Nothing yet.')));
    setText(this.#note, '');
  }

  /** @param {readonly HeapEvent[]} events  oldest first  @param {number} missed
   *  @param {number} time  milliseconds into the run, when they were seen */
  add(events, missed, time) {
    if (events.length === 0 && missed === 0) return;
    if (this.#total === 0) this.#list.replaceChildren();
    this.#counts.missed += missed;
    for (const event of events) this.#counts[event.type]++;
    for (const event of events.slice(-AT_ONCE)) {
      if (this.#last && alike(this.#last.event, event)) this.#again();
      else this.#put(event, time);
    }
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild?.remove();
    const { grow, limit, oom } = this.#counts;
    setText(this.#note, [plural(grow, 'growth').replace('growthes', 'growths'),
      ...(limit > 0 ? [plural(limit, 'limit')] : []), ...(oom > 0 ? [`${oom} out of memory`] : []),
      ...(this.#counts.missed > 0 ? [`${this.#counts.missed} not seen`] : [])].join(', '));
  }

  get #total() {
    const { grow, limit, oom, missed } = this.#counts;
    return grow + limit + oom + missed;
  }

  #again() {
    const last = /** @type {{event: HeapEvent, times: number}} */ (this.#last);
    last.times++;
    const text = this.#list.firstElementChild?.lastElementChild;
    if (text) setText(text, `${eventText(last.event).text} (${last.times} times)`);
  }

  /** @param {HeapEvent} event  @param {number} time */
  #put(event, time) {
    const { type, badge, text } = eventText(event);
    this.#list.prepend(make('li', {}, make('time', {}, seconds(time)),
      make('span', { class: 'badge', 'data-type': type }, badge), make('span', {}, text)));
    this.#last = { event, times: 1 };
  }
}
