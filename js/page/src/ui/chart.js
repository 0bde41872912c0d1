/** The chart of memory over time: all of it, or one domain. */

import uPlot from 'uplot';
import { bytes, seconds } from './format.js';
import { make, setText } from './dom.js';
import { History } from './history.js';

/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */
/** @typedef {'all' | 'raw' | 'mem' | 'object'} Which */

/** Series in the order of the history.  Lines differ in colour and in dashes.
 *  @type {readonly {key: string, label: string, colour: string, dash: number[], width: number,
 *    in: readonly Which[], note?: string}[]} */
const SERIES = [
  { key: 'linear', label: 'linear memory', colour: 'linear', dash: [], width: 1.5, in: ['all'] },
  { key: 'usable', label: 'live blocks', colour: 'text', dash: [], width: 2, in: ['all'] },
  {
    key: 'requested',
    label: 'requested',
    colour: 'requested',
    dash: [2, 3],
    width: 2,
    in: ['all'],
    note: 'estimate',
  },
  { key: 'raw', label: 'raw domain', colour: 'raw', dash: [], width: 1.75, in: ['all', 'raw'] },
  { key: 'mem', label: 'mem domain', colour: 'mem', dash: [6, 3], width: 1.75, in: ['all', 'mem'] },
  {
    key: 'object',
    label: 'object domain',
    colour: 'object',
    dash: [10, 3, 2, 3],
    width: 1.75,
    in: ['all', 'object'],
  },
  { key: 'rawLimit', label: 'hard limit', colour: 'bad', dash: [3, 4], width: 1, in: ['raw'] },
  { key: 'memLimit', label: 'hard limit', colour: 'bad', dash: [3, 4], width: 1, in: ['mem'] },
  {
    key: 'objectLimit',
    label: 'hard limit',
    colour: 'bad',
    dash: [3, 4],
    width: 1,
    in: ['object'],
  },
  { key: 'heapLimit', label: 'hard limit', colour: 'bad', dash: [3, 4], width: 1, in: ['all'] },
];
/** Milliseconds between two texts for those who do not see it. */
const TELL_MS = 2000;

export class Chart {
  #parent;
  #legend;
  #history = new History(SERIES.length);
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {Which} */
  #which = 'all';
  /** @type {Node[]} of the legend: one for each line, and the time */
  #figures = [];
  #told = -Infinity;
  /** Keys of the lines that a person took off.
   *  @type {Set<string>} */
  #off = new Set();
  #colours;

  /** @param {HTMLElement} parent  @param {HTMLElement} legend
   *  @param {Readonly<Record<string, string>>} colours  of the theme */
  constructor(parent, legend, colours) {
    this.#parent = parent;
    this.#legend = legend;
    this.#colours = colours;
    parent.setAttribute('role', 'img');
    this.#make();
    new ResizeObserver(() => this.#plot?.setSize(this.#size)).observe(parent);
  }

  /** @param {Readonly<Record<string, string>>} colours */
  set colours(colours) {
    this.#colours = colours;
    this.#make();
  }

  /** @param {Which} which */
  set which(which) {
    this.#which = which;
    this.#make();
  }

  clear() {
    this.#history.clear();
    this.draw();
  }

  /** A point more, drawn with the next ones.
   *  @param {number} time  milliseconds into the run  @param {HeapStats} stats */
  add(time, stats) {
    this.#history.add(time, valuesOf(stats));
  }

  draw() {
    this.#plot?.setData(/** @type {uPlot.AlignedData} */ (this.#dataShown()));
    this.#fillLegend();
  }

  #dataShown() {
    const { data } = this.#history;
    return [
      data[0] ?? [],
      ...this.#shown.map(({ index }) => (data[index + 1] ?? []).map((n) => (n < 0 ? null : n))),
    ];
  }

  get #shown() {
    return SERIES.map((series, index) => ({ ...series, index })).filter(
      (series) => series.in.includes(this.#which) && this.#isUsed(series),
    );
  }

  /** A limit that was never set has no line, and a domain that never served one has none.
   *  @param {{key: string, index: number}} series  @returns {boolean} */
  #isUsed({ key, index }) {
    const line = this.#history.data[index + 1] ?? [];
    if (key.endsWith('Limit')) return line.some((n) => n >= 0);
    return (
      this.#which !== 'all' || !['raw', 'mem', 'object'].includes(key) || line.some((n) => n > 0)
    );
  }

  get #size() {
    const box = this.#parent.getBoundingClientRect();
    return {
      width: Math.max(200, Math.floor(box.width)),
      height: Math.max(120, Math.floor(box.height)),
    };
  }

  /** @type {string} */
  #made = '';

  #make() {
    this.#plot?.destroy();
    const c = this.#colours;
    const axis = {
      stroke: c['muted'] ?? '',
      grid: { stroke: c['line'] ?? '', width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    this.#made = this.#shown.map((s) => s.key).join();
    this.#plot = new uPlot(
      {
        ...this.#size,
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: { points: { size: 6 }, drag: { x: false, y: false } },
        scales: {
          x: { time: false },
          y: { range: (_, __, max) => [0, Math.max(65536, max * 1.08)] },
        },
        axes: [
          { ...axis, size: 26, values: (_, ticks) => ticks.map((t) => `${t} s`) },
          {
            ...axis,
            size: 66,
            splits: (_, __, min, max) => sizeTicks(min, max),
            values: (_, ticks) => ticks.map(bytes),
          },
        ],
        series: [
          {},
          ...this.#shown.map((s) => ({
            label: s.label,
            show: !this.#off.has(s.key),
            stroke: c[s.colour] ?? '',
            width: s.width,
            dash: s.dash,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [() => this.#fillLegend()] },
      },
      /** @type {uPlot.AlignedData} */ (this.#dataShown()),
      this.#parent,
    );
    const items = this.#shown.map((s, i) => {
      const button = legendItem(s, c[s.colour] ?? '');
      button.setAttribute('aria-pressed', String(!this.#off.has(s.key)));
      button.addEventListener('click', () => this.#toggle(s.key, i + 1, button));
      return make('li', {}, button);
    });
    this.#figures = [
      ...items.map((item) => /** @type {Node} */ (item.firstElementChild?.lastChild)),
      make('li'),
    ];
    this.#legend.replaceChildren(...items, /** @type {Node} */ (this.#figures.at(-1)));
    this.#fillLegend();
  }

  /** @param {string} key  @param {number} index  of the line  @param {HTMLElement} button */
  #toggle(key, index, button) {
    const shown = this.#off.delete(key);
    if (!shown) this.#off.add(key);
    button.setAttribute('aria-pressed', String(shown));
    this.#plot?.setSeries(index, { show: shown });
  }

  #fillLegend() {
    const shown = this.#shown;
    if (this.#plot && shown.map((s) => s.key).join() !== this.#made) {
      this.#make(); // a line has come or gone
      return;
    }
    const { data, length } = this.#history;
    const at = this.#plot?.cursor.idx ?? length - 1;
    const texts = shown.map((s) => {
      const n = data[s.index + 1]?.[at] ?? -1;
      return n < 0 ? '–' : bytes(n);
    });
    texts.forEach((text, i) => setText(/** @type {Node} */ (this.#figures[i]), text));
    setText(
      /** @type {Node} */ (this.#figures[texts.length]),
      length > 0 ? `at ${seconds((data[0]?.[at] ?? 0) * 1000)}` : '',
    );
    const now = performance.now();
    if (now - this.#told < TELL_MS) return;
    this.#told = now;
    this.#parent.setAttribute(
      'aria-label',
      `Chart of memory over time: ${shown.map((s, i) => `${s.label} ${texts[i]}`).join(', ')}`,
    );
  }
}

/** @param {HeapStats} stats  @returns {number[]} in the order of SERIES; -1: none */
export function valuesOf({ pages, pageBytes, domains: { raw, mem, object }, lost, hardLimit }) {
  const usable = raw.liveBytes + mem.liveBytes + object.liveBytes;
  return [
    pages.memory * pageBytes,
    usable,
    Math.max(0, usable - lost.rounding),
    raw.liveBytes,
    mem.liveBytes,
    object.liveBytes,
    raw.hardLimit ?? -1,
    mem.hardLimit ?? -1,
    object.hardLimit ?? -1,
    hardLimit ?? -1,
  ];
}

/** Ticks at round numbers of the binary units.
 *  @param {number} min  @param {number} max  @returns {number[]} */
export function sizeTicks(min, max) {
  let step = 2 ** Math.ceil(Math.log2(Math.max(1, (max - min) / 5)));
  if ((max - min) / step < 2.5) step /= 2;
  const ticks = [];
  for (let at = Math.ceil(min / step) * step; at <= max; at += step) ticks.push(at);
  return ticks;
}

/** @param {{label: string, dash: number[], width: number, note?: string}} series
 *  @param {string} colour  @returns {HTMLButtonElement} takes the line off, and puts it back; its last
 *    child is for the figure */
function legendItem({ label, dash, width, note }, colour) {
  const svg = svgElement('svg', { width: '22', height: '8', 'aria-hidden': 'true' });
  svg.append(
    svgElement('line', {
      x1: '0',
      y1: '4',
      x2: '22',
      y2: '4',
      stroke: colour,
      'stroke-width': String(width + 0.5),
      'stroke-dasharray': dash.join(' '),
    }),
  );
  const text = `${label}${note ? ` (${note})` : ''} `;
  return make('button', { type: 'button', class: 'line' }, svg, text, make('b'));
}

/** @param {string} name  @param {Record<string, string>} attributes  @returns {SVGElement} */
export function svgElement(name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
