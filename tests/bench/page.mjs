// The page in real browsers: frames per second while a program allocates all the time, and what
// watching and profiling cost the program.
//
//   node tests/bench/page.mjs [OPTIONS]          the page must be built (preset test, or npm start)
//
//   --browsers LIST  chromium,firefox unless said
//   --pairs N        30 unless said: stretches of a second, unwatched and watched, in turn; as many
//                    runs of a second without a profile and with one
//   --seconds N      5 unless said: so long are frames counted, for each program
//   --csv FILE       append the results
//
// Printed for each program: how large its heap is; frames of the browser a second, the interval
// that 95 % of them keep, and how many of them showed a new state of the heap; the program's
// allocations a millisecond while it is not watched and while it is; by how much slower that is (the
// median over neighbouring stretches, with its quartiles); the cost that the page itself shows.  And
// by how much slower a program is, watched both times, whose allocations are sampled (one in 512 KiB).
import { parseArgs } from 'node:util';

import { launch } from '../browser/lib/browser.mjs';
import { HeapPage, servePage } from '../browser/lib/page.mjs';
import { appendCsv, median } from './lib.mjs';

const { values } = parseArgs({
  options: {
    browsers: { type: 'string', default: 'chromium,firefox' },
    pairs: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '5' },
    csv: { type: 'string' },
  },
});

/** Binary trees beside `live` tables that stay, until it is stopped. */
const program = (live) => `
local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end
keep = {}
for i = 1, ${live} do keep[i] = {i} end
while true do tree(12) end`;
const PROGRAMS = { 'trees, 2 MiB live': 20_000, 'trees, 70 MiB live': 1_000_000 };
/** Something of a second that ends. */
const PROFILED = program(20_000).replace(
  'while true do tree(12) end',
  'for i = 1, 600 do tree(12) end',
);
const VIEWPORT = { width: 1400, height: 900 };
const STRETCH_MS = 1000;

/** Keeps what the worker says of its cost, and counts the frames that were drawn. */
function listen() {
  const worker = window.workers.at(-1);
  window.acks = 0;
  worker.postMessage = (...args) => {
    if (args[0].type === 'ack') window.acks++;
    Worker.prototype.postMessage.apply(worker, args);
  };
  worker.addEventListener('message', ({ data }) => {
    if (data.type === 'frame') window.share = data.cost.share;
    if (data.type === 'ended') window.ended = data;
  });
}

/** @param {number} ms  @returns {Promise<{times: number[], drawn: number}>} of the browser's frames */
function countFrames(ms) {
  return new Promise((resolve) => {
    const times = [];
    const before = window.acks;
    const tick = (now) => {
      times.push(now);
      if (now - times[0] < ms) requestAnimationFrame(tick);
      else resolve({ times, drawn: window.acks - before });
    };
    requestAnimationFrame(tick);
  });
}

/** Allocations a millisecond in stretches of `ms`, by turns unwatched and watched.
 *  @param {number} pairs  @param {number} ms  @returns {Promise<{off: number[], on: number[]}>} */
async function allocationRates(pairs, ms) {
  const worker = window.workers.at(-1);
  const wait = (time) =>
    new Promise((resolve) => {
      setTimeout(resolve, time);
    });
  const watch = (fps) => worker.postMessage({ type: 'watch', fps, map: fps > 0, heap: 1 });
  const sample = () =>
    new Promise((resolve) => {
      const id = Math.random();
      let frame;
      const listener = ({ data }) => {
        if (data.type === 'frame') frame = data;
        if (data.type !== 'reply' || data.id !== id) return;
        worker.removeEventListener('message', listener);
        const { object, mem, raw } = frame.stats.domains;
        resolve({
          time: frame.time,
          blocks: object.totalBlocks + mem.totalBlocks + raw.totalBlocks,
        });
      };
      worker.addEventListener('message', listener);
      worker.postMessage({ type: 'request', id, name: 'frame', params: {} });
    });
  const rates = { off: [], on: [] };
  for (let i = 0; i < 2 * pairs; i++) {
    const on = i % 4 === 1 || i % 4 === 2; // off on, on off, ..
    watch(on ? 60 : 0);
    await wait(ms / 10);
    const from = await sample();
    await wait(ms);
    const to = await sample();
    rates[on ? 'on' : 'off'].push((to.blocks - from.blocks) / (to.time - from.time));
  }
  watch(60);
  return rates;
}

/** @param {HeapPage} page  @param {number} live */
async function measure(page, live) {
  await page.start(program(live));
  await page.page.waitForFunction(
    (least) => Number(document.querySelector('#total-live').dataset.value) > least,
    { polling: 100 },
    live * 50,
  );
  const { times, drawn } = await page.page.evaluate(countFrames, 1000 * Number(values.seconds));
  const { live: bytes } = await page.figures();
  const share = await page.page.evaluate(() => window.share);
  const rates = await page.page.evaluate(allocationRates, Number(values.pairs), STRETCH_MS);
  await page.click('#stop');
  await page.end();
  const seconds = (times.at(-1) - times[0]) / 1000;
  const intervals = times
    .slice(1)
    .map((time, i) => time - times[i])
    .sort((a, b) => a - b);
  const costs = rates.off.map((off, i) => off / rates.on[i] - 1).sort((a, b) => a - b);
  return {
    bytes,
    fps: (times.length - 1) / seconds,
    drawn: drawn / seconds,
    slow: intervals[Math.floor(intervals.length * 0.95)],
    share,
    off: median(rates.off),
    on: median(rates.on),
    cost: median(costs),
    quartiles: quartilesOf(costs),
  };
}

/** By how much longer a program takes with a profile, by pairs.
 *  @param {HeapPage} page  @param {number} pairs  @returns {Promise<number[]>} least first */
async function profileCosts(page, pairs) {
  const times = { off: [], on: [] };
  for (let i = 0; i < 2 * pairs; i++) {
    const on = i % 4 === 1 || i % 4 === 2; // off on, on off, ..
    await page.fill('#alloc-every', on ? '524288' : '0');
    const { kind, text } = await page.run(PROFILED);
    if (kind !== 'good') throw new Error(text);
    times[on ? 'on' : 'off'].push(await page.page.evaluate(() => window.ended.time));
  }
  return times.off.map((off, i) => times.on[i] / off - 1).sort((a, b) => a - b);
}

/** @param {number[]} sorted  @returns {number[]} */
const quartilesOf = (sorted) =>
  [0.25, 0.75].map((q) => sorted[Math.floor(q * (sorted.length - 1))]);
const percent = (x) => `${(100 * x).toFixed(1)} %`;

const server = await servePage();
const rows = [];
for (const name of values.browsers.split(',')) {
  const browser = await launch(name);
  try {
    const version = (await browser.version()).replace(/^\D+/, '');
    console.log(`${name} ${version}`);
    const page = await HeapPage.open(browser, server.url, { viewport: VIEWPORT });
    await page.page.evaluate(listen);
    for (const [title, live] of Object.entries(PROGRAMS)) {
      const found = await measure(page, live);
      console.log(
        `  ${title}: ${(found.bytes / 2 ** 20).toFixed(0)} MiB; ${found.fps.toFixed(1)} frames `
          + `a second, 95 % within ${found.slow.toFixed(1)} ms, ${found.drawn.toFixed(1)} of them new; `
          + `${found.off.toFixed(0)} allocations a ms unwatched, ${found.on.toFixed(0)} watched: `
          + `${percent(found.cost)} (${found.quartiles.map(percent).join(' to ')}), `
          + `the page says ${percent(found.share)}`,
      );
      for (const [metric, value] of Object.entries({
        'page live bytes': found.bytes,
        'page fps': found.fps,
        'page new frames a second': found.drawn,
        'page interval 95 ms': found.slow,
        'page unwatched allocations a ms': found.off,
        'page watched allocations a ms': found.on,
        'page cost': found.cost,
        'page share shown': found.share,
      })) {
        rows.push({ metric, engine: `${name} ${version}`, trace: title.replace(',', ''), value });
      }
    }
    const costs = await profileCosts(page, Number(values.pairs));
    console.log(
      `  with a profile: ${percent(median(costs))} (${quartilesOf(costs).map(percent).join(' to ')})`,
    );
    rows.push({
      metric: 'page profile cost',
      engine: `${name} ${version}`,
      trace: 'trees',
      value: median(costs),
    });
    if (page.problems.length > 0) throw new Error(page.problems.join('\n'));
  } finally {
    await browser.close();
  }
}
await server.close();
appendCsv(values.csv, rows);
