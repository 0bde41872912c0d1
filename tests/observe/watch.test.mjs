/** A Watch against calls that the test itself makes: of the malloc, realloc and free of a module that
 *  npm has (Lua of wasmoon). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { diff, memoryReport, observe } from '../../js/src/observe/index.node.js';
import { leaksReport } from '../../js/src/observe/report.js';
import { heapProfile } from '../../js/src/observe/profile.js';
import { Samples } from '../../js/src/observe/samples.js';

const url = new URL('node_modules/quickjs-wasi/quickjs.wasm', import.meta.url);
const bytes = readFileSync(url);

/** @param {object} [options]  of observe */
async function watched(options) {
  const { module, attach, identity } = await observe(bytes, options);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => 0;
  }
  const instance = await WebAssembly.instantiate(module, imports);
  const watch = attach(instance);
  return { watch, instance, identity, ...instance.exports };
}
const live = (watch) => watch.stats().domains.malloc;

test('live bytes and blocks are those that were asked for, to the byte', async () => {
  const { watch, malloc, free, realloc } = await watched();
  const a = malloc(1),
    b = malloc(1000),
    c = malloc(0);
  assert.deepEqual([live(watch).liveBytes, live(watch).liveBlocks], [1001, 3]);
  const d = realloc(b, 5000);
  assert.deepEqual([live(watch).liveBytes, live(watch).liveBlocks], [5001, 3]);
  for (const p of [a, c, d]) free(p);
  free(0);
  const { liveBytes, liveBlocks, peakBytes, totalBlocks, totalBytes } = live(watch);
  assert.deepEqual(
    [liveBytes, liveBlocks, peakBytes, totalBlocks, totalBytes],
    [0, 0, 5001, 4, 6001],
  );
  assert.equal(watch.stats().complete, true);
});

test('a random program of 200,000 calls ends with the figures of its own book', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`SEED=${seed}`);
  let state = seed | 1;
  const random = (n) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return (state >>> 8) % n;
  };
  const { watch, malloc, free, realloc } = await watched();
  const book = [];
  let bytesLive = 0,
    peak = 0;
  for (let i = 0; i < 200_000; i++) {
    const what = random(10);
    if (what < 5 || book.length === 0) {
      const size = random(random(50) === 0 ? 20_000 : 200);
      book.push({ at: malloc(size), size });
      bytesLive += size;
    } else if (what < 9) {
      const [{ at, size }] = book.splice(random(book.length), 1);
      free(at);
      bytesLive -= size;
    } else {
      const one = book[random(book.length)];
      const size = 1 + random(400);
      one.at = realloc(one.at, size);
      bytesLive += size - one.size;
      one.size = size;
    }
    peak = Math.max(peak, bytesLive);
  }
  const { liveBytes, liveBlocks, peakBytes } = live(watch);
  assert.deepEqual([liveBytes, liveBlocks], [bytesLive, book.length]);
  // A realloc is a free and a malloc in one record.
  assert.ok(Math.abs(peakBytes - peak) <= 400, `${peakBytes} ${peak}`);
  assert.equal(watch.stats().complete, true);
});

test('a limit is exact: the last byte is granted, one more is refused, and a free makes room', async () => {
  const { watch, malloc, free, realloc } = await watched({ limit: 10_000 });
  const a = malloc(6000);
  const b = malloc(4000);
  assert.ok(a !== 0 && b !== 0);
  assert.equal(malloc(1), 0);
  assert.equal(realloc(b, 4001), 0);
  assert.deepEqual(
    [live(watch).liveBytes, live(watch).failures, live(watch).hardLimit],
    [10_000, 2, 10_000],
  );
  const c = realloc(b, 3999);
  assert.ok(c !== 0);
  assert.ok(malloc(1) !== 0);
  free(a);
  assert.ok(malloc(6000) !== 0);
  watch.setLimit(null);
  assert.ok(malloc(100_000) !== 0);
  assert.equal(watch.limit, null);
});

test('a product that overflows is refused by a limit, not wrapped around', async () => {
  const { watch, malloc } = await watched({ limit: 1 << 20 });
  assert.equal(malloc(-1), 0);
  assert.equal(live(watch).failures, 1);
});

test('the event tells the request and who asked, and a listener may raise the limit', async () => {
  const { watch, malloc } = await watched({ limit: 1000 });
  const events = [];
  const off = watch.on('refused', (event) => {
    events.push(event);
    watch.setLimit(5000);
  });
  assert.ok(malloc(3000) !== 0);
  assert.equal(events.length, 1);
  const [{ bytes: asked, liveBytes, hardLimit, site, type }] = events;
  assert.deepEqual([type, asked, liveBytes, hardLimit], ['refused', 3000, 0, 1000]);
  assert.match(site, /watch\.test\.mjs:\d+:\d+$/);
  off();
  assert.equal(malloc(9000), 0);
  assert.equal(events.length, 1);
});

test('what a listener throws is shown, and reaches neither the module nor the program', async () => {
  const { watch, malloc } = await watched({ limit: 10 });
  watch.on('refused', () => {
    throw new Error('from the listener');
  });
  const { error: original } = console;
  const shown = [];
  console.error = (error) => shown.push(error);
  try {
    assert.equal(malloc(100), 0);
  } finally {
    console.error = original;
  }
  assert.match(String(shown), /from the listener/);
});

test('leaks since a mark are the blocks of since then, by size', async () => {
  const { watch, malloc, free } = await watched();
  malloc(77);
  const mark = watch.mark();
  const kept = [malloc(40), malloc(40), malloc(300)];
  free(malloc(5000));
  assert.deepEqual(
    watch.leaks({ since: mark }).map(({ bytes: n, blocks, size }) => [n, blocks, size]),
    [
      [300, 1, 300],
      [80, 2, 40],
    ],
  );
  assert.equal(watch.leaks().length, 3);
  for (const p of kept) free(p);
  assert.deepEqual(watch.leaks({ since: mark }), []);
});

test('two snapshots tell what happened in between, from JSON too', async () => {
  const { watch, malloc, free } = await watched({ sample: 1 });
  const old = malloc(100);
  const a = watch.snapshot();
  for (let i = 0; i < 3; i++) leaky(malloc);
  free(malloc(40));
  free(old);
  const b = JSON.parse(JSON.stringify(watch.snapshot()));
  const {
    domains: { malloc: m },
    classes,
    pages,
    allocations,
    ms,
  } = diff(a, b);
  assert.deepEqual(
    [m.liveBytes, m.liveBlocks, m.allocatedBlocks, m.freedBlocks, m.freedBytes],
    [3 * 1234 - 100, 2, 4, 2, 140],
  );
  assert.deepEqual(
    classes.map(({ blockSize, liveBlocks, liveBytes, freedBlocks }) => [
      blockSize,
      liveBlocks,
      liveBytes,
      freedBlocks,
    ]),
    [
      [64, 0, 0, 1],
      [128, -1, -100, 1],
      [2048, 3, 3702, 0],
    ],
  );
  assert.deepEqual([allocations[0].bytes, allocations[0].totalBlocks], [3702, 3]);
  assert.ok(allocations[0].frames.some(({ name }) => name === 'leaky'));
  assert.equal(pages.memory, b.stats.pages.memory - a.stats.pages.memory);
  assert.ok(ms >= 0);
  assert.deepEqual(diff(b, b), { ...diff(b, b), classes: [], allocations: [] });
});

test('what is no snapshot, and one of another module, is BAD_SNAPSHOT', async () => {
  const { watch } = await watched();
  const sound = watch.snapshot();
  const none = [
    null,
    {},
    { ...sound, version: 2 },
    { ...sound, stats: {} },
    { ...sound, time: 'now' },
    { ...sound, allocations: [{ bytes: 1 }] },
  ];
  for (const value of none) {
    assert.throws(() => diff(sound, value), {
      code: 'BAD_SNAPSHOT',
      message: /watch\.snapshot\(\)/,
    });
    assert.throws(() => diff(value, sound), { code: 'BAD_SNAPSHOT' });
  }
  assert.throws(() => diff(sound, { ...sound, module: sound.module + 1 }), {
    code: 'BAD_SNAPSHOT',
    message: /different modules/,
  });
});

function leaky(malloc) {
  return malloc(1234);
}

test('with each request sampled a leak has its exact bytes and the line that asked', async () => {
  const { watch, malloc, free } = await watched({ sample: 1 });
  for (let i = 0; i < 10; i++) leaky(malloc);
  free(malloc(99_999));
  const [leak, ...others] = watch.leaks();
  assert.deepEqual([leak.bytes, leak.blocks, others.length], [12_340, 10, 0]);
  assert.ok(
    leak.frames.some(({ name }) => name === 'leaky'),
    JSON.stringify(leak.frames),
  );
  assert.match(leak.site, /watch\.test\.mjs:\d+:\d+$/);
  assert.match(leaksReport(watch), /12,340 bytes.*watch\.test\.mjs/);
  const all = watch.allocations();
  assert.ok(all.some(({ totalBytes, bytes: n }) => totalBytes === 99_999 && n === 0));
});

test('stacks are those of the engine, whatever a program makes of its own errors', async () => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const { watch, malloc } = await watched({ sample: 1 });
  try {
    Error.prepareStackTrace = (_, sites) => sites;
    Error.stackTraceLimit = 1;
    for (const size of [10, 20]) {
      leaky(malloc);
      malloc(size);
    }
    assert.equal(Error.stackTraceLimit, 1);
    assert.ok(Array.isArray(new Error().stack));
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
  const [leak, second, ...others] = watch.leaks();
  assert.deepEqual([leak.bytes, second.bytes, second.blocks, others.length], [2468, 30, 2, 0]);
  assert.match(leak.site, /watch\.test\.mjs:\d+:\d+$/);
});

test('a program that freezes Error is watched, without stacks', async () => {
  const { watch, malloc } = await watched({ sample: 1 });
  Object.defineProperty(Error, 'stackTraceLimit', { writable: false });
  try {
    malloc(10);
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', { writable: true });
  }
  assert.deepEqual(watch.leaks()[0].frames, []);
  assert.equal(live(watch).liveBytes, 10);
});

test('sampled sizes estimate what was allocated', async () => {
  const { watch, malloc } = await watched({ sample: 4096 });
  for (let i = 0; i < 40_000; i++) malloc(64);
  const sum = watch.allocations().reduce((total, { bytes: n }) => total + n, 0);
  // 625 samples: five standard deviations are a fifth.
  assert.ok(Math.abs(sum - 2_560_000) < 512_000, `${sum} of 2,560,000`);
});

/** Allocates blocks of 256 KiB until `total` bytes, by the rules of Watch.
 *  @returns {{estimate: number, seen: number}} */
function sampledTotal(now, total) {
  const samples = new Samples(524288, 0, now);
  let seen = 0;
  for (let at = 0; at < total; at += 262144) {
    if (samples.left > 262144) {
      samples.left -= 262144;
      continue;
    }
    seen++;
    samples.begin()(at, 262144);
  }
  const estimate = samples.allocations().reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  return { estimate, seen };
}

test('samples that would take more than their share of the time come less often, and stand for more', () => {
  let clock = 0;
  const cheap = sampledTotal(() => clock++ / 1e6, 2 ** 31);
  const dear = sampledTotal(() => clock++, 2 ** 31);
  assert.ok(cheap.seen > 2900, `${cheap.seen} of 8192 blocks`);
  assert.ok(dear.seen < cheap.seen / 4, `${dear.seen} samples`);
  // Each estimate is of 2 GiB; five standard deviations of the dear one are more than half of it.
  assert.ok(Math.abs(cheap.estimate / 2 ** 31 - 1) < 0.15, String(cheap.estimate / 2 ** 31));
  assert.ok(dear.estimate > 0.2 * 2 ** 31 && dear.estimate < 3 * 2 ** 31);
});

test('a heap profile has a sample type for each of its four values', async () => {
  const { watch, malloc } = await watched({ sample: 1 });
  leaky(malloc);
  const text = Buffer.from(heapProfile(watch)).toString('latin1');
  for (const name of ['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space', 'leaky']) {
    assert.ok(text.includes(name), name);
  }
});

test('memory that grows is read as it is now', async () => {
  const { watch, malloc } = await watched();
  malloc(10);
  const before = watch.stats().pages.memory;
  watch.memory.grow(4);
  malloc(20);
  assert.equal(watch.stats().pages.memory, before + 4);
  assert.equal(live(watch).liveBytes, 30);
});

test('the program sees the exports that its module has, and no others', async () => {
  const { instance } = await watched();
  const original = WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(
    ({ name }) => name,
  );
  assert.deepEqual(Object.keys(instance.exports), original);
});

test('a ring that was written over is noticed, and its nonsense counted', async () => {
  const { module, attach } = await observe(bytes);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => 0;
  }
  const instance = await WebAssembly.instantiate(module, imports);
  const { 'pymalloc.ring': ring, 'pymalloc.position': position, malloc } = instance.exports;
  const watch = attach(instance);
  malloc(10);
  new Uint32Array(watch.memory.buffer, ring.value, 2).set([0xfffffff9, 16]);
  assert.equal(watch.stats().complete, false);
  position.value = 0x7ffffff0; // far beyond the memory
  assert.ok(watch.stats().lostRecords >= 2);
});

test('a module that was rewritten before is watched as it is, compiled too', async () => {
  const first = await observe(bytes);
  const again = await observe(first.bytes, { limit: 100 });
  assert.deepEqual(Buffer.compare(again.bytes, first.bytes), 0);
  const compiled = await observe(first.module, { limit: 100 });
  assert.equal(compiled.identity.id, first.identity.id);
  assert.equal(compiled.bytes, null);
});

test('a Response, the promise of one and a URL are taken', async () => {
  const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
  for (const source of [response(), Promise.resolve(response()), url, url.href]) {
    assert.equal((await observe(source)).identity.how, 'table');
  }
});

test('the report is of one domain, and says where figures are not exact', async () => {
  const { watch, malloc } = await watched({ limit: 1 << 20 });
  malloc(100);
  const text = memoryReport(watch.stats(), { title: 'quickjs.wasm' });
  assert.match(text, /^memory report: quickjs\.wasm\npeak: 100 B asked for/);
  assert.match(text, /malloc +100 B +1 +100 B +100 B +1 +0 +1\.00 MiB/);
  assert.doesNotMatch(text, /not exact/);
  const unsure = { ...watch.stats(), complete: false, unknownFrees: 1 };
  assert.match(memoryReport(unsure), /not exact: 1 free of unknown blocks/);
});
