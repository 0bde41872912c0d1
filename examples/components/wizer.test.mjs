// A program that Wizer starts before it is shipped: blocks, heaps and limits are in the image.
//
//   node --test examples/components/wizer.test.mjs     after npm ci in this folder; build/components
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Heap } from '../../js/src/index.node.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = join(process.env.PYM_BUILD ?? join(here, '../../build'), 'components/image.wasm');
const folder = mkdtempSync(join(tmpdir(), 'wizer-'));
after(() => rmSync(folder, { recursive: true }));
const image = join(folder, 'image.wasm');
execFileSync(join(here, 'node_modules/.bin/wizer-linux-x64'), [
  '--allow-wasi',
  '--wasm-bulk-memory',
  'true',
  program,
  '-o',
  image,
]);

/** An instance that never ran an initialisation of its own. */
async function instantiate() {
  const module = await WebAssembly.compile(readFileSync(image));
  let calls = 0;
  const wasi = new Proxy({}, { get: () => () => (calls++, 0) });
  const { exports } = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi });
  return { heap: Heap.from(module, { exports }), exports, calls: () => calls };
}

test('what lives in the image is there without a call, and is freed like any other', async () => {
  const { heap, exports, calls } = await instantiate();
  assert.ok(heap.stats().domains.object.liveBlocks >= 10_000);
  assert.equal(exports.look_up(99), 9801);
  assert.equal(calls(), 0, 'the keys are in the image');
  assert.deepEqual(heap.check(), { sound: true, message: '' });
  exports.clear();
  assert.equal(heap.stats().domains.object.liveBlocks, 0);
  assert.deepEqual(heap.check(), { sound: true, message: '' });
});

test('the limits of the image hold, of the default heap and of another', async () => {
  const { heap, exports } = await instantiate();
  assert.equal(heap.limits.heap.hard, 4 << 20);
  const live = heap.stats().domains.object.liveBytes;
  const room = Math.floor(((4 << 20) - live) / 1024);
  assert.ok(Math.abs(exports.fill(0) - room) <= room / 50, 'of the default heap');
  assert.ok(Math.abs(exports.fill(1) - 1024) <= 1024 / 50, 'of the other');
  assert.deepEqual(heap.check(), { sound: true, message: '' });
});

test('memory that an instance takes comes after the image', async () => {
  const { heap, exports } = await instantiate();
  const before = exports.memory.buffer.byteLength;
  heap.setLimits({ heap: { hard: null } });
  heap.setLimits({ heap: { hard: 16 << 20 } });
  assert.ok(exports.fill(0) > 10_000);
  assert.ok(exports.memory.buffer.byteLength > before);
  assert.equal(exports.look_up(9_999), 9_999 ** 2 % 2 ** 32);
  assert.deepEqual(heap.check(), { sound: true, message: '' });
});
