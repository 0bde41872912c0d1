/** createAllocator in memories with 64-bit addresses.  tests/js/wasm64.test.js runs this file with a
 *  Node.js that has such memories. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { compileModule, createAllocator, createAllocatorSync } from '../../../js/src/index.node.js';

const GIB = 2 ** 30;
const FILE = new URL('../../../js/wasm/pymalloc64.wasm', import.meta.url);
const memory64 = (initial, more = {}) =>
  new WebAssembly.Memory({ address: 'i64', initial: BigInt(initial), ...more });

test('blocks above 4 GiB are made, written, moved and freed by numbers', async () => {
  const allocator = await createAllocator({ memory64: true });
  const low = allocator.malloc(100);
  const large = allocator.malloc(5 * GIB);
  const high = allocator.calloc(1000, 1000);
  assert.ok(high > large + 5 * GIB && large > low);
  assert.deepEqual([allocator.u8[high], allocator.u32[high / 4 + 249999]], [0, 0]);
  allocator.view.setUint32(high + 96, 77, true);
  assert.equal(allocator.u32[high / 4 + 24], 77);
  const moved = allocator.realloc(high, 2000000);
  assert.equal(allocator.view.getUint32(moved + 96, true), 77);
  assert.equal(allocator.alignedAlloc(65536, 10) % 65536, 0);
  assert.ok(allocator.usableSize(large) >= 5 * GIB);
  assert.throws(() => allocator.usableSize(large + 16), { code: 'BAD_POINTER' });
  assert.equal(allocator.malloc(2 ** 60), 0);
  assert.equal(allocator.malloc(2 ** 35), 0);
  for (const no of [-1, 1.5, '8', 8n]) {
    assert.throws(() => allocator.malloc(no), { code: 'BAD_ARGUMENT' });
    assert.throws(() => allocator.free(no), { code: 'BAD_ARGUMENT' });
  }
  assert.throws(() => allocator.free(2 ** 53), { code: 'BAD_ARGUMENT' });
  allocator.free(large);
  assert.equal(allocator.heap.look(large).kind, 'free');
  assert.deepEqual(allocator.heap.check(), { sound: true, message: '' });
  allocator.dispose();
  assert.throws(() => allocator.malloc(1), { code: 'DISPOSED' });
});

test('a limit above 4 GiB is exact to the byte', async () => {
  const allocator = await createAllocator({ memory64: true, limit: 5 * GIB });
  assert.equal(allocator.heap.limits.heap.hard, 5 * GIB);
  const p = allocator.raw.malloc(5 * GIB - 8);
  assert.notEqual(p, 0);
  assert.notEqual(allocator.malloc(8), 0);
  assert.equal(allocator.malloc(8), 0);
  allocator.raw.free(p);
});

test('a memory that is passed, and a range of it above 4 GiB, are used', () => {
  const memory = memory64((6 * GIB) / 65536);
  const allocator = createAllocatorSync({
    memory,
    range: { start: 5 * GIB, end: 5.5 * GIB },
    debug: true,
  });
  const p = allocator.malloc(70);
  assert.ok(p > 5 * GIB && p < 5.5 * GIB);
  const q = allocator.realloc(p, 3000);
  assert.deepEqual(
    allocator.liveBlocks().map(({ address, bytes }) => [address, bytes]),
    [[q, 3000]],
  );
  const r = allocator.exports.malloc(10n); // as a module of wasm calls it
  assert.equal(typeof r, 'bigint');
  assert.equal(allocator.liveBlocks().length, 2);
  allocator.free(Number(r));
  assert.throws(() => allocator.exports.free(r), { code: 'BAD_POINTER' });
  const second = createAllocatorSync({ memory });
  assert.ok(second.malloc(1) > 6 * GIB);
});

test('the module fits the memory, or the error says what to pass', async () => {
  const wide = await compileModule(readFileSync(FILE));
  const narrow = await compileModule();
  assert.ok(createAllocatorSync({ wasm: wide }).malloc(8) > 0);
  const shared = memory64(1, { maximum: 9n, shared: true });
  for (const [options, text] of [
    [{ memory: memory64(1), wasm: narrow }, /pymalloc64\.wasm/],
    [{ memory64: true, wasm: narrow }, /pymalloc64\.wasm/],
    [{ memory: new WebAssembly.Memory({ initial: 1 }), wasm: wide }, /address: 'i64'/],
    [{ memory: new WebAssembly.Memory({ initial: 1 }), memory64: true }, /address: 'i64'/],
    [{ memory: shared }, /shared/],
    [{ memory64: 'yes' }, /true or false/],
    [{ memory64: true, limit: 2 ** 53 }, /limit/],
    [{ limit: 2 ** 32 }, /limit/],
  ]) {
    assert.throws(
      () => createAllocatorSync(options),
      (error) => error.code === 'BAD_ARGUMENT' && text.test(error.message),
    );
  }
});
