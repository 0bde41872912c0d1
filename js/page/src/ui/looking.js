/** What is under the pointer or the keyboard's cursor, in words; from the map at once, from the guest
 *  itself where single blocks are seen. */

import { detailAt } from './geometry.js';
import { LINE_BYTES, blockAt } from './paint.js';
import { byId, make, setText } from './dom.js';
import { hex } from './format.js';
import { barText, unitText } from './describe.js';

/** @typedef {import('./heapmap.js').HeapMap} HeapMap */
/** @typedef {import('./heapmap.js').Place} Place */
/** @typedef {import('../protocol.js').Look} Look */

const ASK_MS = 80;
const SPEAK_MS = 350;
const UNIT_BYTES = 4096;

export class Looking {
  #map;
  #details;
  #ask;
  #overlaid;
  /** @type {Place | null} */
  #place = null;
  /** @type {number | undefined} */
  #timer;
  /** @type {number | undefined} */
  #speaking;
  #asked = 0;

  /** @param {() => HeapMap} map  @param {import('./details.js').Details} details
   *  @param {(address: number) => Promise<Look>} ask  rejects where nobody can say
   *  @param {() => string} overlaid  what the map shows instead of memory */
  constructor(map, details, ask, overlaid) {
    this.#overlaid = overlaid;
    this.#map = map;
    this.#details = details;
    this.#ask = ask;
  }

  /** @param {Place | null} place  @param {boolean} speak  the keyboard moved there */
  at(place, speak) {
    this.#place = place;
    this.refresh();
    if (!speak) return;
    clearTimeout(this.#speaking);
    this.#speaking = window.setTimeout(
      () => setText(byId('live'), byId('look').textContent ?? ''),
      SPEAK_MS,
    );
  }

  /** Memory or scale changed. */
  refresh() {
    const heapMap = this.#map();
    const { map } = heapMap;
    const look = byId('look');
    if (!map || !this.#place || heapMap.overlaid) {
      setText(
        look,
        map && heapMap.overlaid
          ? this.#overlaid()
          : 'Point at the map, or walk over it with the arrow keys.',
      );
      return;
    }
    const detail = detailAt(heapMap.scale);
    const byPage = detail === 'memory' || detail === 'pages';
    const bar = heapMap.barAt(this.#place.unit);
    if (bar) {
      delete look.dataset['asked'];
      setText(look, barText(bar));
      return;
    }
    const text = unitText(map, this.#place.unit, byPage);
    if (byPage || !look.dataset['asked']) setText(look, text);
    else setText(/** @type {Node} */ (look.firstChild), text);
    if (byPage) delete look.dataset['asked'];
    else
      this.#timer ??= window.setTimeout(() => {
        this.#timer = undefined;
        void this.#askThere();
      }, ASK_MS);
  }

  async #askThere() {
    const { map } = this.#map();
    if (!this.#place || !map) return;
    const text = unitText(map, this.#place.unit, false);
    const number = ++this.#asked;
    const look = byId('look');
    try {
      const answer = await this.#ask(this.#addressOf(this.#place));
      if (number !== this.#asked || this.#timer !== undefined) return; // the pointer went on
      look.dataset['asked'] = 'true';
      look.replaceChildren(
        text,
        ' ',
        make('br'),
        answer.text,
        ' ',
        make('span', { class: 'mono' }, contentText(answer)),
      );
    } catch {
      delete look.dataset['asked']; // it runs and does not answer: the map's words stay
    }
  }

  /** @param {Place} place  @returns {number} */
  #addressOf({ unit, x, y }) {
    const base = unit * UNIT_BYTES;
    const heapMap = this.#map();
    const pool = heapMap.showsBlocks ? this.#details.poolAt(base) : null;
    if (pool) {
      const block = blockAt(x, y, heapMap.scale, pool.states.length);
      return block < 0 ? base : pool.first + block * pool.blockSize;
    }
    return (
      base + Math.floor(y * (UNIT_BYTES / LINE_BYTES)) * LINE_BYTES + Math.floor(x * LINE_BYTES)
    );
  }
}

/** @param {Look} look  @returns {string} its first bytes */
export function contentText({ start, content }) {
  if (content.length === 0) return '';
  const some = content.subarray(0, 16);
  const digits = [...some].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  const letters = [...some].map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '·')).join('');
  return `${hex(start)}: ${digits} ${letters}`;
}
