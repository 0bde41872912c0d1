import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Heap, PageKind, PoolState, PymallocError } from '../../js/src/index.js';
import { Image, KIND, STATE } from './lib/image.js';

const open = (image, options) => Heap.from(image.module, image.instance, options);
const code = (expected, text = /./) => (error) => {
  assert.ok(error instanceof PymallocError, `${error}`);
  assert.equal(error.code, expected);
  assert.match(error.message, text);
  return true;
};

/** An image with numbers in it that a sound heap could have. */
function lively(options) {
  const image = new Image(options);
  image.set('space', image.root, { pages_owned: 10, pages_owned_peak: 12, pages_free: 3,
    pages_pool: 4, pages_raw: 2, grows: 5, grow_failures: 1 });
  image.set('heap', image.heap, { pool_pages: 4, arenas: 2, arenas_peak: 3, arenas_total: 7,
    pools_used: 6, raw_segments: 1, raw_bytes: 131072, raw_free: 100000, raw_chunks: 3,
    soft: 1000000, pools: { 2: 5, 64: 1 }, pools_peak: { 2: 9, 64: 1 },
    sampled: { 2: 4 }, sampled_bytes: { 2: 50 } });
  image.setClass('mem', 2, { mallocs: 100, live: 60 });
  image.setClass('obj', 2, { mallocs: 2n ** 40n, live: 10 });
  image.setClass('obj', 64, { mallocs: 3, live: 2 });
  image.set('domain', image.domain(0), { raw_live: 30000, peak: 20000, raw_mallocs: 9, raw_frees: 7,
    raw_bytes: 99000, failures: 2 });
  image.set('domain', image.domain(1), { peak: 5000, hard: 8000 });
  image.set('domain', image.domain(2), { raw_live: 1000, raw_mallocs: 1, raw_bytes: 1000 });
  image.set('domain', image.domain(3), { raw_live: 552 });
  return image;
}

test('stats() derives every number from the fields', () => {
  const stats = open(lively()).stats();
  assert.deepEqual({ ...stats.pages }, { memory: 16, owned: 10, peakOwned: 12, free: 3, pool: 4,
    raw: 2, table: 1, foreign: 6 });
  assert.deepEqual({ ...stats.domains.raw }, { liveBytes: 30000, liveBlocks: 2, peakBytes: 30000,
    totalBlocks: 9, totalBytes: 99000, softLimit: null, hardLimit: null, failures: 2 });
  assert.deepEqual({ ...stats.domains.mem }, { liveBytes: 960, liveBlocks: 60, peakBytes: 5000,
    totalBlocks: 100, totalBytes: 1600, softLimit: null, hardLimit: 8000, failures: 0 });
  assert.deepEqual({ ...stats.domains.object }, { liveBytes: 2184, liveBlocks: 13, peakBytes: 2184,
    totalBlocks: 2 ** 40 + 4, totalBytes: 2 ** 44 + 3 * 512 + 1000, softLimit: null,
    hardLimit: null, failures: 0 });
  assert.equal(stats.classes.length, 64);
  assert.deepEqual({ ...stats.classes[1] }, { blockSize: 16, liveBlocks: 70,
    totalBlocks: 2 ** 40 + 100, pools: 5, peakPools: 9, roundingEstimate: 70 * 3.5 });
  assert.equal(stats.classes[63].liveBlocks, 2);
  assert.deepEqual({ ...stats.raw }, { segments: 1, bytes: 131072, freeBytes: 100000, chunks: 3 });
  assert.deepEqual({ ...stats.growth }, { grows: 5, failures: 1 });
  assert.equal(stats.softLimit, 1000000);
  assert.equal(stats.hardLimit, null);
  assert.deepEqual([stats.arenas, stats.peakArenas, stats.totalArenas, stats.pools], [2, 3, 7, 6]);
});

test('live bytes and all losses of a heap add up to its pages', () => {
  const { domains, lost, pages, pageBytes } = open(lively()).stats();
  const live = domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;
  assert.equal(live + lost.bookkeeping + lost.freePoolSpace + lost.rawHeaders + lost.freeChunks,
    (pages.pool + pages.raw) * pageBytes);
  assert.equal(lost.freePages, pages.free * pageBytes);
});

test('a class without samples is estimated to lose half a step a block', () => {
  assert.equal(open(lively()).stats().classes[63].roundingEstimate, 2 * 3.5);
});

test('a layout with gaps between its fields gives the same statistics', () => {
  // Headers of pages and pools count among the losses, so these keep their size.
  const gap = (name, group) => group === 'page' || group === 'pool' ? 0 : name.length % 4 * 8;
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
  image.set('space', image.root, { pages_owned: 14, pages_free: 7 });
  const { memory, free } = heap.stats().pages;
  assert.equal(memory, before + 4);
  assert.equal(free, 7);
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
  image.addPoolPage(39999);
  image.addPool(39999, 1, { size: 16, cap: 254, until: 3, state: STATE.usable });
  const heap = open(image);
  assert.ok(heap.address > 2 ** 31);
  assert.equal(heap.stats().pages.memory, 40000);
  const map = heap.map();
  assert.deepEqual([...map.poolPages], [39999]);
  assert.equal(map.pools.blocks[1], 3);
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

test('a 64-bit module is refused', () => {
  const image = lively();
  image.export('pym_root', () => 1024n);
  assert.throws(() => open(image), code('VERSION', /32-bit/));
});

test('a guest that traps in pym_root is a typed error with its cause', () => {
  const image = lively();
  image.export('pym_root', () => { throw new WebAssembly.RuntimeError('unreachable'); });
  assert.throws(() => open(image), (error) => code('GUEST_TRAP', /unreachable/)(error)
    && error.cause instanceof WebAssembly.RuntimeError);
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
  assert.deepEqual(heaps.map((h) => h.id), [1, 7]);
  assert.equal(heaps[1].stats().heap, 7);
});

test('a list of heaps that is a loop ends in a typed error', () => {
  const image = lively();
  image.set('heap', image.heap, { next: image.heap });
  assert.throws(() => open(image).heaps(), code('BAD_MEMORY', /loop/));
});

test('map() shows pages, pools and how full they are', () => {
  const image = lively();
  image.setPage(3, KIND.free);
  image.setPage(4, KIND.raw);
  image.addPoolPage(5);
  image.addPool(5, 0, { size: 32, cap: 126, until: 5, state: STATE.usable });
  image.addPool(5, 9, { size: 512, cap: 7, until: 1, state: STATE.full });
  image.setPage(6, 5);
  const map = open(image).map();
  const { FOREIGN, FREE, RAW, POOL, UNKNOWN } = PageKind;
  assert.deepEqual([...map.pages], [FOREIGN, FOREIGN, FOREIGN, FREE, RAW, POOL, UNKNOWN,
    ...Array(9).fill(FOREIGN)]);
  assert.deepEqual([...map.poolPages], [5]);
  assert.deepEqual([...map.owners], [image.heap]);
  assert.equal(map.pools.state.length, 16);
  assert.deepEqual([...map.pools.state].filter((s) => s !== PoolState.UNUSED), [1, 2]);
  const numbers = (i) => [map.pools.blockSize[i], map.pools.blocks[i], map.pools.capacity[i]];
  assert.deepEqual(numbers(0), [32, 5, 126]);
  assert.deepEqual(numbers(9), [512, 7, 7]);
});

test('map() does not read the descriptor of an unused pool', () => {
  const image = lively();
  image.addPoolPage(5);
  new Uint8Array(image.memory.buffer, image.pools(5), 16).fill(0xee);
  assert.equal(open(image).map().pools.state[0], PoolState.UNUSED);
});

for (const [what, values] of [['index', { index: 5 }], ['block size', { size: 0 }],
  ['count of blocks', { until: 200 }], ['capacity', { cap: 60000 }], ['state', { state: 9 }]]) {
  test(`map() marks a pool whose ${what} was overwritten`, () => {
    const image = lively();
    image.addPoolPage(5);
    const pool = image.addPool(5, 2, { size: 32, cap: 126, until: 5, state: STATE.usable });
    image.set('pool', pool, values);
    const { pools } = open(image).map();
    assert.equal(pools.state[2], PoolState.DAMAGED);
    assert.equal(pools.blocks[2], 0);
  });
}

for (const [what, values] of [['mark', { magic: 1 }], ['number', { number: 6 }]]) {
  test(`map() marks every pool of a page whose ${what} was overwritten`, () => {
    const image = lively();
    image.set('page', image.addPoolPage(5), values);
    assert.ok([...open(image).map().pools.state].every((s) => s === PoolState.DAMAGED));
  });
}

for (const entry of [16, 0x7fffffff, 0xfffffffc, 16 * 65536 - 40]) {
  test(`map() marks a page whose descriptors would lie at ${entry}`, () => {
    const image = lively();
    image.setPage(5, entry);
    assert.ok([...open(image).map().pools.state].every((s) => s === PoolState.DAMAGED));
  });
}

for (const [address, length] of [[0, 16], [16 * 65536 - 60, 16], [0xfffffff0, 0xffffffff],
  [1025, 9]]) {
  test(`map() refuses a page table at ${address} of ${length} entries`, () => {
    const image = lively();
    image.set('space', image.root, { page_table: address, page_table_len: length });
    assert.throws(() => open(image).map(), code('BAD_MEMORY', /page table/));
  });
}

test('map() follows the memory when it grows beyond the page table', () => {
  const image = lively();
  image.memory.grow(3);
  assert.equal(open(image).map().pages.length, 19);
});

test('check() says that a heap is sound', () => {
  const image = lively();
  image.export('pym_check', () => 0);
  image.export('pym_check_message', () => 0);
  assert.deepEqual({ ...open(image).check() }, { sound: true, message: '' });
  assert.deepEqual(image.calls.at(-1), ['pym_check', image.heap]);
});

test('check() needs exports and names the flag', () => {
  assert.throws(() => open(lively()).check(),
    code('NO_EXPORT', /--export=pym_check_message.*pymalloc::exports/));
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
  assert.deepEqual(image.calls.slice(1), [['pym_limit_set', image.heap, 3, 1000000, 2 ** 31],
    ['pym_limit_set', image.heap, 1, 5, 0xffffffff]]);
});

for (const [what, limits] of [
  ['an unknown domain', { objects: { hard: 1 } }], ['nothing', undefined],
  ['a number', { heap: 5 }], ['a fraction', { heap: { hard: 1.5 } }],
  ['a negative limit', { heap: { hard: -1 } }], ['4 GiB', { heap: { soft: 2 ** 32 } }],
  ['text', { heap: { hard: '5' } }]]) {
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
  assert.deepEqual(told, [['grow', 2, 16, 18], ['soft', 3, 'heap', 99], ['hard', 4, 'mem', 98],
    ['oom', 5]]);
  assert.deepEqual(heap.poll().events, []);
});

test('poll() counts the events that were overwritten', () => {
  const image = lively();
  const heap = open(image);
  for (let seq = 1; seq <= 100; seq++) image.addEvent(seq, {});
  const { events, missed } = heap.poll();
  assert.deepEqual(events.map((e) => e.seq), Array.from({ length: 32 }, (_, i) => 69 + i));
  assert.equal(missed, 68);
});

test('the numbers of events may wrap around', () => {
  const image = lively();
  image.addEvent(0xfffffffe, {});
  const heap = open(image);
  // 2^32 is a multiple of the ring's length, so slots go on as numbers do.
  for (const seq of [0xffffffff, 0, 1]) image.addEvent(seq, {});
  assert.deepEqual(heap.poll().events.map((e) => e.seq), [0xffffffff, 0, 1]);
});

test('events of another heap are not this one\'s', () => {
  const image = lively();
  const heap = open(image);
  image.addEvent(1, { heap: 2 });
  assert.deepEqual(heap.poll(), { events: [], missed: 0 });
});

test('a listener that throws does not keep the others from hearing', () => {
  const image = lively();
  const heap = open(image);
  const told = [];
  heap.on('grow', () => { throw new Error('mine'); });
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
  assert.throws(() => open(lively()).on('shrink', () => {}),
    code('BAD_ARGUMENT', /grow, limit and oom/));
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
    setTimeout(() => {}, 50);             // watch() alone does not keep Node running
  });
  assert.equal(event.type, 'oom');
  stop();
});
