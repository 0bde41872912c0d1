/** Snapshots, and what became of the memory between two of them. */

import { byId, make } from './dom.js';
import { bytes, count, seconds, signedBytes, signedCount } from './format.js';
import { liveBlocks, liveBytes } from './describe.js';
import { differenceOf, unitsOf } from './units.js';
import { SNAPSHOT_VERSION, snapshotFromJSON, snapshotToJSON } from '../../../src/snapshot.js';

/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */

/** What is known of one time.
 *  @typedef {object} Moment
 *  @property {string} name
 *  @property {HeapStats} stats
 *  @property {import('../../../src/snapshot.js').SnapshotMap} map
 *  @property {Uint8Array} codes  of its units */

/** What stands on the map instead of memory: codes of its units.
 *  @typedef {{codes: Uint8Array, text: string, difference: boolean}} Overlay */

/** @typedef {{group: string, what: string, from: number, to: number, inBytes: boolean}} Row */

/** @param {HeapStats} a  @param {HeapStats} b  @returns {Row[]} what is worth a line */
export function differenceRows(a, b) {
  /** @type {Row[]} */
  const rows = [];
  const add = (
    /** @type {string} */ group,
    /** @type {string} */ what,
    /** @type {(s: HeapStats) => number} */ of,
    inBytes = true,
  ) => rows.push({ group, what, from: of(a), to: of(b), inBytes });
  add('memory', 'linear memory', (s) => s.pages.memory * s.pageBytes);
  add('memory', 'live blocks', liveBlocks, false);
  add('memory', 'bytes in live blocks', liveBytes);
  add('memory', 'free space in pools', (s) => s.lost.freePoolSpace);
  add('memory', 'free raw memory', (s) => s.lost.freeChunks);
  add('memory', 'pools', (s) => s.pools, false);
  for (const name of /** @type {const} */ (['raw', 'mem', 'object'])) {
    if (a.domains[name].totalBlocks + b.domains[name].totalBlocks === 0) continue;
    add('live, by domain', name, (s) => s.domains[name].liveBytes);
    add('allocated since the start', name, (s) => s.domains[name].totalBlocks, false);
  }
  const changed = b.classes
    .map((c, i) => ({
      i,
      c,
      by: Math.abs(c.liveBlocks - (a.classes[i]?.liveBlocks ?? 0)) * c.blockSize,
    }))
    .filter(({ by }) => by > 0)
    .sort((x, y) => y.by - x.by)
    .slice(0, 12);
  for (const { i, c } of changed) {
    add(
      'live blocks, by size',
      `${count(c.blockSize)} bytes`,
      (s) => s.classes[i]?.liveBlocks ?? 0,
      false,
    );
  }
  return rows.sort((x, y) => GROUPS.indexOf(x.group) - GROUPS.indexOf(y.group));
}
const GROUPS = ['memory', 'live, by domain', 'allocated since the start', 'live blocks, by size'];
const NOW = 'now';

export class Snapshots {
  /** @type {Moment[]} */
  #kept = [];
  #now;
  #setOverlay;
  #shown = new Uint8Array(0);

  /** @param {() => Moment | null} now  what is shown now
   *  @param {(overlay: Overlay | null) => void} setOverlay
   *  @param {() => Promise<Moment>} take  @param {(error: unknown) => void} onError */
  constructor(now, setOverlay, take, onError) {
    this.#now = now;
    this.#setOverlay = setOverlay;
    byId('snap').addEventListener('click', async () => {
      try {
        this.#add(await take());
      } catch (error) {
        onError(error);
      }
    });
    byId('snap-save').addEventListener('click', () => this.#save());
    const file = byId('snap-file', HTMLInputElement);
    byId('snap-open').addEventListener('click', () => file.click());
    file.addEventListener('change', async () => {
      try {
        for (const one of file.files ?? []) this.#add(momentOf(one.name, await one.text()));
      } catch (error) {
        onError(error);
      }
      file.value = '';
    });
    for (const id of ['snap-from', 'snap-to', 'snap-overlay'])
      byId(id).addEventListener('change', () => this.refresh());
  }

  /** @returns {number} of those that are kept */
  get next() {
    return this.#kept.length + 1;
  }

  clear() {
    this.#kept = [];
    this.#fill();
    this.refresh();
  }

  /** @param {Moment} moment */
  #add(moment) {
    this.#kept.push(moment);
    this.#fill();
    const [from, to] = this.#pickers;
    if (this.#kept.length === 1) [from.value, to.value] = ['0', NOW];
    else [from.value, to.value] = [String(this.#kept.length - 2), String(this.#kept.length - 1)];
    this.refresh();
  }

  get #pickers() {
    return /** @type {const} */ ([
      byId('snap-from', HTMLSelectElement),
      byId('snap-to', HTMLSelectElement),
    ]);
  }

  #fill() {
    const names = this.#kept.map(({ name }, i) => /** @type {const} */ ([String(i), name]));
    const [from, to] = this.#pickers;
    const options = (/** @type {readonly (readonly [string, string])[]} */ list) =>
      list.map(([value, text]) => make('option', { value }, text));
    from.replaceChildren(...options(names));
    to.replaceChildren(...options([...names, [NOW, 'now, as it runs']]));
    byId('snap-pick').hidden = names.length === 0;
    byId('difference').hidden = names.length === 0;
    byId('snap-hint').hidden = names.length > 0;
  }

  /** Memory changed, or what is compared: to be called a few times a second. */
  refresh() {
    const [from, to] = this.#pickers;
    const a = this.#kept[Number(from.value)];
    const b = to.value === NOW ? this.#now() : this.#kept[Number(to.value)];
    if (!a || !b || this.#kept.length === 0) {
      this.#setOverlay(null);
      return;
    }
    fillTable(byId('difference', HTMLTableElement), differenceRows(a.stats, b.stats));
    this.#setOverlay(this.#overlayOf(byId('snap-overlay', HTMLSelectElement).value, a, b));
  }

  /** @param {string} which  @param {Moment} a  @param {Moment} b  @returns {Overlay | null} */
  #overlayOf(which, a, b) {
    if (which === 'from' || which === 'to') {
      const { codes, name } = which === 'from' ? a : b;
      return { codes, text: `the snapshot ${name}`, difference: false };
    }
    if (which !== 'difference') return null;
    this.#shown = differenceOf(a.codes, b.codes, this.#shown);
    return { codes: this.#shown, text: 'the difference of two snapshots', difference: true };
  }

  #save() {
    const moment = this.#kept[Number(this.#pickers[0].value)];
    if (!moment) return;
    const url = URL.createObjectURL(new Blob([textOf(moment)], { type: 'application/json' }));
    const name = `${moment.name.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '')}.json`;
    make('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser reads it after this turn
  }
}

/** @param {Moment} moment  @returns {string} a snapshot of the library, with the moment's name */
export function textOf({ name, stats, map }) {
  const snapshot = { version: SNAPSHOT_VERSION, time: Date.now(), stats, map };
  return JSON.stringify({
    name,
    ...snapshotToJSON(/** @type {import('../../../src/snapshot.js').Snapshot} */ (snapshot)),
  });
}

/** @param {string} file  its name  @param {string} text  @returns {Moment}
 *  @throws {import('../../../src/errors.js').PymallocTypeError | SyntaxError} it holds no snapshot */
export function momentOf(file, text) {
  const value = JSON.parse(text);
  const { stats, map } = snapshotFromJSON(value);
  const name = typeof value.name === 'string' ? value.name.slice(0, 80) : file;
  const codes = unitsOf(/** @type {import('../../../src/index.js').HeapMap} */ (map));
  return { name, stats, map, codes };
}

/** @param {HTMLTableElement} table  @param {readonly Row[]} rows */
function fillTable(table, rows) {
  const body = /** @type {HTMLTableSectionElement} */ (table.tBodies[0]);
  /** @type {HTMLTableRowElement[]} */
  const lines = [];
  let group = '';
  for (const { group: of, what, from, to, inBytes } of rows) {
    if (of !== group) {
      group = of;
      lines.push(
        make('tr', { class: 'group' }, make('th', { scope: 'colgroup', colspan: '4' }, group)),
      );
    }
    const text = inBytes ? bytes : count;
    const change = to - from;
    const sign = change > 0 ? 'num more' : change < 0 ? 'num less' : 'num';
    lines.push(
      make(
        'tr',
        {},
        make('th', { scope: 'row' }, what),
        make('td', { class: 'num' }, text(from)),
        make('td', { class: 'num' }, text(to)),
        make(
          'td',
          { class: sign },
          change === 0
            ? '–'
            : `${change > 0 ? '▲ ' : '▼ '}${(inBytes ? signedBytes : signedCount)(change)}`,
        ),
      ),
    );
  }
  const same =
    lines.length === body.rows.length
    && lines.every((line, i) => line.textContent === body.rows[i]?.textContent);
  if (!same) body.replaceChildren(...lines);
}

/** @param {number} number  @param {number} run  @param {number} time  milliseconds into the run
 *  @returns {string} */
export function snapshotName(number, run, time) {
  return `#${number}: run ${run}, ${seconds(time)}`;
}
