/** What a new user meets first: listeners that throw, typing errors, wrong pointers, what JSON and the
 *  console show. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { inspect } from 'node:util';

import {
  createAllocator,
  createAllocatorSync,
  createHeap,
  diff,
  snapshotFromJSON,
} from '../../js/src/index.node.js';
import { parseBytes, parseLimit } from '../../js/src/text.js';
import { code } from './lib/heaps.js';

test('a watch goes on after a listener threw, and tells onError', async () => {
  const { heap, ...allocator } = { heap: createAllocatorSync({ limit: 1000 }) };
  assert.deepEqual(allocator, {});
  const seen = [];
  heap.heap.on('limit', () => {
    throw new Error('mine');
  });
  const stop = heap.heap.watch(5, { onError: (error) => seen.push(error.message) });
  for (let i = 0; i < 2; i++) {
    heap.malloc(2000);
    for (let n = 0; n < 400 && seen.length <= i; n++) await sleep(5);
  }
  stop();
  assert.deepEqual(seen, ['mine', 'mine']);
});

test('a watch without onError shows the error and does not end the program', async () => {
  const allocator = createAllocatorSync({ limit: 1000 });
  const { error: original } = console;
  const shown = [];
  console.error = (error) => shown.push(error);
  allocator.heap.on('limit', () => {
    throw new Error('shown');
  });
  const stop = allocator.heap.watch(5);
  allocator.malloc(2000);
  for (let n = 0; n < 400 && shown.length === 0; n++) await sleep(5);
  stop();
  console.error = original;
  assert.equal(shown[0]?.message, 'shown');
});

test('a watch of a heap that was destroyed tells it once and ends', async () => {
  const allocator = createAllocatorSync();
  const address = allocator.exports.pym_heap_new() >>> 0;
  const own = allocator.heap.heaps()[1];
  const seen = [];
  own.watch(5, { onError: (error) => seen.push(error.code) });
  allocator.exports.pym_heap_destroy(address);
  await sleep(200);
  assert.deepEqual(seen, ['HEAP_GONE']);
});

test('once is called once, and a signal takes a listener off', () => {
  const allocator = createAllocatorSync({ limit: 1000 });
  const [one, two] = [[], []];
  const controller = new AbortController();
  allocator.heap.once('limit', (event) => one.push(event.bytes));
  allocator.heap.on('limit', (event) => two.push(event.bytes), { signal: controller.signal });
  allocator.malloc(2000);
  allocator.malloc(3000);
  allocator.heap.poll();
  controller.abort();
  allocator.malloc(2000);
  allocator.heap.poll();
  assert.equal(one.length, 1);
  assert.equal(two.length, 2);
});

test('events that newer ones overwrote are counted', () => {
  const allocator = createAllocatorSync({ limit: 1000 });
  for (let i = 0; i < 200; i++) allocator.malloc(2000);
  const { events, missed } = allocator.heap.poll();
  assert.equal(events.length, 64);
  assert.equal(missed, events[0].seq - 1);
  assert.equal(allocator.heap.missedEvents, missed);
});

test('a typing error in a limit or an option is refused', async () => {
  const { heap } = createAllocatorSync();
  assert.throws(
    () => heap.setLimits({ heap: { hrad: 5 } }),
    code('BAD_ARGUMENT', /"hrad".*soft, hard/),
  );
  await assert.rejects(createAllocator({ limmit: 5 }), code('BAD_ARGUMENT', /"limmit"/));
  await assert.rejects(createAllocator({ debug: 'yes' }), code('BAD_ARGUMENT', /not "yes"/));
});

test('BAD_ARGUMENT says what was passed', () => {
  const { heap } = createAllocatorSync();
  for (const [value, text] of [
    ['64M', /not "64M"/],
    [-1, /not -1/],
    [{ a: 1 }, /not an object with a/],
    [[1, 2], /not an array of 2/],
    [10n, /not 10n/],
  ]) {
    assert.throws(() => heap.setLimits({ heap: { hard: value } }), code('BAD_ARGUMENT', text));
  }
});

test('usableSize of what is no block is an error', () => {
  const allocator = createAllocatorSync();
  for (const n of [24, 3000]) {
    const p = allocator.malloc(n);
    assert.ok(allocator.usableSize(p) >= n);
    assert.throws(() => allocator.usableSize(p + 8), code('BAD_POINTER', /no live block/));
    allocator.free(p);
    assert.throws(() => allocator.usableSize(p), code('BAD_POINTER'));
  }
  assert.throws(() => allocator.usableSize(12345), code('BAD_POINTER', /0x3039/));
});

test('in debug mode a wrong pointer is told with its story, and the allocator goes on', () => {
  const allocator = createAllocatorSync({ debug: true });
  const p = allocator.malloc(24);
  allocator.free(p);
  assert.throws(() => allocator.free(p), code('BAD_POINTER', /freed before,\n.*user\.test/));
  const q = allocator.raw.malloc(1000);
  assert.throws(
    () => allocator.free(q),
    code('BAD_POINTER', /a block of "raw", allocated\n.*user\.test/),
  );
  assert.throws(
    () => allocator.raw.free(q + 16),
    code('BAD_POINTER', /16 bytes into a block of 1000/),
  );
  assert.throws(() => allocator.exports.pym_raw_free(64), code('BAD_POINTER', /no block that/));
  const r = allocator.raw.realloc(q, 5000);
  assert.deepEqual(
    allocator.liveBlocks().map(({ bytes, domain }) => [bytes, domain]),
    [[5000, 'raw']],
  );
  allocator.raw.free(r);
  assert.deepEqual(allocator.liveBlocks(), []);
  assert.throws(() => createAllocatorSync().liveBlocks(), code('BAD_ARGUMENT', /debug/));
});

test('a memory that somebody overwrote ends the allocator with CORRUPTION', () => {
  const allocator = createAllocatorSync();
  allocator.malloc(8);
  allocator.u8.fill(255);
  assert.throws(() => allocator.malloc(8), code('CORRUPTION', /overwritten/));
  assert.throws(() => allocator.malloc(8), code('CORRUPTION'));
});

test('JSON.stringify of a snapshot, a map and a difference is what they are', () => {
  const allocator = createAllocatorSync();
  const before = allocator.heap.snapshot();
  allocator.malloc(100);
  const after = allocator.heap.snapshot();
  const again = snapshotFromJSON(JSON.parse(JSON.stringify(after)));
  assert.deepEqual(again.map.pools, after.map.pools);
  assert.equal(diff(before, again).domains.object.liveBlocks, 1);
  assert.ok(Array.isArray(JSON.parse(JSON.stringify(diff(before, after))).pools.added));
  assert.equal(JSON.parse(JSON.stringify(allocator.heap.map())).buffer, undefined);
  assert.deepEqual(structuredClone(after).stats, after.stats);
});

test('console.log and JSON.stringify show a heap and an allocator', async () => {
  const allocator = createAllocatorSync();
  assert.match(inspect(allocator.heap), /Heap.*id: 1/s);
  assert.match(inspect(allocator), /Allocator.*memoryBytes: 65536/s);
  assert.equal(JSON.parse(JSON.stringify(allocator)).heap.id, 1);
  allocator.dispose();
  assert.match(inspect(allocator), /disposed of/);
  assert.equal((await createHeap()).heap.id, 1);
});

test('every size that a person may write has one meaning', () => {
  for (const [text, bytes] of [
    ['1.5G', 1610612736],
    ['1.5 MiB', 1572864],
    ['64M', 67108864],
    ['512k', 524288],
    ['1000000', 1000000],
    ['10 B', 10],
    ['1,024', 1024],
  ]) {
    assert.equal(parseBytes(text), bytes, text);
  }
  for (const text of ['', '64Q', '-1', '1e6', '0x10', 'M', '1 2'])
    assert.equal(parseBytes(text), null, text);
  assert.equal(parseLimit('4G'), null);
  assert.equal(parseLimit('0'), null);
});
