/** What watching costs the program that is watched, in a real browser.
 *
 *    node js/page/bench/watching.mjs [chromium|firefox] [PAIRS]
 *
 *  The same programs, once unwatched (no frame but the first and the last) and once with 60 frames a
 *  second and maps, in turns, in one worker of the built page (js/page/dist); a page that draws each
 *  frame into nothing.  Medians of the times that the worker measures. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launch, open } from '../../../tests/browser/lib/browser.mjs';
import { serve } from '../../../tests/browser/lib/server.mjs';

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const name = /** @type {'chromium' | 'firefox'} */ (process.argv[2] ?? 'chromium');
const pairs = Number(process.argv[3] ?? 9);
/** Programs that end by themselves, and do the same each time. */
const PROGRAMS = ['trees', 'json', 'tables', 'fragments'];

/** Runs in the browser. */
async function measure(/** @type {string} */ source, /** @type {number} */ pairs) {
  const worker = new Worker('worker.js', { type: 'module' });
  /** @type {(message: any) => void} */
  let hear = () => {};
  let frames = 0;
  worker.onmessage = ({ data }) => {
    if (data.type === 'frame') {
      frames++;
      requestAnimationFrame(() => worker.postMessage({ type: 'ack', seq: data.seq }));
    }
    if (data.type === 'ended' || data.type === 'ready' || data.type === 'refused') hear(data);
  };
  const ask = (/** @type {object} */ message) => new Promise((resolve) => {
    hear = resolve;
    worker.postMessage(message);
  });
  await ask({ type: 'open', spec: { kind: 'lua', base: new URL('lua/', location.href).href } });
  const run = async (/** @type {number} */ fps) => {
    frames = 0;
    worker.postMessage({ type: 'watch', fps, map: fps > 0, heap: 1 });
    const ended = /** @type {any} */ (await ask({ type: 'run', keep: false, limits: {},
      program: { name: 'program.lua', source } }));
    if (ended.result !== 'done') throw new Error(ended.message);
    return { ms: ended.time, fps: frames / ended.time * 1000 };
  };
  await run(60);
  const unwatched = [];
  const watched = [];
  for (let i = 0; i < pairs; i++) {
    unwatched.push(await run(0));
    watched.push(await run(60));
  }
  worker.terminate();
  return { unwatched, watched };
}

const median = (/** @type {number[]} */ values) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const server = await serve(here('../dist'));
const browser = await launch(name);
try {
  const { page } = await open(browser, server.url);
  console.log(`${await browser.version()}, ${pairs} pairs, medians`);
  for (const program of PROGRAMS) {
    const source = readFileSync(here(`../programs/${program}.lua`), 'utf8');
    const { unwatched, watched } = await page.evaluate(measure, source, pairs);
    const [without, with60] = [unwatched, watched].map((runs) => median(runs.map((r) => r.ms)));
    console.log(`${program.padEnd(10)} unwatched ${without.toFixed(0).padStart(6)} ms, watched `
      + `${with60.toFixed(0).padStart(6)} ms: ${((with60 / without - 1) * 100).toFixed(1)} %, `
      + `${median(watched.map((r) => r.fps)).toFixed(0)} frames a second`);
  }
} finally {
  await browser.close();
  await server.close();
}
