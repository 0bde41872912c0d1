/** The table of size classes. */

import { make, setFigure, setText } from './dom.js';
import { bytes, count, percent } from './format.js';

/** @typedef {import('../../../src/index.js').ClassStats} ClassStats */
/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */

/** @typedef {object} Column
 *  @property {string} key
 *  @property {string} title
 *  @property {string} hint
 *  @property {(c: ClassStats, poolBytes: number) => number} value
 *  @property {(n: number) => string} text */

/** @type {readonly Column[]} */
const COLUMNS = [
  { key: 'size', title: 'Block', hint: 'bytes of a block', value: (c) => c.blockSize, text: count },
  { key: 'live', title: 'Live', hint: 'live blocks', value: (c) => c.liveBlocks, text: count },
  {
    key: 'bytes',
    title: 'Bytes',
    hint: 'bytes of live blocks',
    value: (c) => c.liveBlocks * c.blockSize,
    text: bytes,
  },
  {
    key: 'pools',
    title: 'Pools',
    hint: 'pools of 4 KiB held now',
    value: (c) => c.pools,
    text: count,
  },
  {
    key: 'ever',
    title: 'Ever',
    hint: 'blocks ever allocated',
    value: (c) => c.totalBlocks,
    text: count,
  },
];

/** @typedef {{key: string, descending: boolean}} Order */

/** @param {readonly ClassStats[]} classes  @param {Order} order  @param {number} poolBytes
 *  @returns {ClassStats[]} those that ever served a block, in this order */
export function sorted(classes, { key, descending }, poolBytes) {
  const column = COLUMNS.find((c) => c.key === key);
  const by = column?.value ?? ((c) => c.blockSize);
  const sign = descending ? -1 : 1;
  return classes
    .filter((c) => c.totalBlocks > 0 || c.pools > 0)
    .sort((a, b) => sign * (by(a, poolBytes) - by(b, poolBytes)) || a.blockSize - b.blockSize);
}

export class ClassTable {
  #body;
  #note;
  /** @type {Order} */
  #order = { key: 'size', descending: false };
  /** @type {HTMLTableCellElement[]} */
  #heads = [];
  /** @type {HeapStats | null} */
  #stats = null;

  /** @param {HTMLTableElement} table  @param {HTMLElement} note */
  constructor(table, note) {
    this.#body = /** @type {HTMLTableSectionElement} */ (table.tBodies[0]);
    this.#note = note;
    const row = make('tr');
    for (const column of COLUMNS) {
      const button = make('button', { type: 'button', title: column.hint }, column.title);
      const head = make('th', { scope: 'col', class: 'num' }, button);
      button.addEventListener('click', () => this.#sortBy(column.key));
      this.#heads.push(head);
      row.append(head);
    }
    row.append(make('th', { scope: 'col' }, 'Memory'));
    table.tHead?.append(row);
    this.#showOrder();
  }

  /** @param {HeapStats | null} stats */
  show(stats) {
    this.#stats = stats;
    this.#fill();
  }

  /** @param {string} key */
  #sortBy(key) {
    const same = this.#order.key === key;
    this.#order = { key, descending: same ? !this.#order.descending : key !== 'size' };
    this.#showOrder();
    this.#fill();
  }

  #showOrder() {
    COLUMNS.forEach(({ key }, i) => {
      const { descending } = this.#order;
      this.#heads[i]?.setAttribute(
        'aria-sort',
        key !== this.#order.key ? 'none' : descending ? 'descending' : 'ascending',
      );
    });
  }

  #fill() {
    const { classes, poolBytes } = this.#stats ?? { classes: [], poolBytes: 4096 };
    const rows = sorted(classes, this.#order, poolBytes);
    const most = Math.max(1, ...rows.map((c) => c.pools));
    while (this.#body.rows.length > rows.length) this.#body.deleteRow(-1);
    while (this.#body.rows.length < rows.length) this.#body.append(newRow());
    rows.forEach((c, i) =>
      fillRow(/** @type {HTMLTableRowElement} */ (this.#body.rows[i]), c, poolBytes, most),
    );
    setText(this.#note, classes.length > 0 ? `${rows.length} of ${classes.length} used` : '');
  }
}

/** @returns {HTMLTableRowElement} */
function newRow() {
  const row = make('tr');
  for (const { key } of COLUMNS) {
    row.append(
      key === 'size' ? make('th', { scope: 'row', class: 'num' }) : make('td', { class: 'num' }),
    );
  }
  row.append(make('td', { class: 'bar' }, make('div', {}, make('i'))));
  return row;
}

/** @param {HTMLTableRowElement} row  @param {ClassStats} c  @param {number} poolBytes
 *  @param {number} most  pools of the largest class */
function fillRow(row, c, poolBytes, most) {
  COLUMNS.forEach(({ value, text }, i) => {
    const n = value(c, poolBytes);
    setFigure(/** @type {HTMLElement} */ (row.cells[i]), text(n), n);
  });
  const cell = /** @type {HTMLTableCellElement} */ (row.cells[COLUMNS.length]);
  const bar = /** @type {HTMLElement} */ (cell.firstElementChild);
  const held = c.pools * poolBytes;
  const full = percent(c.liveBlocks * c.blockSize, held);
  bar.style.width = `${(100 * c.pools) / most}%`;
  /** @type {HTMLElement} */ (bar.firstElementChild).style.width =
    full === '–' ? '0' : full.replace(' ', '');
  cell.title = `${bytes(held)} in pools, ${full} of it in live blocks`;
}
