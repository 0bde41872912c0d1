/** What reading costs: microseconds of heap.stats(), map(), poll() and of the guest's pym_check on a
 *  real heap: the least, the median, 99 %.  map: with the headers of all pools; into: the same, in
 *  the memory of the result before; pages: without pools.
 *
 *    node js/bench/stats-cost.mjs [lua.wasm] [megabytes ...]
 *
 *  Lua makes a heap of so many megabytes of small tables; then it is read, warm.  CSV on standard
 *  output. */

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';

import { Heap } from '../src/index.js';

const ROUNDS = 2000;

const [file = fileURLToPath(new URL('../../build/lua/lua.wasm', import.meta.url)), ...sizes] =
  process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));

/** @param {number} megabytes  @returns {Heap} */
function heapOf(megabytes) {
  const program = `keep = {} for i = 1, ${megabytes} * 13000 do keep[i] = {i} end os.exit(0)`;
  const wasi = new WASI({ version: 'preview1', args: ['lua', '-e', program] });
  const plain = Object.fromEntries(
    Object.entries(wasi.wasiImport).map(([name, fn]) => [
      name,
      (...args) => Reflect.apply(fn, undefined, args),
    ]),
  );
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: plain });
  wasi.start(instance);
  return Heap.from(module, instance);
}

/** @param {() => unknown} fn  @param {number} rounds
 *  @returns {[number, number, number]} µs: the least, median, 99 % */
function time(fn, rounds) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    fn();
    times.push((performance.now() - start) * 1000);
  }
  times.sort((a, b) => a - b);
  return [times[0], times[rounds >> 1], times[Math.floor(rounds * 0.99)]];
}

console.log(`# Node ${process.version}, ${cpus()[0].model}`);
console.log('heap_mb,memory_mb,pools,call,least_us,median_us,p99_us');
for (const megabytes of sizes.length > 0 ? sizes.map(Number) : [1, 64, 512, 930]) {
  const heap = heapOf(megabytes);
  const { pages, pools, domains } = heap.stats();
  const maps = Math.floor(Math.max(50, Math.min(ROUNDS, 20000 / megabytes)));
  let last = heap.map();
  for (const [name, fn, rounds] of [
    ['stats', () => heap.stats(), ROUNDS],
    ['poll', () => heap.poll(), ROUNDS],
    ['check', () => heap.check(), 20],
    ['map', () => heap.map(), maps],
    [
      'map into',
      () => {
        last = heap.map({ into: last });
      },
      maps,
    ],
    [
      'map pages',
      () => {
        last = heap.map({ into: last, pools: false });
      },
      maps,
    ],
    ['snapshot', () => heap.snapshot(), maps],
  ]) {
    time(fn, rounds); // warm
    const times = time(fn, rounds);
    console.log(
      [
        (domains.object.liveBytes / 2 ** 20).toFixed(1),
        pages.memory / 16,
        pools,
        name,
        ...times.map((us) => us.toFixed(2)),
      ].join(),
    );
  }
}
