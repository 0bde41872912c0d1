/** `run --watch`: the heap while the program runs, on standard error. */

import { bytesText, count, plural } from '../text.js';
import { writeAll } from './outputs.js';

/** @typedef {import('./guest.js').Sample} Sample */
/** @typedef {import('./thread.js').Thread} Thread */

const STANDARD_ERROR = 2;
const BARS = '▁▂▃▄▅▆▇█';
const EVENTS_SHOWN = 4;
const CLASSES_SHOWN = 6;
const HISTORY = 60;

/** Looks at a thread until it is stopped. */
export class Live {
  #thread;
  #title;
  /** @type {number[]} */
  #history = [];
  /** @type {string[]} */
  #events = [];
  #drawn = 0;
  #stopped = false;
  /** @type {Promise<void>} */
  #done;
  #wake = () => {};

  /** @param {Thread} thread  @param {string} title  @param {number} ms  between two looks */
  constructor(thread, title, ms) {
    this.#thread = thread;
    this.#title = title;
    this.#done = this.#loop(ms);
  }

  /** @returns {Promise<void>} the last line was written */
  stop() {
    this.#stopped = true;
    this.#wake();
    return this.#done;
  }

  /** @param {number} ms */
  async #loop(ms) {
    for (;;) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
      if (this.#stopped) return;
      /** @type {Sample | null} */
      const sample = await Promise.race([
        this.#thread.ask('sample'),
        this.#thread.outcome.then(() => null),
      ]);
      if (sample && !this.#stopped) this.#show(sample);
    }
  }

  /** @param {Sample} sample */
  #show(sample) {
    if (!process.stderr.isTTY) {
      writeAll(STANDARD_ERROR, `${JSON.stringify(sample)}\n`);
      return;
    }
    this.#history = [...this.#history, liveBytes(sample)].slice(-HISTORY);
    this.#events = [...this.#events, ...sample.events.map(eventText)].slice(-EVENTS_SHOWN);
    const lines = screen(sample, this.#title, this.#history, this.#events).map((line) =>
      line.slice(0, (process.stderr.columns ?? 80) - 1),
    );
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : '';
    this.#drawn = lines.length;
    writeAll(STANDARD_ERROR, `${up}${lines.join('\n')}\n`);
  }
}

/** @param {Sample} sample  @returns {number} of all domains */
function liveBytes({ stats }) {
  return Object.values(stats.domains).reduce((sum, domain) => sum + domain.liveBytes, 0);
}

/** @param {import('./guest.js').HeapEvent} event  @returns {string} */
export function eventText({ type, limit, domain, heap, bytes, pagesBefore, pagesAfter }) {
  const who = domain === 'all' ? `all heaps, heap ${heap} asking` : `${domain} of heap ${heap}`;
  if (type === 'grow') return `grew from ${pagesBefore} to ${pagesAfter} pages for ${who}`;
  if (type === 'oom') return `out of memory: ${who} asked for ${bytesText(bytes)}`;
  return `${limit} limit: ${who}, ${bytesText(bytes)}`;
}

/** @param {readonly number[]} values  @returns {string} one bar for each */
export function sparkline(values) {
  const most = Math.max(...values, 1);
  return values.map((n) => BARS[Math.round((Math.max(n, 0) / most) * (BARS.length - 1))]).join('');
}

/** @param {Sample} sample  @param {string} title  @param {readonly number[]} history
 *  @param {readonly string[]} events
 *  @returns {string[]} lines */
export function screen({ milliseconds, stats, missedEvents }, title, history, events) {
  const { pages, pageBytes, domains } = stats;
  const rows = Object.entries(domains).map(
    ([name, d]) =>
      `  ${name.padEnd(8)}`
      + `${bytesText(d.liveBytes).padStart(10)}${count(d.liveBlocks).padStart(12)}`
      + `${bytesText(d.peakBytes).padStart(12)}${count(d.failures).padStart(9)}`,
  );
  const classes = stats.classes
    .map((c) => ({ size: c.blockSize, blocks: c.liveBlocks }))
    .sort((a, b) => b.size * b.blocks - a.size * a.blocks)
    .slice(0, CLASSES_SHOWN)
    .filter(({ blocks }) => blocks > 0)
    .map(({ size, blocks }) => `${size} B × ${count(blocks)}`);
  const missed = missedEvents > 0 ? `, ${plural(missedEvents, 'event')} missed` : '';
  return [
    `${title}  ${(milliseconds / 1000).toFixed(1)} s  linear memory `
      + `${bytesText(pages.memory * pageBytes)}${missed}`,
    '  domain        live      blocks        peak  refused',
    ...rows,
    `  classes   ${classes.join('   ') || 'none in use'}`,
    `  live      ${sparkline(history)}`,
    ...events.map((text) => `  event     ${text}`),
  ];
}
