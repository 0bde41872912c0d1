/** createAllocator in a shared memory: one heap, an instance of the module in each thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { compileModule, createAllocator, createAllocatorSync } from '../../js/src/index.node.js';
import { code } from './lib/heaps.js';
import { PLACES, exchangeBlocks, take } from './lib/sharer.js';

const wasm = await compileModule();
const threads = await compileModule(
  new URL('../../js/wasm/pymalloc-threads.wasm', import.meta.url),
);
const memoryOf = (maximum = 1024) => new WebAssembly.Memory({ initial: 1, maximum, shared: true });
const make = (options) => createAllocatorSync({ memory: memoryOf(), ...options });
const SHARER = new URL('./lib/sharer.js', import.meta.url);
const STEPS = 20000;

for (const workers of [1, 2, 4]) {
  test(`${workers} workers and the main thread share one heap`, async () => {
    const seed = Number(process.env.PYM_SEED ?? 1 + Math.floor(Math.random() * 2 ** 31));
    console.log(`PYM_SEED=${seed}`);
    const allocator = make();
    const table = allocator.raw.calloc(PLACES, 4);
    const running = Array.from({ length: workers }, (_, i) => {
      const workerData = { shared: allocator.share(), table, seed: seed + 1 + i, steps: STEPS };
      return once(new Worker(SHARER, { workerData }), 'message');
    });
    exchangeBlocks(allocator, table, seed, STEPS);
    const seen = (await Promise.all(running)).flat();
    for (let i = 0; i < PLACES; i++) take(allocator, allocator.u32[table / 4 + i]);
    allocator.raw.free(table);
    assert.deepEqual({ ...allocator.heap.check() }, { sound: true, message: '' });
    const { domains, pages } = allocator.heap.stats();
    assert.ok(domains.raw.totalBlocks >= (STEPS / 2) * (workers + 1), 'every thread is counted');
    for (const { memory, ever } of seen) {
      assert.ok(memory <= pages.memory && ever >= STEPS / 2, 'read from the workers');
    }
  });
}

test('a stack is used again when its thread has disposed of its allocator', () => {
  const allocator = make();
  const first = allocator.share();
  const theirs = createAllocatorSync({ shared: first });
  assert.equal(theirs.memory, allocator.memory);
  const second = allocator.share();
  assert.notEqual(second.stack, first.stack);
  theirs.dispose();
  assert.throws(() => theirs.malloc(1), code('DISPOSED', /disposed/));
  assert.equal(allocator.share().stack, first.stack);
});

test('stats().threads counts the threads that have a heap for malloc', () => {
  const allocator = make();
  const count = () => allocator.heap.stats().threads;
  assert.equal(count(), 0);
  allocator.free(allocator.malloc(10));
  assert.equal(count(), 1);
  const theirs = createAllocatorSync({ shared: allocator.share() });
  theirs.free(theirs.malloc(10));
  assert.equal(count(), 2);
  assert.equal(theirs.heap.stats().threads, 2);
  theirs.dispose();
  assert.equal(count(), 1);
  assert.equal(createAllocatorSync().heap.stats().threads, 0);
});

test('a thread that joined can share the heap as well', () => {
  const allocator = make();
  const second = createAllocatorSync({ shared: allocator.share() });
  const third = createAllocatorSync({ shared: second.share() });
  const p = third.malloc(100);
  third.u8[p] = 7;
  assert.equal(allocator.u8[p], 7);
  allocator.free(p);
});

test('what a range held before does not matter', () => {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 64, shared: true });
  new Uint8Array(memory.buffer).fill(0x02);
  const allocator = make({ memory, range: { start: 4096, end: 4 * 65536 } });
  assert.ok(allocator.malloc(100) > 4096);
  assert.ok(allocator.heap.check().sound);
  assert.equal(new Uint8Array(memory.buffer)[4095], 2);
});

test('no memory for a stack is NO_ROOM', () => {
  assert.throws(() => make({ limit: 1000 }).share(), code('NO_ROOM', /limit/));
});

const shared = make().share();
createAllocatorSync({ shared });
for (const [name, act, text] of [
  ['a stack that a thread has', () => createAllocatorSync({ shared }), /each call of share/],
  ['a place that is no stack', () => joined({ stack: 65536 }), /each call of share/],
  ['a stack outside of memory', () => joined({ stack: 2 ** 30 }), /each call of share/],
  ['a module for one thread to join', () => joined({ wasm }), /pymalloc-threads\.wasm/],
  ['a memory that is not shared', () => make({ wasm: threads, memory: plain() }), /shared: true/],
  ['a new memory for threads', () => createAllocatorSync({ wasm: threads }), /shared: true/],
  ['a module for one thread', () => make({ wasm }), /pymalloc-threads\.wasm/],
  ['debug', () => make({ debug: true }), /one thread/],
  ['another option with shared', () => createAllocatorSync({ shared, limit: 5 }), /limit/],
  ['shared that is nothing', () => createAllocatorSync({ shared: null }), /share\(\)/],
  ['to share what is for one thread', () => createAllocatorSync().share(), /shared memory/],
]) {
  test(`refused: ${name}`, () => assert.throws(act, code('BAD_ARGUMENT', text)));
}

test('the file for threads is found by itself', async () => {
  const allocator = await createAllocator({ memory: memoryOf() });
  const theirs = await createAllocator({ shared: allocator.share() });
  theirs.free(allocator.malloc(10));
});

function plain() {
  return new WebAssembly.Memory({ initial: 1 });
}

function joined(change) {
  return createAllocatorSync({ shared: { ...make().share(), ...change } });
}
