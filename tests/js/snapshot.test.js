import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createHeapSync, diff, snapshotFromJSON, snapshotToJSON } from '../../js/src/index.node.js';
import { code } from './lib/heaps.js';
import { randomFrom } from './lib/image.js';

/** A heap that changes between two snapshots, and what was done to it. */
function twoMoments() {
  const a = createHeapSync();
  const kept = Array.from({ length: 3000 }, () => a.object.malloc(48));
  const gone = Array.from({ length: 1000 }, () => a.mem.malloc(256));
  const big = a.raw.malloc(300000);
  const before = a.heap.snapshot();
  for (const p of kept.splice(0, 500)) a.object.free(p);
  for (const p of gone) a.mem.free(p);
  for (let i = 0; i < 2000; i++) a.object.malloc(16);
  a.raw.free(big);
  a.raw.malloc(1000000);
  a.exports.pym_heap_trim(a.heap.address); // what was freed is back in its pools
  return { allocator: a, before, after: a.heap.snapshot() };
}

test('diff() tells what each domain allocated and freed', () => {
  const { before, after } = twoMoments();
  const { domains, ms } = diff(before, after);
  assert.deepEqual(
    { ...domains.object },
    {
      liveBlocks: 1500,
      liveBytes: 2000 * 16 - 500 * 48,
      peakBytes: after.stats.domains.object.peakBytes - before.stats.domains.object.peakBytes,
      allocatedBlocks: 2000,
      allocatedBytes: 32000,
      freedBlocks: 500,
      freedBytes: 24000,
      failures: 0,
    },
  );
  assert.equal(domains.mem.freedBlocks, 1000);
  assert.equal(domains.mem.liveBytes, -256000);
  assert.equal(domains.raw.allocatedBlocks, 1);
  assert.equal(domains.raw.freedBlocks, 1);
  assert.ok(ms >= 0 && ms < 60000);
});

test('diff() names the size classes that changed, and no others', () => {
  const { before, after } = twoMoments();
  const { classes } = diff(before, after);
  assert.deepEqual(
    classes.map((c) => [c.blockSize, c.liveBlocks, c.allocatedBlocks, c.freedBlocks]),
    [
      [16, 2000, 2000, 0],
      [48, -500, 0, 500],
      [256, -1000, 0, 1000],
    ],
  );
  assert.ok(classes[0].pools > 0 && classes[2].pools < 0);
  assert.deepEqual(diff(after, after).classes, []);
});

test('diff() finds pools that are gone, new, changed and the same', () => {
  const { before, after } = twoMoments();
  const { added, gone, changed, blocks, same } = diff(before, after).pools;
  const list = ({ map: { pools } }) =>
    new Map(
      Array.from(pools.address, (at, i) => [
        at,
        [pools.owner[i], pools.blockSize[i], pools.blocks[i]].join(),
      ]),
    );
  const [from, to] = [list(before), list(after)];
  const kind = (entry) => entry?.split(',').slice(0, 2).join();
  const wanted = { added: [], gone: [], changed: [], same: 0 };
  for (const at of new Set([...from.keys(), ...to.keys()])) {
    const [a, b] = [from.get(at), to.get(at)];
    if (kind(a) !== kind(b)) {
      if (a) wanted.gone.push(at);
      if (b) wanted.added.push(at);
    } else if (a === b) {
      wanted.same++;
    } else {
      wanted.changed.push(at);
    }
  }
  const sorted = (numbers) => [...numbers].sort((x, y) => x - y);
  assert.deepEqual(
    [[...added], [...gone], [...changed], same],
    [sorted(wanted.added), sorted(wanted.gone), sorted(wanted.changed), wanted.same],
  );
  assert.ok(added.length > 0 && gone.length > 0 && changed.length > 0 && same > 0);
  assert.equal(blocks.length, changed.length);
  assert.equal(blocks.reduce((sum, n) => sum + n, 0) < 0, true);
});

test('diff() counts pages by kind and names those that changed', () => {
  const { before, after } = twoMoments();
  const { pages, raw, lost, growth } = diff(before, after);
  const { memory, owned, kinds, changed } = pages;
  assert.equal(memory, after.map.pages.length - before.map.pages.length);
  assert.ok(memory > 5 && owned === memory);
  assert.equal(kinds.foreign + kinds.free + kinds.raw + kinds.pool + kinds.damaged, memory);
  assert.ok(changed.length >= memory);
  for (const p of changed) assert.notEqual(before.map.pages[p], after.map.pages[p]);
  assert.equal(raw.bytes, after.stats.raw.bytes - before.stats.raw.bytes);
  assert.equal(lost.freeChunks, after.stats.lost.freeChunks - before.stats.lost.freeChunks);
  assert.ok(growth.grows >= 1);
});

for (const what of ['owner', 'blockSize']) {
  test(`a pool at the same address with another ${what} is gone, and another one added`, () => {
    const json = snapshotToJSON(twoMoments().before);
    const other = structuredClone(json);
    other.map.pools[what][5] += 8;
    const { added, gone, changed, same } = diff(
      snapshotFromJSON(json),
      snapshotFromJSON(other),
    ).pools;
    const at = json.map.pools.address[5];
    assert.deepEqual([[...added], [...gone], [...changed]], [[at], [at], []]);
    assert.equal(same, json.map.pools.address.length - 1);
  });
}

test('a difference and its opposite cancel out', () => {
  const { before, after } = twoMoments();
  const [there, back] = [diff(before, after), diff(after, before)];
  assert.equal(there.domains.raw.liveBytes, -back.domains.raw.liveBytes);
  assert.deepEqual(there.pools.added, back.pools.gone);
  assert.deepEqual(
    [...there.pools.blocks].map((n) => -n),
    [...back.pools.blocks],
  );
});

test('a snapshot is the same after structuredClone, and after JSON', () => {
  const { before, after } = twoMoments();
  const cloned = structuredClone(before);
  const read = snapshotFromJSON(JSON.parse(JSON.stringify(snapshotToJSON(before))));
  assert.deepEqual(snapshotToJSON(cloned), snapshotToJSON(before));
  assert.deepEqual(snapshotToJSON(read), snapshotToJSON(before));
  assert.deepEqual(diff(cloned, after), diff(before, after));
  assert.deepEqual(diff(read, after), diff(before, after));
  assert.deepEqual(diff(before, cloned).pools.changed.length, 0);
});

test('a snapshot does not change with the heap, nor by whoever holds it', () => {
  const { allocator, before } = twoMoments();
  const text = JSON.stringify(snapshotToJSON(before));
  for (let i = 0; i < 10000; i++) allocator.malloc(i % 1000);
  assert.equal(JSON.stringify(snapshotToJSON(before)), text);
  for (const part of [before, before.map, before.stats]) assert.ok(Object.isFrozen(part));
});

test('snapshots of two heaps have no difference', () => {
  const { allocator, before } = twoMoments();
  allocator.exports.pym_heap_new();
  const other = allocator.heap.heaps()[1].snapshot();
  assert.throws(() => diff(before, other), code('BAD_SNAPSHOT', /heap 1.*heap 2/));
});

test('size classes that differ have no difference', () => {
  const json = snapshotToJSON(createHeapSync().heap.snapshot());
  const changed = structuredClone(json);
  changed.stats.classes[3].blockSize = 31;
  const fewer = structuredClone(json);
  fewer.stats.classes.pop();
  for (const other of [changed, fewer]) {
    assert.throws(
      () => diff(snapshotFromJSON(json), snapshotFromJSON(other)),
      code('BAD_SNAPSHOT', /classes/),
    );
  }
});

for (const [what, value] of Object.entries({
  nothing: undefined,
  null: null,
  text: 'snapshot',
  'another version': { version: 2 },
  'an empty one': { version: 1 },
})) {
  test(`${what} in place of a snapshot is refused`, () => {
    const { before } = twoMoments();
    assert.throws(() => diff(before, value), code('BAD_SNAPSHOT'));
    assert.throws(() => snapshotFromJSON(value), code('BAD_SNAPSHOT'));
    assert.throws(() => snapshotToJSON(value), code('BAD_SNAPSHOT'));
  });
}

for (const [what, change] of Object.entries({
  'of another version': (s) => ({ ...s, version: 2 }),
  'with a list of pools too short': ({ map, ...s }) => ({
    ...s,
    map: { ...map, firstPool: map.firstPool.slice(1) },
  }),
  'with a page too few': ({ map, ...s }) => ({ ...s, map: { ...map, pages: map.pages.slice(1) } }),
  'without pools': ({ map, ...s }) => ({ ...s, map: { ...map, pools: undefined } }),
  'with an array that is another': ({ map, ...s }) => ({
    ...s,
    map: { ...map, pools: { ...map.pools, blocks: map.pools.address } },
  }),
  'with text for a number': ({ stats, ...s }) => ({ ...s, stats: { ...stats, pools: '3' } }),
})) {
  test(`a snapshot ${what} has no difference to another`, () => {
    const { before } = twoMoments();
    assert.throws(() => diff(before, change(before)), code('BAD_SNAPSHOT'));
    assert.throws(() => diff(change(before), before), code('BAD_SNAPSHOT'));
  });
}

const SEED = Number(process.env.SEED ?? Date.now() % 1e9);

test(`whatever a file holds, it is a snapshot or a typed error (SEED=${SEED})`, () => {
  const { before, after } = twoMoments();
  const random = randomFrom(SEED);
  const json = JSON.parse(JSON.stringify(snapshotToJSON(before)));
  const paths = [];
  const walk = (value, path) => {
    paths.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value).slice(0, 8)) walk(value[key], [...path, key]);
  };
  walk(json, []);
  const values = [null, undefined, '', -1, 1.5, 2 ** 40, NaN, [], {}, [[]], { length: 3 }, true];
  let refused = 0;
  for (const path of paths.filter((p) => p.length > 0)) {
    const last = path.at(-1);
    const holder = path.slice(0, -1).reduce((o, key) => o[key], json);
    const kept = holder[last];
    holder[last] = values[random(values.length)];
    try {
      diff(snapshotFromJSON(json), after);
    } catch (error) {
      assert.equal(error.code, 'BAD_SNAPSHOT', `SEED=${SEED} ${path.join('.')}: ${error.stack}`);
      refused++;
    }
    holder[last] = kept;
  }
  assert.ok(refused > paths.length / 2, `${refused} of ${paths.length}`);
});
