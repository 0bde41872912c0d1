/** The log of growths and limits, newest first; what comes again and again is one line. */

import { make, setText } from './dom.js';
import { bytes, count, plural, seconds } from './format.js';
import { isRefusal } from '../sampler.js';
import { frameText } from './holdings.js';

/** @typedef {import('../../../src/index.js').HeapEvent} HeapEvent */

const KEPT = 300;
/** Lines that are added at once, the newest; all events are counted. */
const AT_ONCE = 100;

/** Growths that are listed under their line, the newest. */
const GROWTHS_SHOWN = 50;

/** Events of one line: growths one after the other, or refusals that differ in nothing but time.
 *  @typedef {object} Line
 *  @property {HeapEvent} event  the first
 *  @property {number} time      of the first
 *  @property {number} times
 *  @property {{event: HeapEvent, time: number}[]} growths  the last of them
 *  @property {import('../protocol.js').Holder | null} holder  who held most, of a refusal */

/** @param {HeapEvent} event
 *  @returns {{type: 'grow' | 'soft' | 'hard' | 'oom', badge: string, text: string}} in words */
export function eventText({ type, limit, domain, bytes: asked, pagesBefore, pagesAfter, heap }) {
  const who = `${domain === 'heap' ? 'the heap' : `the ${domain} domain`}${heap > 1 ? ` of heap ${heap}` : ''}`;
  if (type === 'grow') {
    const pages = pagesAfter - pagesBefore;
    return {
      type: 'grow',
      badge: 'grew',
      text: `by ${plural(pages, 'page')} to ${bytes(pagesAfter * 65536)}: ${who} asked for ${bytes(asked)}`,
    };
  }
  if (type === 'limit' && limit === 'soft') {
    return {
      type: 'soft',
      badge: 'soft limit',
      text: `of ${who} passed by a request for ${bytes(asked)}`,
    };
  }
  if (type === 'limit') {
    return {
      type: 'hard',
      badge: 'refused',
      text: `${bytes(asked)}: above the hard limit of ${who}`,
    };
  }
  if (type === 'asked') {
    return {
      type: 'soft',
      badge: 'asked',
      text: `the program to free memory, before a request of ${who} for ${bytes(asked)} fails`,
    };
  }
  return {
    type: 'oom',
    badge: 'no memory',
    text: `linear memory could not grow for ${bytes(asked)} of ${who}; it has ${bytes(pagesBefore * 65536)}`,
  };
}

/** Growths of one heap one after the other are one line, as are refusals that differ in nothing but
 *  time.
 *  @param {HeapEvent} a  @param {HeapEvent} b  @returns {boolean} */
export function alike(a, b) {
  if (a.type !== b.type || a.heap !== b.heap || a.domain !== b.domain) return false;
  return a.type === 'grow' || (a.limit === b.limit && a.bytes === b.bytes);
}

/** @param {import('../protocol.js').Holder} holder  @returns {string} */
export function holderText(holder) {
  const { bytes: held, of } = holder;
  return `most is held by ${frameText({ ...holder, language: 'note' })}: ${bytes(held)} of ${bytes(of)}`;
}

export class Log {
  #list;
  #note;
  /** Lines that are not shown yet, oldest first.
   *  @type {Line[]} */
  #waiting = [];
  /** @type {Line | null} */
  #last = null;
  #counts = { grow: 0, limit: 0, oom: 0, asked: 0, missed: 0 };

  /** @param {HTMLElement} list  @param {HTMLElement} note */
  constructor(list, note) {
    this.#list = list;
    this.#note = note;
    this.clear();
  }

  clear() {
    this.#waiting = [];
    this.#last = null;
    this.#counts = { grow: 0, limit: 0, oom: 0, asked: 0, missed: 0 };
    this.#list.replaceChildren(
      make('li', { class: 'hint' }, make('span'), make('span'), make('span', {}, 'Nothing yet.')),
    );
    setText(this.#note, '');
  }

  /** To be shown with the next ones.
   *  @param {Pick<import('../protocol.js').Frame, 'events' | 'missed' | 'time' | 'holder'>} frame */
  add({ events, missed, time, holder }) {
    this.#counts.missed += missed;
    for (const event of events) {
      this.#counts[event.type]++;
      let line = this.#waiting.at(-1) ?? this.#last;
      if (line && alike(line.event, event)) line.times++;
      else this.#waiting.push((line = { event, time, times: 1, growths: [], holder: null }));
      if (event.type === 'grow') line.growths.push({ event, time });
      if (line.growths.length > GROWTHS_SHOWN) line.growths.shift();
      if (isRefusal(event)) line.holder = holder;
    }
    if (this.#waiting.length > AT_ONCE) this.#waiting.splice(0, this.#waiting.length - AT_ONCE);
  }

  show() {
    const { grow, limit, oom, missed } = this.#counts;
    if (grow + limit + oom + missed === 0) return;
    if (!this.#last) this.#list.replaceChildren();
    const newest = this.#list.firstElementChild?.lastElementChild;
    if (newest && this.#last) describe(/** @type {HTMLElement} */ (newest), this.#last);
    const lines = this.#waiting.map(elementOf).reverse();
    this.#last = this.#waiting.at(-1) ?? this.#last;
    this.#waiting = [];
    if (lines.length > 0) this.#list.prepend(...lines);
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild?.remove();
    setText(
      this.#note,
      [
        plural(grow, 'growth').replace('growthes', 'growths'),
        ...(limit > 0 ? [plural(limit, 'limit')] : []),
        ...(oom > 0 ? [`${oom} out of memory`] : []),
        ...(missed > 0 ? [`${missed} not seen`] : []),
      ].join(', '),
    );
  }
}

/** @param {Line} line  @returns {string} */
export function lineText({ event, times, growths, holder }) {
  const last = growths.at(-1)?.event;
  if (last && times > 1) {
    const pages = last.pagesAfter - event.pagesBefore;
    return `${count(times)} times, by ${plural(pages, 'page')} to ${bytes(last.pagesAfter * 65536)}`;
  }
  const { text } = eventText(event);
  const again = times > 1 ? ` (${count(times)} times)` : '';
  return `${text}${again}${holder ? `; ${holderText(holder)}` : ''}`;
}

/** @param {HTMLElement} into  what stands beside the badge  @param {Line} line */
function describe(into, line) {
  const text = lineText(line);
  const known = /** @type {HTMLElement | null} */ (into.firstElementChild);
  if (line.growths.length < 2) {
    setText(into, text);
    return;
  }
  const details =
    known instanceof HTMLDetailsElement ? known : make('details', {}, make('summary'));
  if (details !== known) into.replaceChildren(details);
  const summary = /** @type {HTMLElement} */ (details.firstElementChild);
  if (summary.textContent === text) return;
  setText(summary, text);
  const growths = line.growths.map((growth) =>
    make('div', {}, `${seconds(growth.time)}: ${eventText(growth.event).text}`),
  );
  details.replaceChildren(summary, ...growths.reverse());
}

/** @param {Line} line  @returns {HTMLLIElement} */
function elementOf(line) {
  const { type, badge } = eventText(line.event);
  const text = make('div');
  describe(text, line);
  return make(
    'li',
    {},
    make('time', {}, seconds(line.time)),
    make('span', { class: 'badge', 'data-type': type }, badge),
    text,
  );
}
