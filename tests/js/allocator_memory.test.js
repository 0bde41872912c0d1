/** createHeap: in whose memory the allocator is, and what it leaves alone there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createHeapSync, compileModule } from '../../js/src/index.node.js';
import { code } from './lib/heaps.js';

const PAGE = 65536;
const wasm = await compileModule();
const make = (options) => createHeapSync({ wasm, ...options });

// ---- A range of it ----

test('a range of a memory serves first, nothing around it is touched', () => {
  const memory = new WebAssembly.Memory({ initial: 8, maximum: 8 });
  new Uint8Array(memory.buffer).fill(0x5a);
  const range = { start: 3 * PAGE + 5, end: 6 * PAGE - 3 };
  const heap = make({ memory, range });
  const blocks = [];
  for (let p; (p = heap.malloc(1000)) !== 0; ) blocks.push(p);
  assert.ok(blocks.length >= 170, `${blocks.length} blocks`);
  assert.ok(blocks.every((p) => p > range.start && p + 1000 <= range.end));
  for (const p of blocks) heap.u8.fill(1, p, p + 1000);
  assert.equal(heap.heap.check().sound, true);
  const bytes = new Uint8Array(memory.buffer);
  assert.ok(bytes.subarray(0, range.start).every((byte) => byte === 0x5a));
  assert.ok(bytes.subarray(range.end).every((byte) => byte === 0x5a));
  for (const p of blocks) heap.free(p);
  assert.equal(heap.heap.stats().domains.object.liveBytes, 0);
});

test('where the range is used up and memory can grow, it grows', () => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const heap = make({ memory, range: { start: PAGE, end: 2 * PAGE } });
  assert.equal(memory.buffer.byteLength, 2 * PAGE);
  assert.ok(heap.malloc(10 * PAGE) > 0);
  assert.ok(memory.buffer.byteLength >= 12 * PAGE);
});

for (const [name, options] of Object.entries({
  'without a memory': { range: { start: 0, end: 2 * PAGE } },
  'beyond the memory': { memory: 2, range: { start: PAGE, end: 3 * PAGE } },
  'of too few bytes': { memory: 2, range: { start: PAGE, end: 2 * PAGE - 1 } },
  'that ends before it begins': { memory: 2, range: { start: 2 * PAGE, end: PAGE } },
  'of fractions': { memory: 4, range: { start: 0.5, end: 2 * PAGE } },
  'of text': { memory: 4, range: { start: '0', end: 2 * PAGE } },
  'that is none': { memory: 4, range: null },
})) {
  test(`a range ${name} is refused`, () => {
    const { memory: initial, range } = options;
    const memory = initial && new WebAssembly.Memory({ initial });
    assert.throws(() => make({ memory, range }), code('BAD_ARGUMENT'));
  });
}

// ---- Beside another allocator ----

test('memory that another allocator overwrites ends in a typed error', () => {
  for (const byte of [0, 1, 0x5a, 0xff]) {
    const heap = make();
    const live = Array.from({ length: 50 }, (_, i) => heap.malloc(20 * i + 8));
    heap.u8.fill(byte, 16); // all that the heap, and the allocator itself, has
    assert.throws(
      () => {
        for (const p of live) heap.free(p);
        for (let i = 0; i < 1e5; i++) heap.malloc(i % 3000);
      },
      code('CORRUPTION'),
      `${byte}`,
    );
    assert.throws(() => heap.malloc(1), code('CORRUPTION'));
  }
});

// ---- The memory of the caller ----

test('nothing that is in a memory is touched, wherever the memory ends', () => {
  for (const pages of [0, 1, 3, 100]) {
    const memory = new WebAssembly.Memory({ initial: pages });
    new Uint8Array(memory.buffer).fill(0xa5);
    const heap = make({ memory });
    assert.equal(memory.buffer.byteLength, (pages + 1) * PAGE);
    for (let i = 0; i < 2000; i++) assert.ok(heap.malloc(i % 700) >= pages * PAGE);
    heap.heap.check();
    heap.exports.pym_heap_destroy(heap.exports.pym_heap_new());
    assert.ok(new Uint8Array(memory.buffer, 0, pages * PAGE).every((byte) => byte === 0xa5));
    assert.equal(heap.heap.stats().pages.foreign, pages === 0 ? 0 : pages);
  }
});

test("pages that the caller grows between are the caller's", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const heap = make({ memory });
  const own = [];
  for (let i = 0; i < 20; i++) {
    const at = memory.grow(1) * PAGE;
    new Uint8Array(memory.buffer, at, PAGE).fill(i + 1);
    own.push(at);
    for (let k = 0; k < 300; k++) heap.malloc(500);
  }
  own.forEach((at, i) =>
    assert.ok(new Uint8Array(memory.buffer, at, PAGE).every((byte) => byte === i + 1)),
  );
  assert.deepEqual({ ...heap.heap.check() }, { sound: true, message: '' });
});

test('two allocators share one memory', () => {
  const memory = new WebAssembly.Memory({ initial: 0 });
  const [a, b] = [make({ memory }), make({ memory })];
  const blocks = new Map();
  for (let i = 0; i < 4000; i++) {
    const [heap, n] = [i & 1 ? a : b, 1 + (i % 900)];
    const p = heap.malloc(n);
    heap.u8.fill(i, p, p + n);
    blocks.set(p, { heap, n, byte: i & 255 });
  }
  for (const [p, { heap, n, byte }] of blocks) {
    assert.ok(heap.u8.subarray(p, p + n).every((v) => v === byte));
    heap.free(p);
  }
  assert.ok(a.heap.check().sound && b.heap.check().sound);
  assert.notEqual(a.heap.root, b.heap.root);
});

test('a memory above 2 GiB has blocks with unsigned addresses', () => {
  const memory = new WebAssembly.Memory({ initial: 32769 });
  const heap = make({ memory });
  const p = heap.malloc(1000);
  assert.ok(p > 2 ** 31);
  heap.u8.fill(1, p, p + 1000);
  const q = heap.realloc(p, 100000);
  assert.ok(q > 2 ** 31 && heap.u8[q + 999] === 1);
  assert.ok(heap.heap.check().sound);
  heap.free(q);
});

test('the last pages of 4 GiB can be used', {
  skip: process.env.PYM_SMALL && 'PYM_SMALL is set',
}, () => {
  const memory = new WebAssembly.Memory({ initial: 65535, maximum: 65536 });
  const heap = make({ memory });
  assert.equal(memory.buffer.byteLength, 2 ** 32);
  assert.equal(heap.malloc(100000), 0); // nothing left, and no trap
  assert.ok(heap.heap.check().sound);
});

test('a memory that cannot grow is told so, and is as it was', () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
  assert.throws(() => make({ memory }), code('NO_ROOM', /larger maximum/));
  assert.equal(memory.buffer.byteLength, 2 * PAGE);
});

test('a memory with no room left gives no block, and gives some again', () => {
  const heap = make({ memory: new WebAssembly.Memory({ initial: 0, maximum: 4 }) });
  const blocks = [];
  for (let p; (p = heap.malloc(3000)) !== 0; ) blocks.push(p);
  assert.ok(blocks.length > 60);
  const [p] = blocks;
  assert.equal(heap.realloc(p, 100000), 0);
  assert.equal(heap.usableSize(p) >= 3000, true);
  blocks.splice(0, 40).forEach((q) => heap.free(q));
  assert.ok(heap.malloc(3000) > 0);
  assert.ok(heap.heap.stats().growth.failures > 0);
});
