/** The table of domains, with the limits that can be set while the program runs. */

import { byId, make, setFigure, setText } from './dom.js';
import { bytes, count, parseBytes } from './format.js';

/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */
/** @typedef {import('../../../src/index.js').Limits} Limits */
/** @typedef {'heap' | 'raw' | 'mem' | 'object'} Row */
/** @typedef {'soft' | 'hard'} Kind */

/** @type {readonly {row: Row, title: string, hint: string}[]} */
const ROWS = [
  { row: 'object', title: 'object', hint: 'objects: small blocks from pools' },
  { row: 'mem', title: 'mem', hint: 'buffers of the interpreter' },
  { row: 'raw', title: 'raw', hint: 'buffers beyond 512 bytes and of the system' },
  { row: 'heap', title: 'all', hint: 'the three together' },
];
const KINDS = /** @type {const} */ (['soft', 'hard']);

/** @param {number | null} limit  @returns {string} how it stands in its field */
export function limitText(limit) {
  if (limit === null) return '';
  for (const [unit, size] of /** @type {const} */ ([
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 1024],
  ])) {
    if (limit >= size && limit % (size / 4) === 0) return `${limit / size}${unit}`;
  }
  return String(limit);
}

export class Domains {
  #onSet;
  #error;
  /** @type {Map<Row, {row: HTMLTableRowElement, soft: HTMLInputElement, hard: HTMLInputElement}>} */
  #rows = new Map();

  /** @param {HTMLTableElement} table  @param {HTMLElement} error
   *  @param {(row: Row, kind: Kind, bytes: number | null) => void} onSet */
  constructor(table, error, onSet) {
    this.#onSet = onSet;
    this.#error = error;
    for (const { row, title, hint } of ROWS) {
      const swatch = make('span', { class: 'swatch', 'aria-hidden': 'true' });
      if (row !== 'heap') swatch.style.background = `var(--${row})`;
      const [soft, hard] = KINDS.map((kind) => this.#field(row, kind, title));
      const line = make(
        'tr',
        { title: hint },
        make('th', { scope: 'row' }, swatch, title),
        make(
          'td',
          { class: 'num' },
          make('span'),
          make('span', { class: 'use', hidden: '' }, make('i')),
        ),
        make('td', { class: 'num' }),
        make('td', { class: 'num' }),
        make('td', {}, /** @type {Node} */ (soft)),
        make('td', {}, /** @type {Node} */ (hard)),
      );
      table.tBodies[0]?.append(line);
      this.#rows.set(row, {
        row: line,
        soft: /** @type {HTMLInputElement} */ (soft),
        hard: /** @type {HTMLInputElement} */ (hard),
      });
    }
  }

  /** @param {Row} row  @param {Kind} kind  @param {string} title  @returns {HTMLInputElement} */
  #field(row, kind, title) {
    const input = make('input', {
      type: 'text',
      id: `limit-${row}-${kind}`,
      placeholder: 'none',
      inputmode: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-label': `${kind} limit of ${title === 'all' ? 'the heap' : `the ${title} domain`}`,
      'aria-describedby': 'limit-hint limit-error',
    });
    input.addEventListener('change', () => this.#set(row, kind, input));
    return input;
  }

  /** @param {Row} row  @param {Kind} kind  @param {HTMLInputElement} input */
  #set(row, kind, input) {
    try {
      const limit = parseBytes(input.value);
      input.value = limitText(limit);
      input.removeAttribute('aria-invalid');
      setText(this.#error, '');
      this.#onSet(row, kind, limit);
    } catch (error) {
      input.setAttribute('aria-invalid', 'true');
      setText(this.#error, /** @type {Error} */ (error).message);
    }
  }

  /** As if a person wrote it.  @param {Row} row  @param {Kind} kind  @param {number} limit */
  set(row, kind, limit) {
    const input = /** @type {HTMLInputElement} */ (this.#rows.get(row)?.[kind]);
    input.value = `${Math.ceil(limit / 1024)}K`;
    this.#set(row, kind, input);
  }

  /** Takes all limits off. */
  unset() {
    for (const [row, fields] of this.#rows) {
      for (const kind of KINDS) {
        if (fields[kind].value === '') continue;
        fields[kind].value = '';
        this.#set(row, kind, fields[kind]);
      }
    }
  }

  /** @param {string} text  why a limit could not be set, or '' */
  complain(text) {
    setText(this.#error, text);
  }

  /** @param {boolean} possible  limits of this guest can be set */
  set settable(possible) {
    for (const { soft, hard } of this.#rows.values()) soft.disabled = hard.disabled = !possible;
    for (const id of ['squeeze', 'unlimit']) byId(id).hidden = !possible;
  }

  /** The limits that the fields name, for the next run.
   *  @returns {Partial<Record<Row, Partial<Record<Kind, number | null>>>>} */
  get wanted() {
    /** @type {Partial<Record<Row, Partial<Record<Kind, number | null>>>>} */
    const out = {};
    for (const [row, fields] of this.#rows) {
      for (const kind of KINDS) {
        if (fields[kind].value === '' || fields[kind].hasAttribute('aria-invalid')) continue;
        out[row] = { ...out[row], [kind]: parseBytes(fields[kind].value) };
      }
    }
    return out;
  }

  /** Shows the limits in force, but not over what a person is writing.  @param {Limits} limits */
  showLimits(limits) {
    for (const [row, fields] of this.#rows) {
      for (const kind of KINDS) {
        const input = fields[kind];
        if (document.activeElement === input || input.hasAttribute('aria-invalid')) continue;
        input.value = limitText(limits[row][kind]);
      }
    }
  }

  /** @param {HeapStats | null} stats */
  show(stats) {
    const domains = stats?.domains;
    const all = domains ? [domains.raw, domains.mem, domains.object] : [];
    const sum = (/** @type {'liveBytes' | 'liveBlocks' | 'failures'} */ key) =>
      all.reduce((n, d) => n + d[key], 0);
    for (const [name, { row }] of this.#rows) {
      const d =
        name === 'heap' && stats
          ? {
              liveBytes: sum('liveBytes'),
              liveBlocks: sum('liveBlocks'),
              failures: sum('failures'),
              hardLimit: stats.hardLimit,
            }
          : name === 'heap'
            ? undefined
            : domains?.[name];
      const [, live, blocks, refused] = /** @type {HTMLTableCellElement[]} */ ([...row.cells]);
      if (!live || !blocks || !refused) continue;
      setText(/** @type {Node} */ (live.firstChild), d ? bytes(d.liveBytes) : '–');
      live.dataset['value'] = String(d?.liveBytes ?? 0);
      setFigure(blocks, d ? count(d.liveBlocks) : '–', d?.liveBlocks ?? 0);
      setFigure(refused, d ? count(d.failures) : '–', d?.failures ?? 0);
      const use = /** @type {HTMLElement} */ (live.lastElementChild);
      use.hidden = !d || d.hardLimit === null;
      if (!d || d.hardLimit === null) continue;
      const share = Math.min(1, d.liveBytes / Math.max(1, d.hardLimit));
      /** @type {HTMLElement} */ (use.firstElementChild).style.width = `${100 * share}%`;
      use.dataset['near'] = String(share > 0.9);
      live.title = `${Math.round(100 * share)} % of the hard limit`;
    }
  }
}
