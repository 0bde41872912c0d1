/** Heaps in a memory with 64-bit addresses, whose blocks lie below and above 4 GiB: what JavaScript
 *  reads is what the library in C says.  tests/js/wasm64.test.js runs this file with a Node.js that
 *  has such memories. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';

import {
  BlockState,
  ChunkKind,
  Heap,
  PageKind,
  diff,
  profilable,
  snapshotFromJSON,
} from '../../../js/src/index.node.js';
import { HeapMetrics } from '../../../js/src/metrics.js';
import { memoryReport } from '../../../js/src/report.js';
import { maxGrowth, noLeaks } from '../../../js/src/test.js';
import { randomFrom } from '../lib/image.js';
import { built } from '../lib/run.js';
import { Code } from '../../../js/page/src/ui/palette.js';
import { PER_PAGE, unitsOf } from '../../../js/page/src/ui/units.js';

const GIB = 2 ** 30;
const PAGE = 65536;
const [MEM, OBJECT] = [1, 2];

const module = new WebAssembly.Module(readFileSync(built('js-wasm64/heap64-profile.wasm')));
/** @type {Record<string, any>} */
let e;
let memory;
let heap;
let second;

before(() => {
  const instance = new WebAssembly.Instance(module, profilable());
  e = instance.exports;
  memory = e.memory;
  const other = Number(e.fill());
  heap = Heap.from(module, instance);
  second = heap.heaps().find((one) => one.address === other);
});

const view = () => new DataView(memory.buffer);
const u64s = (at, n) =>
  Array.from({ length: n }, (_, i) => Number(view().getBigUint64(Number(at) + 8 * i, true)));
const byAddress = (list) => list.sort((a, b) => a[0] - b[0]);

/** What pym_walk meets in a heap. */
function walked(one) {
  const met = { pools: [], blocks: [], raw: [], free: [] };
  const n = e.walk(BigInt(one.address));
  assert.ok(n > 0, 'the walk came to its end');
  const at = Number(e.walked());
  for (let i = 0; i < n; i++) {
    const [what, address, size, count, domain] = u64s(at + 40 * i, 5);
    if (what === 1) met.pools.push([address, size, count]);
    if (what === 2) met.blocks.push([address, size]);
    if (what === 3) met.raw.push([address, size, domain]);
    if (what === 4) met.free.push([address, size]);
  }
  for (const list of Object.values(met)) byAddress(list);
  return met;
}

/** The same as JavaScript reads it. */
function read(one) {
  const found = { pools: [], blocks: [], raw: [], free: [] };
  const { pools } = one.map();
  pools.address.forEach((address, k) => {
    if (pools.owner[k] !== one.address) return;
    found.pools.push([address, pools.blockSize[k], pools.blocks[k]]);
    const { first, blockSize, states } = one.blocks(address);
    states.forEach((state, i) => {
      if (state === BlockState.LIVE) found.blocks.push([first + i * blockSize, blockSize]);
    });
  });
  const { address, bytes, kind, domain, owner } = one.chunks(0, memory.buffer.byteLength);
  address.forEach((at, i) => {
    if (owner[i] !== one.address) return;
    const header = one.chunkHeader;
    if (kind[i] === ChunkKind.RAW) found.raw.push([at + header, bytes[i] - header, domain[i]]);
    if (kind[i] === ChunkKind.FREE || kind[i] === ChunkKind.CACHED) found.free.push([at, bytes[i]]);
  });
  for (const list of Object.values(found)) byAddress(list);
  return found;
}

function same(one) {
  const [expected, actual] = [walked(one), read(one)];
  assert.deepEqual(actual, expected);
  const { domains } = one.stats();
  ['raw', 'mem', 'object'].forEach((name, d) => {
    const [liveBlocks, liveBytes, peakBytes, totalBlocks, totalBytes, failures] = u64s(
      e.domain_stats(BigInt(one.address), d),
      6,
    );
    const { softLimit, hardLimit, ...counters } = domains[name];
    assert.ok(softLimit === null || hardLimit === null || softLimit <= hardLimit);
    assert.deepEqual(counters, {
      liveBytes,
      liveBlocks,
      peakBytes,
      totalBlocks,
      totalBytes,
      failures,
    });
  });
  return actual;
}

test('live and free blocks of both heaps are those of pym_walk, below and above 4 GiB', () => {
  const found = same(heap);
  const high = (list) => list.filter(([at]) => at > 4 * GIB).length;
  for (const [what, list] of Object.entries(found)) {
    assert.ok(list.length > 0 && high(list) > 0, `${what} above 4 GiB`);
  }
  assert.ok(high(found.pools) < found.pools.length, 'pools below 4 GiB');
  assert.ok(found.raw.some(([, bytes]) => bytes > 4.5 * GIB && bytes < 4.51 * GIB));
  assert.equal(high(same(second).blocks), same(second).blocks.length);
});

test('stats() adds up: live bytes and losses are the bytes of the segments', () => {
  const { domains, lost, raw, pages } = heap.stats();
  const live = domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;
  const { bookkeeping, headers, freePoolSpace, freeChunks } = lost;
  assert.equal(live + bookkeeping + headers + freePoolSpace + freeChunks, raw.bytes);
  assert.ok(raw.bytes > 9 * GIB && raw.bytes <= pages.owned * PAGE);
  assert.equal(pages.memory, memory.buffer.byteLength / PAGE);
  assert.ok(heap.stats().atPeak.bytes > 9 * GIB);
  assert.deepEqual(heap.check(), { sound: true, message: '' });
});

test('map() has the pages that pym_page_stats counts', () => {
  const map = heap.map();
  const at = Number(e.page_stats());
  const [pages, owned, pool, free, raw, arenas] = Array.from({ length: 6 }, (_, i) =>
    view().getUint32(at + 4 * i, true),
  );
  const { totals } = map;
  assert.equal(map.pages.length, pages);
  assert.deepEqual(
    [totals.pool, totals.free, totals.raw, totals.arenas, totals.damaged],
    [pool, free, raw, arenas, 0],
  );
  assert.equal(totals.foreign, pages - owned);
  const last = Math.floor(Number(e.big_block(13)) / PAGE) + 1;
  assert.equal(map.pages[last], PageKind.RAW);
  assert.equal(map.rawBytes[last], PAGE);
  const sum = map.freeBytes.reduce((n, bytes) => n + bytes, 0);
  const frees = heap.heaps().flatMap((one) => walked(one).free);
  assert.equal(
    sum,
    frees.reduce((n, [, bytes]) => n + bytes, 0),
  );
  assert.deepEqual(heap.map({ into: heap.map() }), map);
  const from = 4 * GIB;
  const { pools } = heap.map({ pools: { from, to: from + 2 * GIB } });
  assert.ok(pools.address.every((pool) => pool >= from && pool < from + 2 * GIB));
});

test('the map of the page has every pool at its place', () => {
  const map = heap.map();
  const codes = unitsOf(map);
  assert.equal(codes.length, map.pages.length * PER_PAGE);
  const pools = map.pools.address.map((at) => at / 4096);
  assert.ok(pools.every((unit) => codes[unit] >= Code.POOL));
  assert.ok(codes[Math.floor(Number(e.big_block(13)) / 4096) + 16] >= Code.RAW);
});

test('look() and sizeOf() tell what lies above 4 GiB', () => {
  const block = Number(e.big_block(13));
  const end = block + heap.sizeOf(block);
  assert.ok(end > 4 * GIB);
  const { kind, start, bytes, content } = heap.look(end - 1);
  assert.deepEqual([kind, start, start + bytes], ['raw', block, end]);
  assert.equal(content.length, 64);
  assert.equal(view().getUint8(block + 4608 * 2 ** 20 - 1), 64);
  const [first] = heap.map({ pools: { from: 4 * GIB, to: Infinity } }).pools.address;
  assert.equal(heap.look(first + 17).kind, 'block');
  assert.equal(heap.sizeOf(block + 16), null);
  assert.equal(heap.look(memory.buffer.byteLength).kind, 'outside');
  for (const no of [-1, 0.5, 2 ** 53]) {
    assert.throws(() => heap.look(no), { code: 'BAD_ARGUMENT' });
  }
});

test('snapshots go through JSON, and their difference has addresses above 4 GiB', () => {
  const hole = e.pym_raw_malloc(BigInt(511 * 2 ** 20));
  assert.ok(Number(hole) < 4 * GIB);
  const one = heap.snapshot();
  const blocks = Array.from({ length: 4000 }, () => e.pym_obj_malloc(500n));
  const two = heap.snapshot();
  assert.ok(blocks.some((p) => Number(p) > 4 * GIB));
  const text = JSON.stringify(one);
  assert.deepEqual(
    JSON.parse(JSON.stringify(snapshotFromJSON(JSON.parse(text)))),
    JSON.parse(text),
  );
  const change = diff(snapshotFromJSON(JSON.parse(text)), structuredClone(two));
  assert.equal(change.domains.object.liveBlocks, 4000);
  assert.deepEqual(
    [...change.pools.added].filter((at) => at % 4096 !== 0),
    [],
  );
  assert.ok(change.pools.added.some((at) => at > 4 * GIB));
  for (const p of blocks) e.pym_obj_free(p);
  e.pym_raw_free(hole);
});

test('limits above 4 GiB are set, read and told of', () => {
  const none = { soft: null, hard: null };
  assert.deepEqual({ ...heap.limits.heap }, none);
  const { domains } = heap.stats();
  const live = Object.values(domains).reduce((n, { liveBytes }) => n + liveBytes, 0);
  heap.setLimits({ heap: { hard: live + GIB }, raw: { soft: 2 ** 33 + 1 } });
  assert.deepEqual({ ...heap.limits.heap }, { soft: null, hard: live + GIB });
  assert.deepEqual({ ...heap.limits.raw }, { soft: 2 ** 33 + 1, hard: null });
  assert.equal(heap.stats().hardLimit, live + GIB);
  heap.poll();
  assert.equal(e.pym_raw_malloc(BigInt(5 * GIB)), 0n);
  const [event] = heap.poll().events.filter(({ limit }) => limit === 'hard');
  assert.deepEqual([event.domain, event.bytes], ['heap', 5 * GIB + 8]);
  heap.setLimits({ heap: { hard: 0xffffffff } });
  assert.equal(heap.limits.heap.hard, 0xffffffff);
  assert.throws(() => heap.setLimits({ heap: { hard: 2 ** 53 } }), { code: 'BAD_ARGUMENT' });
  heap.setLimits({ heap: none, raw: none });
  assert.deepEqual({ ...heap.limits.heap }, none);
});

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
test(`heaps that change stay exact (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const held = [];
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 150; i++) {
      const one = [heap, second][random(2)];
      const address = BigInt(one.address);
      if (held.length > 0 && random(5) < 2) {
        const [[h, d, p]] = held.splice(random(held.length), 1);
        e.pym_heap_free(h, d, p);
        continue;
      }
      const domain = random(3);
      const large = random(60) === 0 ? random(64) * 2 ** 20 : 600 + random(20000);
      const n = random(4) === 0 ? large : 1 + random(512);
      const p = e.pym_heap_malloc(address, domain, BigInt(n));
      if (p !== 0n) held.push([address, domain, p]);
    }
    same(heap);
    same(second);
  }
  for (const [h, d, p] of held) e.pym_heap_free(h, d, p);
  same(heap);
  assert.equal(heap.check().message, '');
});

test('the helpers for tests find a leak above 4 GiB', async () => {
  let block = 0n;
  await noLeaks(heap, () => e.pym_raw_free(e.pym_raw_malloc(100000n)));
  await assert.rejects(
    noLeaks(heap, () => {
      block = e.pym_raw_malloc(BigInt(GIB));
    }),
    (error) => {
      assert.deepEqual(error.left[0].addresses, [Number(block)]);
      return Number(block) > 4 * GIB && error.blocks === 1;
    },
  );
  await assert.rejects(
    maxGrowth(heap, '1 MiB', () => {
      block = e.pym_raw_malloc(BigInt(2 * GIB));
    }),
    /grew by/,
  );
});

test('a profile has addresses and sizes above 4 GiB', () => {
  const profile = heap.profile({ every: 1 });
  const p = e.pym_raw_malloc(BigInt(GIB));
  const [sample] = [...profile.blocks()];
  assert.deepEqual([sample.address, sample.size], [Number(p), heap.sizeOf(Number(p))]);
  e.pym_raw_free(p);
  assert.equal([...profile.blocks()].length, 0);
  profile.stop();
});

test('Heap.over reads the memory by an address alone', () => {
  const section = WebAssembly.Module.customSections(module, 'pymalloc')[0];
  const over = Heap.over(new Uint8Array(section), memory, heap.root);
  assert.deepEqual(over.stats(), heap.stats());
  assert.throws(() => over.check(), { code: 'NO_EXPORT' });
});

test('report, metrics and JSON take the numbers', () => {
  assert.match(memoryReport(heap.stats()), /GiB of linear memory/);
  const metrics = new HeapMetrics();
  metrics.add(heap);
  assert.ok(
    metrics.prometheus().includes(`wasm_memory_linear_bytes ${memory.buffer.byteLength}\n`),
  );
  assert.equal(JSON.parse(JSON.stringify(heap)).address, heap.address);
});

test('a chunk header that was overwritten is found, a heap that is gone too', () => {
  const block = Number(e.pym_heap_malloc(BigInt(second.address), OBJECT, 5000n));
  for (const at of [block - 8, block - 4, block - 1]) {
    const byte = view().getUint8(at);
    view().setUint8(at, byte ^ 0x10);
    assert.ok(heap.map().totals.damaged > 0, `byte ${at - block}`);
    assert.equal(heap.sizeOf(block), null);
    view().setUint8(at, byte);
    assert.equal(heap.map().totals.damaged, 0);
  }
  e.pym_heap_free(BigInt(second.address), OBJECT, BigInt(block));
  const gone = heap.heaps().length;
  e.pym_heap_destroy(BigInt(second.address));
  assert.throws(() => second.stats(), { code: 'HEAP_GONE' });
  assert.equal(heap.heaps().length, gone - 1);
  assert.equal(e.pym_heap_malloc(BigInt(heap.address), MEM, 8n) === 0n, false);
});
