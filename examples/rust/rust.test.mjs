// The Rust program on wasm-pymalloc and on Rust's own allocator: the same results, statistics that the
// package reads; with --measure the time and memory of both.
//
//   node examples/rust/rust.test.mjs FOLDER [--measure]     FOLDER: what build.sh wrote
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Heap } from '../../js/src/index.node.js';

const [folder, option] = process.argv.slice(2);

async function load(name) {
  const module = await WebAssembly.compile(await readFile(join(folder, `unknown-${name}.wasm`)));
  return { module, instance: await WebAssembly.instantiate(module, {}) };
}

const expected = (await load('default')).instance.exports;
const { module, instance } = await load('pym');
const { exports } = instance;
assert.equal(exports.check(), expected.check());
assert.equal(exports.run(2), expected.run(2));
const heap = Heap.from(module, instance);
const { domains } = heap.stats();
assert.ok(domains.object.totalBlocks > 50_000, 'the blocks of Rust are in the object domain');
assert.ok(domains.raw.totalBlocks > 100, 'those aligned to more than 16 are raw');
assert.ok(domains.object.liveBytes < 1000, `${domains.object.liveBytes} bytes are left`);
console.log(`${domains.object.totalBlocks + domains.raw.totalBlocks} blocks, the same results`);

if (option === '--measure') {
  const ROUNDS = 7;
  const times = { pym: [], default: [] };
  const pages = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 ? ['pym', 'default'] : ['default', 'pym']) {
      const {
        instance: {
          exports: { run, memory },
        },
      } = await load(name);
      run(4); // by then the engine has compiled what is hot
      const before = process.cpuUsage();
      run(30);
      const { user, system } = process.cpuUsage(before);
      times[name].push((user + system) / 1000);
      pages[name] = memory.buffer.byteLength / 65536;
    }
  }
  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const ratios = times.pym.map((t, i) => t / times.default[i]);
  console.log(
    `Node ${process.version}: ${median(times.pym).toFixed(0)} ms of CPU, Rust's own allocator `
      + `${median(times.default).toFixed(0)} ms, ratio ${median(ratios).toFixed(2)} `
      + `(${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); `
      + `${pages.pym} pages, Rust's own ${pages.default}`,
  );
}
