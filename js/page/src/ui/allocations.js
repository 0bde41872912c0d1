/** The tab "Allocations": who holds the memory, as an icicle and as a table. */

import { Icicle } from './icicle.js';
import { byId, make, setFigure, setText } from './dom.js';
import { bytes, count, percent, plural } from './format.js';
import { linesOf, placeText, treeOf } from './holdings.js';

/** @typedef {import('../protocol.js').Allocations} Held */
/** @typedef {Held['when']} When */

/** @typedef {object} Picked  a call, or a line
 *  @property {string} key
 *  @property {string} name
 *  @property {ReadonlySet<number>} stacks
 *  @property {Held} held  where these numbers are from */

/** @type {Record<When, string>} */
const WHEN = { live: 'Live', peak: 'At the peak', ever: 'Ever' };
const REFRESH_MS = 1000;
const LINES_SHOWN = 100;

export class Allocations {
  #ask;
  #onPick;
  #icicle = new Icicle(byId('icicle'), ({ key, frame }) => this.#pick(key, frame.name));
  /** @type {When} */
  #when = 'live';
  /** @type {Held | null} */
  #held = null;
  #picked = { key: '', name: '' };
  #asked = -Infinity;
  #asking = false;

  /** @param {(when: When) => Promise<Held>} ask  rejects where nobody can say
   *  @param {(picked: Picked | null) => void} onPick  null: nothing is picked any more */
  constructor(ask, onPick) {
    this.#ask = ask;
    this.#onPick = onPick;
    for (const [value, text] of /** @type {[When, string][]} */ (Object.entries(WHEN))) {
      const input = make('input', {
        type: 'radio',
        name: 'alloc-when',
        value,
        id: `alloc-${value}`,
      });
      input.checked = value === this.#when;
      input.addEventListener('change', () => {
        this.#when = value;
        void this.refresh(true);
      });
      byId('alloc-when').append(make('label', {}, input, text));
    }
    byId('alloc-all').addEventListener('click', () => this.#pick('', ''));
    byId('alloc-table').addEventListener('click', (event) => {
      const button = /** @type {Element} */ (event.target).closest('button');
      if (button) this.#pick(button.dataset['key'] ?? '', button.textContent ?? '');
    });
    this.#show();
  }

  /** Bytes between two samples of the next run; 0: none. */
  get every() {
    return Number(byId('alloc-every', HTMLSelectElement).value);
  }

  /** Another program: what was known is of no use. */
  clear() {
    this.#held = null;
    this.#asked = -Infinity;
    this.#picked = { key: '', name: '' };
    this.#icicle.reset();
    this.#onPick(null);
    this.#show();
  }

  /** To be called a few times a second.  @param {boolean} [now]  whatever was asked last */
  async refresh(now = false) {
    const wanted = !byId('allocations').hidden || this.#picked.key !== '';
    if (!now && (!wanted || this.#asking || performance.now() < this.#asked + REFRESH_MS)) return;
    this.#asking = true;
    this.#asked = performance.now();
    const when = this.#when;
    try {
      const held = await this.#ask(when);
      if (when !== this.#when) return;
      this.#held = held;
      this.#show();
    } catch {
      // it runs and does not answer, or nothing was run: what is shown stays
    } finally {
      this.#asking = false;
    }
  }

  /** @param {string} key  '' for nothing  @param {string} name */
  #pick(key, name) {
    const again = key === this.#picked.key;
    this.#picked = again ? { key: '', name: '' } : { key, name };
    if (this.#picked.key === '') this.#icicle.reset();
    this.#show();
  }

  #show() {
    const held = this.#held;
    const some = held !== null && held.stacks.length > 0;
    byId('alloc-shown').hidden = !some;
    byId('alloc-all', HTMLButtonElement).disabled = this.#picked.key === '';
    setText(byId('alloc-note'), noteOf(held));
    if (!held || !some) return;
    const tree = treeOf(held);
    const lines = linesOf(held);
    this.#icicle.show(tree, this.#picked.key);
    this.#fillTable(lines, held);
    const picked =
      find(tree, this.#picked.key) ?? lines.find(({ key }) => key === this.#picked.key);
    if (this.#picked.key === '' || !picked) this.#onPick(null);
    else this.#onPick({ ...this.#picked, stacks: new Set(picked.stacks), held });
  }

  /** @param {import('./holdings.js').Line[]} lines  @param {Held} held */
  #fillTable(lines, held) {
    const body = /** @type {HTMLTableSectionElement} */ (
      byId('alloc-table', HTMLTableElement).tBodies[0]
    );
    lines.slice(0, LINES_SHOWN).forEach((line, i) => {
      const row = body.rows[i] ?? rowOf(body);
      const [what, share, size, blocks] = /** @type {HTMLTableCellElement[]} */ ([...row.cells]);
      const button = /** @type {HTMLButtonElement} */ (what?.firstElementChild);
      const place = /** @type {HTMLElement} */ (what?.lastElementChild);
      if (!share || !size || !blocks) return;
      setText(button, line.frame.name);
      setText(place, placeText(line.frame));
      button.dataset['key'] = line.key;
      button.title = `${line.frame.name} ${placeText(line.frame)}: show its memory on the map`;
      button.setAttribute('aria-pressed', String(line.key === this.#picked.key));
      setText(share, percent(line.bytes, held.bytes));
      setFigure(size, bytes(line.bytes), line.bytes);
      setFigure(blocks, count(line.blocks), line.blocks);
    });
    while (body.rows.length > Math.min(lines.length, LINES_SHOWN)) body.lastElementChild?.remove();
  }
}

/** @param {HTMLTableSectionElement} body  @returns {HTMLTableRowElement} a new one at its end */
function rowOf(body) {
  const row = make(
    'tr',
    {},
    make(
      'th',
      { scope: 'row' },
      make('button', { type: 'button' }),
      make('span', { class: 'place' }),
    ),
    ...['num', 'num', 'num'].map((name) => make('td', { class: name })),
  );
  body.append(row);
  return row;
}

/** @param {import('./holdings.js').Call} call  @param {string} key
 *  @returns {import('./holdings.js').Call | undefined} */
function find(call, key) {
  if (call.key === key) return call;
  for (const child of call.children) {
    const found = find(child, key);
    if (found) return found;
  }
  return undefined;
}

/** @param {Held | null} held  @returns {string} how good the figures are, or why there are none */
export function noteOf(held) {
  if (!held) return 'Run a program to see who holds its memory.';
  if (held.every === 0) return `${sentence(held.note)}.`;
  const note = held.note ? ` ${sentence(held.note)}.` : '';
  if (held.stacks.length === 0)
    return `No sample yet: one is taken in ${bytes(held.every)}.${note}`;
  return (
    `${bytes(held.bytes)} in ${plural(held.blocks, 'block')}, estimated from `
    + `${plural(held.samples, 'sample')}, one in ${bytes(held.every)}.${note}`
  );
}

/** @param {string} text  @returns {string} */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
