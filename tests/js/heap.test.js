import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Heap, PageKind } from '../../js/src/index.js';
import { Image } from './lib/image.js';
import { code, lively, open } from './lib/heaps.js';

test('stats() derives every number from the fields', () => {
  const stats = open(lively()).stats();
  assert.deepEqual({ ...stats.pages }, { memory: 16, owned: 10, foreign: 6 });
  assert.deepEqual(
    { ...stats.domains.raw },
    {
      liveBytes: 30000,
      liveBlocks: 2,
      peakBytes: 30000,
      totalBlocks: 9,
      totalBytes: 2 ** 40 + 99000,
      softLimit: null,
      hardLimit: null,
      failures: 2,
    },
  );
  assert.deepEqual(
    { ...stats.domains.mem },
    {
      liveBytes: 960,
      liveBlocks: 60,
      peakBytes: 5000,
      totalBlocks: 100,
      totalBytes: 1600,
      softLimit: null,
      hardLimit: 8000,
      failures: 0,
    },
  );
  assert.deepEqual(
    { ...stats.domains.object },
    {
      liveBytes: 2184,
      liveBlocks: 13,
      peakBytes: 2184,
      totalBlocks: 2 ** 40 + 4,
      totalBytes: 2 ** 44 + 3 * 512 + 1000,
      softLimit: null,
      hardLimit: null,
      failures: 0,
    },
  );
  assert.equal(stats.classes.length, 64);
  assert.deepEqual(
    { ...stats.classes[1] },
    {
      blockSize: 16,
      liveBlocks: 70,
      totalBlocks: 2 ** 40 + 100,
      pools: 5,
      peakPools: 9,
      roundingEstimate: 70 * 3.5,
    },
  );
  assert.equal(stats.classes[63].liveBlocks, 2);
  assert.deepEqual(
    { ...stats.raw },
    { segments: 2, bytes: 129224, freeBytes: 70000, cachedBytes: 3000, chunks: 4 },
  );
  assert.deepEqual({ ...stats.growth }, { grows: 5, failures: 1 });
  assert.equal(stats.softLimit, 1000000);
  assert.equal(stats.hardLimit, null);
  assert.deepEqual([stats.pools, stats.poolBytes, stats.pageBytes], [6, 4096, 65536]);
});

test('live bytes and all losses but rounding add up to the bytes of the segments', () => {
  const { domains, lost, raw } = open(lively()).stats();
  const live = domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;
  assert.equal(
    live + lost.bookkeeping + lost.headers + lost.freePoolSpace + lost.freeChunks,
    raw.bytes,
  );
  assert.equal(lost.bookkeeping, 552);
  assert.equal(lost.headers, 4 * 8 + 6 * (8 + 16) + 2 * 32);
});

test('more pages owned than there are is damage', () => {
  const image = lively();
  image.set('space', image.root, { pages_owned: 17 });
  assert.throws(() => open(image).stats(), code('BAD_MEMORY', /17 pages owned/));
});

test('what the library found wrong is told in its own words', () => {
  const image = lively();
  assert.equal(open(image).stats().fault, null);
  const source = readFileSync(new URL('../../src/core/cause.h', import.meta.url), 'utf8');
  const list = /#define CAUSES\(X\)([^]*?\))\n\n/.exec(source)?.[1] ?? '';
  const texts = [...list.matchAll(/X\(\w+,\s*"([^"]*)"\)/g)].map(([, text]) => text);
  assert.ok(texts.length > 10);
  for (const [cause, text] of [...texts, `unknown cause ${texts.length + 1}`].entries()) {
    image.set('space', image.root, { fault: cause + 1, fault_at: 0xfffffff8 });
    assert.deepEqual({ ...open(image).stats().fault }, { cause: text, address: 0xfffffff8 });
  }
});

test('a class without samples is estimated to lose half a step a block', () => {
  assert.equal(open(lively()).stats().classes[63].roundingEstimate, 2 * 3.5);
});

test('a layout with gaps between its fields gives the same statistics', () => {
  // Headers of segments count among the losses, so these keep their size.
  const gap = (name, group) => (group === 'segment' ? 0 : (name.length % 4) * 8);
  assert.deepEqual(open(lively({ gap })).stats(), open(lively()).stats());
});

test('stats(), map(), limits, heaps() and poll() call no guest function', () => {
  const image = lively();
  const heap = open(image);
  assert.deepEqual(image.calls, [['pym_root']]);
  heap.stats();
  heap.map();
  heap.heaps();
  heap.poll();
  assert.ok(heap.limits);
  assert.deepEqual(image.calls, [['pym_root']]);
});

test('a snapshot is frozen all the way down', () => {
  const walk = (value) => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(Object.isFrozen(value));
    Object.values(value).forEach(walk);
  };
  walk(open(lively()).stats());
});

test('a snapshot survives JSON and structuredClone', () => {
  const stats = open(lively()).stats();
  assert.deepEqual(JSON.parse(JSON.stringify(stats)), structuredClone(stats));
});

test('a snapshot taken after memory.grow reads the new buffer', () => {
  const image = lively();
  const heap = open(image);
  const before = heap.stats().pages.memory;
  image.memory.grow(4);
  image.set('space', image.root, { pages_owned: 14 });
  const { memory, owned } = heap.stats().pages;
  assert.equal(memory, before + 4);
  assert.equal(owned, 14);
});

test('a shared memory is read like any other', () => {
  const image = lively({ shared: true });
  image.export('pym_check', () => 1);
  image.export('pym_check_message', () => image.end);
  new Uint8Array(image.memory.buffer).set(new TextEncoder().encode('pool 3\0'), image.end);
  const heap = open(image);
  assert.deepEqual(heap.stats(), open(lively()).stats());
  assert.equal(heap.map().pages.length, 16);
  assert.equal(heap.check().message, 'pool 3');
});

test('a heap above 2 GiB is read, although the guest returns its address negative', () => {
  const image = new Image({ pages: 40000, maximum: 40000, base: 0x98000000 });
  image.addPool(39999 * 65536 + 8192, { size: 16, used: 3 });
  image.addSegment(39998 * 65536, 40000 * 65536, [
    [65536 + 8192 - 32, 'raw'],
    [4096, 'pool'],
  ]);
  const heap = open(image);
  assert.ok(heap.address > 2 ** 31);
  assert.equal(heap.stats().pages.memory, 40000);
  const map = heap.map();
  assert.deepEqual([...map.pools.address], [39999 * 65536 + 8192]);
  assert.equal(map.pools.owner[0], heap.address);
  assert.equal(map.pools.blocks[0], 3);
  assert.equal(map.pages[39999], PageKind.POOL);
  assert.equal(map.freeBytes[39999], 65536 - 8192 - 4096);
  assert.equal(map.damage.length, 0);
});

test('an imported memory is passed as an option', () => {
  const image = lively();
  delete image.exports.memory;
  assert.throws(() => open(image), code('NO_MEMORY', /\{ memory \}/));
  assert.equal(open(image, { memory: image.memory }).stats().pages.memory, 16);
});

test('a module that does not export pym_root is told the flag', () => {
  const image = lively();
  delete image.exports.pym_root;
  assert.throws(() => open(image), code('NO_EXPORT', /--export=pym_root/));
});

test('a pym_root that returns no number is refused', () => {
  const image = lively();
  image.export('pym_root', () => '1024');
  assert.throws(() => open(image), code('VERSION', /no number but "1024"/));
});

test('a guest that traps in pym_root is a typed error with its cause', () => {
  const image = lively();
  image.export('pym_root', () => {
    throw new WebAssembly.RuntimeError('unreachable');
  });
  assert.throws(
    () => open(image),
    (error) =>
      code('GUEST_TRAP', /unreachable/)(error) && error.cause instanceof WebAssembly.RuntimeError,
  );
});

test('something that is no instance is refused', () => {
  const image = lively();
  assert.throws(() => Heap.from(image.module, undefined), code('BAD_ARGUMENT'));
  assert.throws(() => Heap.from(image.module, {}), code('BAD_ARGUMENT'));
});

test('a detached buffer is said to be detached', () => {
  const image = lively();
  const plain = new ArrayBuffer(image.memory.buffer.byteLength);
  new Uint8Array(plain).set(new Uint8Array(image.memory.buffer));
  const memory = { buffer: plain };
  const heap = open(image, { memory });
  structuredClone(plain, { transfer: [plain] });
  assert.throws(() => heap.stats(), code('DETACHED'));
});

test('a destroyed heap is gone, not misread', () => {
  const image = lively();
  const heap = open(image);
  image.set('heap', image.heap, { magic: 0 });
  assert.throws(() => heap.stats(), code('HEAP_GONE'));
});

test('a new heap at the address of a destroyed one is not taken for it', () => {
  const image = lively();
  const heap = open(image);
  image.set('heap', image.heap, { id: 2 });
  assert.throws(() => heap.stats(), code('HEAP_GONE'));
});

test('heaps() finds the others in the order of the list', () => {
  const image = lively();
  image.addHeap(image.end, 7);
  image.set('heap', image.heap, { next: image.end });
  const heaps = open(image).heaps();
  assert.deepEqual(
    heaps.map((h) => h.id),
    [1, 7],
  );
  assert.equal(heaps[1].stats().heap, 7);
});

test('a list of heaps that is a loop ends in a typed error', () => {
  const image = lively();
  image.set('heap', image.heap, { next: image.heap });
  assert.throws(() => open(image).heaps(), code('BAD_MEMORY', /loop/));
});

test('check() says that a heap is sound', () => {
  const image = lively();
  image.export('pym_check', () => 0);
  image.export('pym_check_message', () => 0);
  assert.deepEqual({ ...open(image).check() }, { sound: true, message: '' });
  assert.deepEqual(image.calls.at(-1), ['pym_check', image.heap]);
});

test('check() needs exports and names the flag', () => {
  assert.throws(
    () => open(lively()).check(),
    code('NO_EXPORT', /--export=pym_check_message.*pymalloc::exports/),
  );
});

test('a check message without an end is cut off', () => {
  const image = lively();
  image.export('pym_check', () => 1);
  image.export('pym_check_message', () => image.end);
  new Uint8Array(image.memory.buffer).fill(0x61, image.end);
  assert.equal(open(image).check().message.length, 1024);
});

test('limits are read from memory', () => {
  const { heap, mem, object } = open(lively()).limits;
  assert.deepEqual({ ...heap }, { soft: 1000000, hard: null });
  assert.deepEqual({ ...mem }, { soft: null, hard: 8000 });
  assert.deepEqual({ ...object }, { soft: null, hard: null });
});

test('setLimits() leaves alone what it is not told', () => {
  const image = lively();
  image.export('pym_limit_set', () => 0);
  open(image).setLimits({ heap: { hard: 2 ** 31 }, mem: { soft: 5, hard: null } });
  assert.deepEqual(image.calls.slice(1), [
    ['pym_limit_set', image.heap, 3, 1000000, 2 ** 31],
    ['pym_limit_set', image.heap, 1, 5, 0xffffffff],
  ]);
});

for (const [what, limits] of [
  ['an unknown domain', { objects: { hard: 1 } }],
  ['nothing', undefined],
  ['a number', { heap: 5 }],
  ['a fraction', { heap: { hard: 1.5 } }],
  ['a negative limit', { heap: { hard: -1 } }],
  ['4 GiB', { heap: { soft: 2 ** 32 } }],
  ['text', { heap: { hard: '5' } }],
]) {
  test(`setLimits() refuses ${what} before it sets anything`, () => {
    const image = lively();
    image.export('pym_limit_set', () => 0);
    assert.throws(() => open(image).setLimits(limits), code('BAD_ARGUMENT'));
    assert.equal(image.calls.length, 1);
  });
}

test('poll() tells the listeners what is new, in order, once', () => {
  const image = lively();
  image.addEvent(1, {});
  const heap = open(image);
  const told = [];
  heap.on('grow', (e) => told.push(['grow', e.seq, e.pagesBefore, e.pagesAfter]));
  heap.on('limit', (e) => told.push([e.limit, e.seq, e.domain, e.bytes]));
  heap.on('oom', (e) => told.push(['oom', e.seq]));
  image.addEvent(2, { kind: 1, pages_before: 16, pages_after: 18 });
  image.addEvent(3, { kind: 2, domain: 3, bytes: 99 });
  image.addEvent(4, { kind: 3, domain: 1, bytes: 98 });
  image.addEvent(5, { kind: 4 });
  assert.equal(heap.poll().missed, 0);
  assert.deepEqual(told, [
    ['grow', 2, 16, 18],
    ['soft', 3, 'heap', 99],
    ['hard', 4, 'mem', 98],
    ['oom', 5],
  ]);
  assert.deepEqual(heap.poll().events, []);
});

test('poll() counts the events that were overwritten', () => {
  const image = lively();
  const heap = open(image);
  for (let seq = 1; seq <= 100; seq++) image.addEvent(seq, {});
  const { events, missed } = heap.poll();
  assert.deepEqual(
    events.map((e) => e.seq),
    Array.from({ length: 32 }, (_, i) => 69 + i),
  );
  assert.equal(missed, 68);
});

test('the numbers of events may wrap around', () => {
  const image = lively();
  image.addEvent(0xfffffffe, {});
  const heap = open(image);
  // 2^32 is a multiple of the ring's length, so slots go on as numbers do.
  for (const seq of [0xffffffff, 0, 1]) image.addEvent(seq, {});
  assert.deepEqual(
    heap.poll().events.map((e) => e.seq),
    [0xffffffff, 0, 1],
  );
});

test("events of another heap are not this one's", () => {
  const image = lively();
  const heap = open(image);
  image.addEvent(1, { heap: 2 });
  assert.deepEqual(heap.poll(), { events: [], missed: 0 });
});

test('a listener that throws does not keep the others from hearing', () => {
  const image = lively();
  const heap = open(image);
  const told = [];
  heap.on('grow', () => {
    throw new Error('mine');
  });
  heap.on('grow', (e) => told.push(e.seq));
  image.addEvent(1, {});
  image.addEvent(2, {});
  assert.throws(() => heap.poll(), /mine/);
  assert.deepEqual(told, [1, 2]);
  assert.deepEqual(heap.poll().events, []);
});

test('a listener that was taken off hears nothing', () => {
  const image = lively();
  const heap = open(image);
  const told = [];
  const off = heap.on('grow', (e) => told.push(e));
  off();
  image.addEvent(1, {});
  heap.poll();
  assert.deepEqual(told, []);
});

test('an event that does not exist cannot be listened to', () => {
  assert.throws(
    () => open(lively()).on('shrink', () => {}),
    code('BAD_ARGUMENT', /grow, limit, oom, asked, not "shrink"/),
  );
  assert.throws(() => open(lively()).on('grow', null), code('BAD_ARGUMENT'));
});

test('watch() polls until it is stopped', async () => {
  const image = lively();
  const heap = open(image);
  const stop = heap.watch(1);
  const event = await new Promise((resolve, reject) => {
    heap.on('oom', resolve);
    image.addEvent(1, { kind: 4 });
    setTimeout(reject, 5000, new Error('not told in 5 s')).unref();
    setTimeout(() => {}, 50); // watch() alone does not keep Node running
  });
  assert.equal(event.type, 'oom');
  stop();
});
