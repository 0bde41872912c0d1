// The page in real browsers: frames per second while a program allocates all the time, and what
// watching costs the program.
//
//   node tests/bench/page.mjs [OPTIONS]          the page must be built (preset test, or npm start)
//
//   --browsers LIST  chromium,firefox unless said
//   --rounds N       5 unless said: each program with and without watching, one after the other
//   --seconds N      5 unless said: so long are frames counted, for each program
//   --csv FILE       append the results
//
// Printed for each program: how large its heap is; frames of the browser a second, the interval
// that 95 % of them keep, and how many of them showed a new state of the heap; the median time of a
// fixed amount of work while it is watched and while it is not; the cost that the page itself shows.
import { parseArgs } from 'node:util';

import { launch } from '../browser/lib/browser.mjs';
import { HeapPage, servePage } from '../browser/lib/page.mjs';
import { appendCsv, median } from './lib.mjs';

const { values } = parseArgs({
  options: {
    browsers: { type: 'string', default: 'chromium,firefox' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    csv: { type: 'string' },
  },
});

/** Binary trees beside `live` tables that stay; ROUNDS of them.  So many rounds take a second or
 *  two. */
const program = (live, rounds) => `
local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end
keep = {}
for i = 1, ${live} do keep[i] = {i} end
for round = 1, ${rounds} do tree(12) end`;
const PROGRAMS = {
  'trees, 2 MiB live': { live: 20_000, rounds: 3000 },
  'trees, 70 MiB live': { live: 1_000_000, rounds: 1500 },
};
const VIEWPORT = { width: 1400, height: 900 };

/** Keeps what the worker says of a program's end, and counts the frames that were drawn. */
function listen() {
  const worker = window.workers.at(-1);
  window.acks = 0;
  worker.postMessage = (...args) => {
    if (args[0].type === 'ack') window.acks++;
    Worker.prototype.postMessage.apply(worker, args);
  };
  worker.addEventListener('message', ({ data }) => {
    if (data.type === 'ended') window.endedAfter = data.time;
    if (data.type === 'frame') window.share = data.cost.share;
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

/** @param {HeapPage} page  @param {boolean} on */
const watch = (page, on) => page.page.evaluate((fps) =>
  window.workers.at(-1).postMessage({ type: 'watch', fps, map: fps > 0, heap: 1 }), on ? 60 : 0);

/** @param {HeapPage} page  @param {{live: number, rounds: number}} work
 *  @returns {Promise<{ms: number, share: number}>} how long it took; what the page says it cost */
async function timed(page, { live, rounds }) {
  const { kind, text } = await page.run(program(live, rounds));
  if (kind !== 'good') throw new Error(text);
  return page.page.evaluate(() => ({ ms: window.endedAfter, share: window.share }));
}

/** @param {HeapPage} page  @param {{live: number}} work */
async function frames(page, { live }) {
  await watch(page, true);
  await page.start(program(live, 'math.huge'));
  await page.page.waitForFunction((least) =>
    Number(document.querySelector('#total-live').dataset.value) > least, {}, live * 50);
  const { times, drawn } = await page.page.evaluate(countFrames, 1000 * Number(values.seconds));
  const { live: bytes } = await page.figures();
  await page.click('#stop');
  await page.end();
  const seconds = (times.at(-1) - times[0]) / 1000;
  const intervals = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return { bytes, fps: (times.length - 1) / seconds, drawn: drawn / seconds,
    slow: intervals[Math.floor(intervals.length * 0.95)] };
}

/** @param {HeapPage} page  @param {{live: number, rounds: number}} work */
async function cost(page, work) {
  const times = { on: [], off: [] };
  let shown = 0;
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const on of round % 2 ? [false, true] : [true, false]) {
      await watch(page, on);
      const { ms, share } = await timed(page, work);
      if (on) shown = share;
      if (round > 0) times[on ? 'on' : 'off'].push(ms);       // the first round warms up
    }
  }
  return { on: median(times.on), off: median(times.off), shown };
}

const server = await servePage();
const rows = [];
for (const name of values.browsers.split(',')) {
  const browser = await launch(name);
  try {
    const version = (await browser.version()).replace(/^\D+/, '');
    console.log(`${name} ${version}`);
    const page = await HeapPage.open(browser, server.url, { viewport: VIEWPORT });
    await page.page.evaluate(listen);
    for (const [title, work] of Object.entries(PROGRAMS)) {
      const { bytes, fps, drawn, slow } = await frames(page, work);
      const { on, off, shown } = await cost(page, work);
      const percent = (x) => `${(100 * x).toFixed(1)} %`;
      console.log(`  ${title}: ${(bytes / 2 ** 20).toFixed(0)} MiB; ${fps.toFixed(1)} frames a second, `
        + `95 % within ${slow.toFixed(1)} ms, ${drawn.toFixed(1)} of them new; `
        + `${off.toFixed(0)} ms unwatched, ${on.toFixed(0)} ms watched: ${percent(on / off - 1)}, `
        + `the page says ${percent(shown)}`);
      for (const [metric, value] of Object.entries({ 'page live bytes': bytes, 'page fps': fps,
        'page new frames a second': drawn, 'page interval 95 ms': slow, 'page unwatched ms': off,
        'page watched ms': on, 'page share shown': shown })) {
        rows.push({ metric, engine: `${name} ${version}`, trace: title.replace(',', ''), value });
      }
    }
    if (page.problems.length > 0) throw new Error(page.problems.join('\n'));
  } finally {
    await browser.close();
  }
}
await server.close();
appendCsv(values.csv, rows);
