/** The command `report diff`: two files of `run --json`, for a build server. */

import { readFileSync } from 'node:fs';

import { bytesText, plural, signed } from '../text.js';
import { message, reason } from './module.js';
import { StartError } from './options.js';

/** @typedef {import('./options.js').FailOver} FailOver */

/** What is compared.
 *  @typedef {object} Figures
 *  @property {number} peak    bytes
 *  @property {number} live    bytes at the end
 *  @property {number} memory  bytes of linear memory
 *  @property {Map<number, number>} classes  live blocks by block size */

const EXIT_OVER = 1;

/** @param {{before: string, after: string, failOver: FailOver | null}} options
 *  @returns {{text: string, exitCode: number}} */
export function diffReports({ before, after, failOver }) {
  const [a, b] = [figuresOf(before), figuresOf(after)];
  const over = failOver === null ? [] : overrun(a, b, failOver);
  const rows = /** @type {const} */ ([
    ['peak', 'peak'],
    ['live at the end', 'live'],
    ['linear memory', 'memory'],
  ]);
  const lines = rows.map(
    ([name, key]) =>
      `  ${name.padEnd(16)}${bytesText(a[key]).padStart(10)} -> `
      + `${bytesText(b[key]).padStart(10)}  ${signed(bytesText(b[key] - a[key])).padStart(11)}`
      + `${percent(a[key], b[key])}${over.includes(name) ? `  over ${failOver?.text}` : ''}`,
  );
  return {
    text: `${[`${before} -> ${after}`, ...lines, ...classLines(a, b)].join('\n')}\n`,
    exitCode: over.length > 0 ? EXIT_OVER : 0,
  };
}

/** @param {Figures} a  @param {Figures} b  @param {FailOver} failOver
 *  @returns {string[]} names of the figures that are too large */
function overrun(a, b, { ratio, bytes }) {
  const limit = (/** @type {number} */ n) => (ratio === null ? n + Number(bytes) : n * (1 + ratio));
  return [
    ['peak', a.peak, b.peak],
    ['live at the end', a.live, b.live],
    ['linear memory', a.memory, b.memory],
  ]
    .filter(([, n, m]) => Number(m) > limit(Number(n)))
    .map(([name]) => String(name));
}

/** @param {number} a  @param {number} b  @returns {string} */
function percent(a, b) {
  if (a === 0) return '';
  const value = (100 * (b - a)) / a;
  return `  ${value > 0 ? '+' : ''}${value.toFixed(1)} %`;
}

/** @param {Figures} a  @param {Figures} b  @returns {string[]} */
function classLines({ classes: a }, { classes: b }) {
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((size) => ({ size, more: (b.get(size) ?? 0) - (a.get(size) ?? 0) }))
    .filter(({ more }) => more !== 0)
    .sort((x, y) => Math.abs(y.size * y.more) - Math.abs(x.size * x.more))
    .slice(0, 10)
    .map(
      ({ size, more }) =>
        `  ${bytesText(size).padStart(10)}  ${signed(plural(more, 'live block'))}`,
    );
}

/** @param {string} file  @returns {Figures}  @throws {StartError} */
function figuresOf(file) {
  const { stats } = readReport(file);
  const domains = Object.values(stats?.domains ?? {});
  const memory = stats?.pages?.memory * stats?.pageBytes;
  const sum = (/** @type {string} */ key) =>
    domains.reduce((total, d) => total + /** @type {any} */ (d)[key], 0);
  const peak = stats?.atPeak?.bytes ?? stats?.peakBytes ?? sum('peakBytes');
  const live = sum('liveBytes');
  if (domains.length === 0 || ![memory, peak, live].every(Number.isFinite)) {
    throw new StartError(`${file}: holds no statistics: it should be what run --json wrote`);
  }
  const classes = new Map(
    (stats.classes ?? []).map((/** @type {any} */ c) => [c.blockSize, c.liveBlocks]),
  );
  return { peak, live, memory, classes };
}

/** @param {string} file  @returns {any} */
function readReport(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(reason(file, error));
  }
  try {
    return JSON.parse(text) ?? {};
  } catch (error) {
    throw new StartError(`${file}: not the JSON of run --json: ${message(error)}`);
  }
}
