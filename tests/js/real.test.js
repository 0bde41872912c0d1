/** The reader on the real library, inside lua.wasm: what it reads must agree with itself, with the
 *  guest's own recount and with what was done. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WASI } from 'node:wasi';

import { Heap, PageKind, PoolState, PymallocError } from '../../js/src/index.js';
import { built } from './lib/run.js';

const module = new WebAssembly.Module(readFileSync(built('lua/lua.wasm')));

/** @param {string | null} program  run to its end, which is os.exit: everything stays alive
 *  @param {(heap: Heap) => void} [before] */
function lua(program, before = () => {}) {
  const wasi = new WASI({
    version: 'preview1',
    args: ['lua', '-e', `${program} os.exit(0, false)`],
  });
  const plain = Object.fromEntries(
    Object.entries(wasi.wasiImport).map(([name, fn]) => [
      name,
      (...args) => Reflect.apply(fn, undefined, args),
    ]),
  );
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: plain });
  let calls = 0;
  const exports = Object.fromEntries(
    Object.entries(instance.exports).map(([name, value]) => [
      name,
      typeof value === 'function'
        ? (...args) => {
            calls++;
            return value(...args);
          }
        : value,
    ]),
  );
  const heap = Heap.from(module, { exports });
  before(heap);
  if (program !== null) assert.equal(wasi.start(instance), 0);
  return { heap, exports, calls: () => calls };
}

const objects =
  'keep = {} for i = 1, 50000 do keep[i] = {tostring(i)} end '
  + 'for i = 1, 50000, 3 do keep[i] = nil end collectgarbage() big = string.rep("x", 5000000)';

test('a heap that was never used reads as empty', () => {
  const { heap } = lua(null);
  const { domains, pools } = heap.stats();
  assert.equal(domains.object.totalBlocks, 0);
  assert.equal(pools, 0);
  assert.equal(heap.map().pools.address.length, 0);
});

test('live bytes and blocks are what the program keeps', () => {
  const { heap } = lua(objects);
  const { object, mem, raw } = heap.stats().domains;
  assert.ok(object.liveBytes > 5000000 + 33333 * (56 + 16), `${object.liveBytes}`);
  assert.ok(object.liveBlocks > 33333 * 2 && object.liveBlocks < 33333 * 4, `${object.liveBlocks}`);
  assert.ok(object.totalBlocks > object.liveBlocks);
  assert.deepEqual([mem.totalBlocks, raw.totalBlocks], [0, 0]);
});

test("the guest's recount agrees, and the map with the statistics", () => {
  const { heap } = lua(objects);
  assert.deepEqual({ ...heap.check() }, { sound: true, message: '' });
  const stats = heap.stats();
  const map = heap.map();
  const { pages, totals, pools, firstPool, rawBytes, freeBytes } = map;
  assert.equal(pages.length, stats.pages.memory);
  assert.equal(totals.foreign, stats.pages.foreign);
  assert.equal(totals.free + totals.raw + totals.pool, stats.pages.owned);
  assert.deepEqual([totals.damaged, ...map.damage], [0]);
  pages.forEach((kind, p) => assert.equal(kind === PageKind.POOL, firstPool[p + 1] > firstPool[p]));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  assert.equal(sum(freeBytes), stats.raw.freeBytes + stats.raw.cachedBytes);
  // A segment has a header, and one more at its end.
  assert.equal(
    sum(rawBytes) + sum(freeBytes) + stats.pools * stats.poolBytes + stats.raw.segments * 32,
    stats.raw.bytes,
  );
  const { address, owner, state, blockSize, blocks, capacity } = pools;
  assert.equal(address.length, stats.pools);
  assert.ok(owner.every((o) => o === heap.address));
  assert.ok(!state.includes(PoolState.DAMAGED));
  for (const c of stats.classes) {
    let held = 0;
    let out = 0;
    state.forEach((s, i) => {
      if (blockSize[i] !== c.blockSize) return;
      held++;
      out += blocks[i];
      assert.ok(blocks[i] <= capacity[i]);
      assert.equal(s === PoolState.FULL, blocks[i] === capacity[i]);
    });
    assert.equal(held, c.pools, `pools of ${c.blockSize}`);
    assert.ok(out >= c.liveBlocks, `${out} of ${c.blockSize} out, ${c.liveBlocks} live`);
  }
});

test('cached blocks are free, and no block of a live program is taken for one', () => {
  const { heap } = lua(
    'for i = 1, 50 do local s = string.rep("x", 600 + 100 * i) end ' + 'collectgarbage()',
  );
  const { raw, lost, domains } = heap.stats();
  assert.ok(raw.cachedBytes > 600, `${raw.cachedBytes}`);
  const sum = heap.map().freeBytes.reduce((a, b) => a + b, 0);
  assert.equal(sum, raw.freeBytes + raw.cachedBytes);
  assert.equal(
    domains.object.liveBytes
      + lost.bookkeeping
      + lost.headers
      + lost.freePoolSpace
      + lost.freeChunks,
    raw.bytes,
  );
});

test('no loss is negative, and with the live bytes they make up the segments', () => {
  const { domains, lost, raw } = lua(objects).heap.stats();
  for (const [name, value] of Object.entries(lost)) assert.ok(value >= 0, `${name}: ${value}`);
  const live = domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;
  assert.equal(
    live + lost.bookkeeping + lost.headers + lost.freePoolSpace + lost.freeChunks,
    raw.bytes,
  );
});

test('stats(), map(), limits, heaps() and poll() call no guest function', () => {
  const { heap, calls } = lua(objects);
  const before = calls();
  heap.stats();
  heap.map();
  heap.heaps();
  heap.poll();
  assert.ok(heap.limits);
  assert.equal(calls(), before);
});

test('growth is told, from the page it started at', () => {
  let told = [];
  const { heap } = lua(objects, (h) => h.on('grow', (e) => told.push(e)));
  const { events, missed } = heap.poll();
  assert.ok(told.length > 0 && told.length === events.length);
  assert.equal(told.length + missed, heap.stats().growth.grows);
  for (const e of told) assert.ok(e.pagesAfter > e.pagesBefore && e.domain === 'object');
  assert.equal(told.at(-1).pagesAfter, heap.stats().pages.memory);
});

test('limits that are set are in force, told and read back', () => {
  const { heap } = lua('pcall(string.rep, "x", 5000000)', (h) => {
    h.setLimits({ heap: { hard: 4 << 20 }, object: { soft: 10000 } });
    assert.deepEqual({ ...h.limits.heap }, { soft: null, hard: 4 << 20 });
    assert.deepEqual({ ...h.limits.object }, { soft: 10000, hard: null });
  });
  assert.ok(heap.stats().domains.object.failures > 0);
  const limits = heap.poll().events.filter((e) => e.type === 'limit');
  assert.deepEqual(limits.find((e) => e.limit === 'soft')?.domain, 'object');
  const hard = limits.find((e) => e.limit === 'hard');
  assert.ok(hard && hard.bytes >= 5000000, JSON.stringify(limits));
});

test('a second heap is found, has its own counters, and is gone when destroyed', () => {
  const { heap, exports } = lua('x = 1'); // before the start a module may not call its host
  const address = exports.pym_heap_new() >>> 0;
  const heaps = heap.heaps();
  assert.deepEqual(
    heaps.map((h) => h.address),
    [heap.address, address],
  );
  heaps[1].setLimits({ heap: { hard: 1000 } });
  assert.equal(heaps[1].stats().hardLimit, 1000);
  assert.equal(heap.stats().hardLimit, null);
  assert.ok(heap.check().sound && heaps[1].check().sound);
  exports.pym_heap_destroy(address);
  assert.equal(heap.heaps().length, 1);
  assert.throws(
    () => heaps[1].stats(),
    (e) => e instanceof PymallocError && e.code === 'HEAP_GONE',
  );
});

test('check() tells what was damaged', () => {
  const { heap, exports } = lua(objects);
  // Counters lie in the heap's structure: one of them, one too many.
  const view = new DataView(exports.memory.buffer);
  const stats = heap.stats();
  for (let at = heap.address; at < heap.address + 8192; at += 4) {
    if (view.getUint32(at, true) !== stats.pools) continue;
    view.setUint32(at, stats.pools + 1, true);
    const { sound, message } = heap.check();
    assert.equal(sound, false);
    assert.match(message, /at 0x/);
    return;
  }
  assert.fail('the counter of pools was not found');
});
