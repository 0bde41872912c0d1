// One freestanding module, instantiated by several workers on one shared memory: each instance has a
// stack and thread-local variables of its own, everything else is shared.
//
// PYM_MODULE  tests/threads/workers.c, linked for shared memory
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const bytes = readFileSync(process.env.PYM_MODULE);
const STACK = 65536;
const STEPS = 30000;

const WORKER = `
  const { workerData: { module, memory, stack, tls, seed, steps }, parentPort } =
    require('node:worker_threads');
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  exports.__stack_pointer.value = stack;
  exports.__wasm_init_tls(tls);
  parentPort.postMessage(exports.work(seed, steps, 1));`;

/** The result of work() in a worker of its own. */
function work(module, memory, exports, seed) {
  const stack = exports.pym_raw_malloc(STACK) + STACK;
  const tls = exports.pym_raw_aligned_alloc(64, exports.__tls_size.value);
  const workerData = { module, memory, stack, tls, seed, steps: STEPS };
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, { eval: true, workerData });
    worker.on('message', resolve);
    worker.on('error', reject);
  });
}

for (const workers of [1, 2, 4, 8]) {
  test(`${workers} workers, and the main thread, which does not wait`, async () => {
    const seed = Number(process.env.PYM_SEED ?? 1 + Math.floor(Math.random() * 2 ** 31));
    console.log(`PYM_SEED=${seed}`);
    const module = new WebAssembly.Module(bytes);
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 4096, shared: true });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const running = [];
    for (let i = 0; i < workers; i++) running.push(work(module, memory, exports, seed + i));
    assert.equal(exports.work(seed + workers, STEPS / 10, 0), 1);
    assert.deepEqual(await Promise.all(running), Array(workers).fill(1));
    assert.equal(exports.is_sound(), 1);
  });
}
