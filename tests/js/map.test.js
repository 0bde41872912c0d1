import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PageKind, PoolState } from '../../js/src/index.js';
import { FLAG } from './lib/image.js';
import { code, ended, lively, open, segmented } from './lib/heaps.js';

const P = 65536;
const { FOREIGN, FREE, RAW, POOL, DAMAGED } = PageKind;

test('map() shows pages, pools and how full they are', () => {
  const { image } = segmented();
  const map = open(image).map();
  assert.deepEqual(
    [...map.pages],
    [
      FOREIGN,
      FOREIGN,
      FOREIGN,
      FOREIGN,
      POOL,
      FREE,
      FREE,
      RAW,
      RAW,
      RAW,
      ...Array(6).fill(FOREIGN),
    ],
  );
  assert.deepEqual(
    { ...map.totals },
    { foreign: 10, free: 2, raw: 3, pool: 1, damaged: 0, pools: 2, arenas: 1 },
  );
  assert.deepEqual([...map.poolCount], [0, 0, 0, 0, 2, ...Array(11).fill(0)]);
  assert.deepEqual([...map.firstPool], [0, 0, 0, 0, 0, ...Array(12).fill(2)]);
  const { address, owner, state, blockSize, blocks, capacity } = map.pools;
  assert.deepEqual([...address], [4 * P + 4096, 4 * P + 8192]);
  assert.deepEqual([...owner], [image.heap, image.heap]);
  assert.deepEqual([...state], [PoolState.USABLE, PoolState.FULL]);
  assert.deepEqual([...blockSize], [32, 512]);
  assert.deepEqual([...blocks], [5, 7]);
  assert.deepEqual([...capacity], [127, 7]);
  assert.deepEqual([...map.damage], []);
});

test('map() counts the bytes of blocks and of free chunks in each page that they touch', () => {
  const { rawBytes, freeBytes } = open(segmented().image).map();
  assert.deepEqual([...rawBytes.slice(3, 11)], [0, 4096 - 32, 0, 0, 1024 + 8, P, P - 8, 0]);
  assert.deepEqual([...freeBytes.slice(3, 11)], [0, P - 3 * 4096 + 8, P, P, P - 1024 - 8, 0, 0, 0]);
});

test('map() counts cached blocks as free', () => {
  const image = lively();
  image.addSegment(4 * P, 5 * P, [
    [2032, 'own'],
    [2032, 'raw'],
    [2048, 'own'],
  ]);
  const { rawBytes, freeBytes } = open(image).map();
  assert.equal(rawBytes[4], 2032 + 2048);
  assert.equal(freeBytes[4], P - 32 - 2032 - 2048);
});

test('a layout with gaps between its fields gives the same map', () => {
  const gap = (name, group) => (group === 'segment' ? 0 : (name.length % 4) * 8);
  const ours = open(segmented({ gap }).image).map();
  const sound = open(segmented().image).map();
  assert.deepEqual(
    [ours.pages, ours.rawBytes, ours.freeBytes, ours.pools.blocks],
    [sound.pages, sound.rawBytes, sound.freeBytes, sound.pools.blocks],
  );
});

/** An image with a second heap, whose segment is a block of the first: a pool after a raw block. */
function withInner(id, more = []) {
  const image = lively();
  const [block] = image.addSegment(4 * P, 8 * P, [[3 * P, 'raw']]);
  image.addHeap(image.end, id);
  image.set('heap', image.heap, { next: image.end });
  const from = block + 8;
  const chunks = [[4096 - 64, 'raw'], [4096, 'pool'], ...more];
  image.addSegment(from, from + 3 * P - 16, chunks, image.end);
  return image;
}

test('map() shows what lies in a segment of another heap, not the block that it is', () => {
  const image = withInner(7, [[512, 'raw']]);
  image.addPool(4 * P + 4096, { size: 64, used: 1 }, image.end);
  const map = open(image).map();
  assert.deepEqual([...map.pools.owner], [image.end]);
  assert.deepEqual([...map.pages.slice(4, 8)], [POOL, FREE, FREE, RAW]);
  assert.equal(map.rawBytes[4], 4096 - 32 + 512);
  assert.equal(map.freeBytes[4], P - 8192 - 512 + 8);
  assert.equal(map.damage.length, 0);
});

test('map() finds pools that lie in no segment, as those in arenas of a hook', () => {
  const image = lively();
  image.addSegment(4 * P, 8 * P, [[3 * P, 'raw']]); // such an arena may be one of our blocks
  image.addPool(5 * P, { size: 64, used: 1 });
  image.addPool(6 * P, { size: 64, used: 1 });
  image.addPool(10 * P, { size: 64, used: 1 });
  const map = open(image).map();
  assert.deepEqual([map.pages[5], map.pages[10]], [POOL, POOL]);
  assert.deepEqual([map.rawBytes[5], map.rawBytes[10]], [P - 4096 + 8, 0]);
  assert.equal(map.totals.arenas, 2);
});

for (const [what, values] of [
  ['block size is no class', { size: 36 }],
  ['block size is larger than any', { size: 520 }],
  ['block size wraps around', { size: 65528 }],
  ['count of blocks is its capacity, and one is free', { left: 127 }],
  ['count of blocks is more than its capacity', { left: 200 }],
  ['first free block lies in the pool behind it', { free: 8192 + 16 }],
  ['first free block lies before it', { free: 4096 - 16 }],
  ['first free block lies before its first', { free: 4096 + 8 }],
  ['first free block is no block', { free: 4096 + 24 }],
  ['first free block is too short for one', { free: 8192 - 16 }],
  ['heap is none', { heap: 77 }],
]) {
  test(`map() marks a pool whose ${what}`, () => {
    const { image } = segmented();
    assert.equal(image.readPool(4 * P + 4096).left, 5);
    image.set('pool', image.entry(4 * P + 4096), values);
    const { pools, damage, pages } = open(image).map();
    assert.deepEqual([...pools.state], [PoolState.DAMAGED, PoolState.FULL]);
    assert.equal(pools.address[0], 4 * P + 4096);
    assert.deepEqual(
      [pools.owner[0], pools.blockSize[0], pools.blocks[0], pools.capacity[0]],
      [0, 0, 0, 0],
    );
    assert.equal(damage.length, 0); // the chunks behind it are found all the same
    assert.equal(pages[8], RAW);
  });
}

test('map() tells the live blocks of pools that are current', () => {
  const { image } = segmented();
  const [small, large] = [4 * P + 4096, 4 * P + 8192];
  image.setCached(
    'obj',
    small,
    [0, 1, 2].map((i) => small + 16 + 32 * i),
  );
  image.setCached('mem', large, [large + 16]);
  const { blocks, state, capacity } = open(image).map().pools;
  assert.deepEqual([...blocks], [5 - 3, 7 - 1]);
  assert.deepEqual([...capacity], [127, 7]);
  assert.deepEqual([...state], [PoolState.USABLE, PoolState.USABLE]);
});

test('map() tells the live blocks of a pool that is current for two domains', () => {
  const { image } = segmented();
  const small = 4 * P + 4096;
  image.setCached('obj', small, [small + 16]);
  image.setCached('mem', small, [small + 48, small + 80]);
  assert.deepEqual([...open(image).map().pools.blocks], [2, 7]);
});

test('map() marks a pool with more cached blocks than were taken from it', () => {
  const { image } = segmented();
  const small = 4 * P + 4096;
  image.setCached('obj', small, []);
  image.set('list', image.list('obj', 4), { count: 6 });
  const { pools } = open(image).map();
  assert.deepEqual([...pools.state], [PoolState.DAMAGED, PoolState.FULL]);
  assert.deepEqual(
    [pools.owner[0], pools.blockSize[0], pools.blocks[0], pools.capacity[0]],
    [0, 0, 0, 0],
  );
});

test("map() takes a list from no pool but its class's current one", () => {
  const { image } = segmented();
  const small = 4 * P + 4096;
  image.setCached('obj', small, [small + 16]);
  const count = (unit) => {
    image.set('heap', image.heap, { current: { [65 + 4]: unit } });
    return [...open(image).map().pools.blocks];
  };
  assert.deepEqual(count(small / 4096), [4, 7]);
  for (const unit of [0, small / 4096 + 1, 4 * 16, 256, 2 ** 20, 2 ** 32 - 1]) {
    assert.deepEqual(count(unit), [5, 7], `current is ${unit}`);
  }
});

test('map() takes the list of another heap from no pool of this one', () => {
  const { image } = segmented();
  const small = 4 * P + 4096;
  image.addHeap(image.end, 7);
  image.set('heap', image.heap, { next: image.end });
  image.setCached('obj', small, [small + 16], image.end);
  assert.deepEqual([...open(image).map().pools.blocks], [5, 7]);
});

test('map() marks a pool of a heap that does not live', () => {
  const { image } = segmented();
  const small = 4 * P + 4096;
  for (const heap of [0, 2, 0xffff]) {
    image.set('pool', image.entry(small), { heap });
    assert.equal(open(image).map().pools.state[0], PoolState.DAMAGED, `${heap}`);
  }
});

test("of heaps whose ids end alike a pool is that one's in whose segment it lies", () => {
  const image = withInner(65537);
  image.addPool(4 * P + 4096, { size: 64, used: 1 }, image.end);
  image.addPool(7 * P + 4096, { size: 64, used: 2 });
  image.addPool(10 * P, { size: 64, used: 3 }); // in no segment of either
  image.setCached('obj', 4 * P + 4096, [4 * P + 4096 + 16], image.end);
  const { owner, blocks, state } = open(image).map().pools;
  assert.deepEqual([...owner], [image.end, image.heap, 0]);
  assert.deepEqual([...blocks], [0, 2, 0]);
  assert.deepEqual([...state], [PoolState.USABLE, PoolState.USABLE, PoolState.DAMAGED]);
});

for (const [what, change] of [
  ['has a damaged check word', (i, at) => i.view.setUint32(at, 1, true)],
  ["is another heap's", (i, at) => i.setChunk(at, 4096 | FLAG.inUse, 64)],
  ['has no size', (i, at) => i.setChunk(at, FLAG.inUse)],
  ['has no size and is free', (i, at) => i.setChunk(at, 0)],
  ['is smaller than any', (i, at) => i.setChunk(at, 8)],
  ['ends past its segment', (i, at) => i.setChunk(at, 6 * P)],
  ['ends at 4 GiB', (i, at) => i.setChunk(at, 0xfffffff0)],
]) {
  test(`map() stops at a chunk that ${what}, and goes on in the next segment`, () => {
    const { image, chunks } = segmented();
    image.addSegment(12 * P, 13 * P, [[1024, 'raw']]);
    change(image, chunks[3]); // the free one
    const map = ended(() => open(image).map());
    assert.deepEqual([...map.damage], [chunks[3]]);
    assert.deepEqual(
      [...map.pages.slice(4, 13)],
      [POOL, ...Array(5).fill(DAMAGED), FOREIGN, FOREIGN, RAW],
    );
    assert.equal(map.totals.damaged, 5);
    assert.deepEqual([...map.pools.state], [PoolState.USABLE, PoolState.FULL]);
  });
}

test('map() does not step over a pool that would end past its segment', () => {
  const image = lively();
  const { segment_header: header } = image.layout.constants;
  const [chunk] = image.addSegment(5 * P - 8 - header, 5 * P + 4096 - 16, [[4080 - 8, 'raw']]);
  image.addPool(5 * P, { size: 32, used: 5 });
  image.setChunk(chunk, 4096 | FLAG.inUse);
  const map = open(image).map();
  assert.deepEqual([...map.damage], [chunk]);
});

test('a segment that is its own next ends in a typed error', () => {
  const { image } = segmented();
  image.set('segment', 4 * P, { next: 4 * P });
  assert.throws(() => ended(() => open(image).map()), code('BAD_MEMORY', /overlap, or .* a loop/));
});

test('a loop of the shortest segments ends in a typed error', () => {
  const image = lively();
  const { segment_header: header } = image.layout.constants;
  const short = header + 8;
  image.addSegment(5 * P, 5 * P + short);
  image.addSegment(6 * P, 6 * P + short);
  image.set('segment', 5 * P, { next: 6 * P });
  assert.throws(() => ended(() => open(image).map()), code('BAD_MEMORY', /overlap, or .* a loop/));
});

test("a heap in nearly all of the default heap's memory is no overlap", () => {
  const image = lively();
  const [block] = image.addSegment(4 * P, 16 * P, [[11 * P, 'raw']]);
  image.addHeap(image.end, 7);
  image.set('heap', image.heap, { next: image.end });
  image.addSegment(block + 8, block + 8 + 11 * P - 16, [], image.end);
  assert.equal(open(image).map().totals.free, 10);
});

test('segments of another heap may be no longer than the memory either', () => {
  const { image } = segmented();
  image.addHeap(image.end, 7);
  image.set('heap', image.heap, { next: image.end });
  image.addSegment(12 * P, 13 * P, [], image.end);
  open(image).map();
  image.set('segment', 12 * P, { next: 12 * P });
  assert.throws(() => ended(() => open(image).map()), code('BAD_MEMORY', /overlap, or .* a loop/));
});

for (const [what, from, end] of [
  ['ends before it begins', 4 * P, 4 * P - 16],
  ['has no room for a chunk', 4 * P, 4 * P],
  ['ends behind the memory', 4 * P, 17 * P],
  ['ends at no multiple of 16', 4 * P, 10 * P - 8],
]) {
  test(`map() refuses a segment that ${what}`, () => {
    const { image } = segmented();
    image.set('segment', from, { end });
    assert.throws(() => open(image).map(), code('BAD_MEMORY', /the segment at 0x40000/));
  });
}

for (const from of [8, 4 * P + 8, 16 * P - 8, 16 * P, 0xfffffff0]) {
  test(`map() refuses a segment at ${from}`, () => {
    const { image } = segmented();
    image.set('heap', image.heap, { segments: from });
    assert.throws(() => open(image).map(), code('BAD_MEMORY', /a segment would lie at/));
  });
}

for (const leaf of [4, 16 * P - 8192 + 8, 16 * P, 0xfffffff8]) {
  test(`map() refuses a leaf of the pool table at ${leaf}`, () => {
    const image = lively();
    image.set('space', image.root, { leaves: { 0: leaf } });
    assert.throws(() => open(image).map(), code('BAD_MEMORY', /a leaf of the pool table/));
    assert.throws(() => open(image).blocks(4 * P), code('BAD_MEMORY', /a leaf of the pool table/));
  });
}

test('map() finds chunks, and no pools, where the pool table has no leaf', () => {
  const { image } = segmented();
  image.set('space', image.root, { leaves: { 0: 0 } });
  const map = open(image).map();
  assert.equal(map.pools.address.length, 0);
  assert.deepEqual([map.pages[4], map.rawBytes[4], map.pages[9]], [RAW, 4096 - 32 + 8192, RAW]);
  assert.equal(map.freeBytes[4], P - 3 * 4096 + 8);
});

test('map() reads no entry of the pool table for what lies behind the memory', () => {
  const image = lively();
  image.addPool(16 * P - 4096, { size: 32, used: 127 }); // the last one that there is
  image.set('pool', image.entry(16 * P), { size: 32, heap: 1 });
  image.set('space', image.root, { leaves: { 1: 1, 1023: 1 } });
  assert.deepEqual([...open(image).map().pools.address], [16 * P - 4096]);
});

test('map() finds the pools of each leaf', () => {
  const image = lively({ pages: 200, maximum: 200 });
  for (const at of [64 * P - 4096, 64 * P, 130 * P]) image.addPool(at, { size: 64, used: 9 });
  const { address, blocks } = open(image).map().pools;
  assert.deepEqual([...address], [64 * P - 4096, 64 * P, 130 * P]);
  assert.deepEqual([...blocks], [9, 9, 9]);
});

test('map() follows the memory when it grows', () => {
  const image = lively();
  image.memory.grow(3);
  const map = open(image).map();
  assert.equal(map.pages.length, 19);
  assert.equal(map.firstPool.length, 20);
});

test('map() ends in a typed error when the list of heaps is a loop', () => {
  const image = lively();
  image.set('heap', image.heap, { next: image.heap });
  assert.throws(() => open(image).map(), code('BAD_MEMORY', /loop/));
});

/** A map's arrays, to compare it. */
const plain = (map) =>
  Object.fromEntries(
    Object.entries({ ...map, ...map.pools })
      .map(([name, value]) => [name, ArrayBuffer.isView(value) ? [...value] : value])
      .filter(([name]) => name !== 'buffer' && name !== 'pools'),
  );

test('map() without pools has the pages all the same', () => {
  const heap = open(segmented().image);
  const all = heap.map();
  const { pages, poolCount, rawBytes, freeBytes, totals, pools, firstPool } = heap.map({
    pools: false,
  });
  assert.deepEqual(
    { pages, poolCount, rawBytes, freeBytes, totals },
    {
      pages: all.pages,
      poolCount: all.poolCount,
      rawBytes: all.rawBytes,
      freeBytes: all.freeBytes,
      totals: all.totals,
    },
  );
  assert.equal(pools.address.length, 0);
  assert.ok(firstPool.every((k) => k === 0));
});

test('map() of a range has the pools of the pages that it touches', () => {
  const { image } = segmented();
  image.addPool(12 * P, { size: 16, used: 3 });
  const heap = open(image);
  const at = (from, to) => [...heap.map({ pools: { from, to } }).pools.address];
  assert.deepEqual(at(0, 4 * P), []);
  assert.deepEqual(at(4 * P, 4 * P + 1), [4 * P + 4096, 4 * P + 8192]);
  assert.deepEqual(at(5 * P - 1, 12 * P + 1), [4 * P + 4096, 4 * P + 8192, 12 * P]);
  assert.deepEqual(at(5 * P, 2 ** 32), [12 * P]);
  assert.deepEqual(at(2 ** 40, 2 ** 41), []);
  const { firstPool, totals } = heap.map({ pools: { from: 5 * P, to: 16 * P } });
  assert.deepEqual([...firstPool], [...Array(13).fill(0), ...Array(4).fill(1)]);
  assert.equal(totals.pools, 3);
});

test('map() reads no entry of a pool that was not asked for', () => {
  const { image } = segmented();
  image.set('pool', image.entry(4 * P + 4096), { heap: 77 });
  const heap = open(image);
  assert.equal(heap.map().pools.state[0], PoolState.DAMAGED);
  assert.equal(heap.map({ pools: { from: 0, to: P } }).pools.state.length, 0);
});

for (const pools of ['all', 7, { from: -1, to: 4 }, { from: 5, to: 4 }, { from: 5 }, null]) {
  test(`map() takes no pools: ${JSON.stringify(pools)}`, () => {
    assert.throws(() => open(lively()).map({ pools }), code('BAD_ARGUMENT', /from, to/));
  });
}

test('map() into an earlier result is the same map on the same buffer', () => {
  const { image } = segmented();
  const heap = open(image);
  const first = heap.map();
  image.addPool(12 * P, { size: 16, used: 3 });
  const second = heap.map({ into: first, pools: false });
  assert.equal(second.buffer, first.buffer);
  assert.deepEqual(plain(second), plain(heap.map({ pools: false })));
  const range = { from: 9 * P, to: 16 * P };
  const ranged = heap.map({ into: heap.map(), pools: range });
  assert.deepEqual(plain(ranged), plain(heap.map({ pools: range })));
  const third = heap.map({ into: second }); // one pool more: it needs more room
  assert.deepEqual(plain(third), plain(heap.map()));
  const fourth = heap.map({ into: third });
  assert.equal(fourth.buffer, third.buffer);
  assert.deepEqual(plain(fourth), plain(heap.map()));
});

test('map() into a result that was transferred gets new memory', () => {
  const heap = open(segmented().image);
  const first = heap.map();
  const sent = structuredClone(first, { transfer: [first.buffer] });
  assert.equal(first.pages.length, 0);
  assert.deepEqual(plain(sent), plain(heap.map()));
  assert.deepEqual(plain(heap.map({ into: first })), plain(heap.map()));
});

test('map() into the buffer of a result that came back from another thread', () => {
  const heap = open(segmented().image);
  const first = heap.map();
  const there = structuredClone(first, { transfer: [first.buffer] });
  const back = structuredClone(there.buffer, { transfer: [there.buffer] });
  new Uint8Array(back).fill(0xaa);
  const second = heap.map({ into: back });
  assert.equal(second.buffer, back);
  assert.deepEqual(plain(second), plain(heap.map()));
  assert.throws(() => heap.map({ into: second.pages }), code('BAD_ARGUMENT', /or the buffer/));
});

test('map() into a result that was used before is refused, and so is a copy', () => {
  const heap = open(segmented().image);
  const first = heap.map();
  heap.map({ into: first });
  assert.throws(() => heap.map({ into: first }), code('BAD_ARGUMENT', /not passed before/));
  assert.throws(() => heap.map({ into: structuredClone(heap.map()) }), code('BAD_ARGUMENT'));
});
