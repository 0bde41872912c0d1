/** wasm-pymalloc/test, used as a user's tests use it; and recorded runs. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { createAllocatorSync, diff } from '../../js/src/index.node.js';
import { LeakError, formatDiff, installLeakReport, maxGrowth, noLeaks } from '../../js/src/test.js';
import { analyse } from '../../js/src/trace/analyse.js';
import { pageOf, svgOf } from '../../js/src/trace/draw.js';
import { Replay } from '../../js/src/trace/replay.js';
import { readTrace } from '../../js/src/trace/trace.js';
import { code } from './lib/heaps.js';
import { cli } from './lib/run.js';

const TRACE = new URL('../traces/lua-json.trace.gz', import.meta.url);

test('a function that frees what it takes has no leaks, small and raw', async () => {
  const allocator = createAllocatorSync();
  const caches = [];
  await noLeaks(allocator.heap, () => {
    if (caches.length === 0) caches.push(allocator.malloc(64)); // the warm-up's
    allocator.free(allocator.malloc(100));
    allocator.raw.free(allocator.raw.malloc(3000));
  });
});

test('a leak fails with blocks, domain, size, address, first bytes and line', async () => {
  const allocator = createAllocatorSync({ debug: true });
  const leak = () => {
    for (let i = 0; i < 4; i++) allocator.u8.set(Buffer.from('Hello leak'), allocator.malloc(100));
    allocator.raw.malloc(3000);
  };
  await assert.rejects(noLeaks(allocator, leak), (error) => {
    assert.ok(error instanceof LeakError);
    assert.equal(error.blocks, 5);
    assert.match(error.message, /^5 blocks, .* were not freed$/m);
    assert.match(
      error.message,
      /4 blocks of 112 bytes, object domain, asked for at .*leaks\.test\.js:\d+/,
    );
    assert.match(error.message, /1 block of 3,000 bytes, raw domain/);
    assert.match(error.message, /0x[0-9a-f]+: 48 65 6c 6c 6f .*Hello leak/);
    assert.match(error.message, /and 1 more/);
    return true;
  });
  await noLeaks(allocator, leak, { allow: 5 });
  await assert.rejects(noLeaks(allocator, leak, { allow: 4 }), /4 are allowed/);
});

test('settle is awaited before each look', async () => {
  const allocator = createAllocatorSync();
  const later = [];
  const settle = async () => {
    await null;
    for (const p of later.splice(0)) allocator.free(p);
  };
  await noLeaks(allocator, () => later.push(allocator.malloc(8)), { settle });
  await assert.rejects(
    noLeaks(allocator, () => later.push(allocator.malloc(8))),
    LeakError,
  );
  await assert.rejects(
    noLeaks(allocator, () => {}, { warmups: -1 }),
    code('BAD_ARGUMENT'),
  );
  await assert.rejects(
    noLeaks({}, () => {}),
    code('BAD_ARGUMENT', /Heap, an Allocator or a Watch/),
  );
});

test('maxGrowth measures linear memory, and fails above what is allowed', async () => {
  const allocator = createAllocatorSync();
  assert.equal(await maxGrowth(allocator, '2 MiB', () => allocator.free(allocator.malloc(100))), 0);
  await assert.rejects(
    maxGrowth(allocator.heap, '2 MiB', () => allocator.malloc(4 << 20)),
    /grew by 4\.\d+ MiB, 2\.00 MiB are allowed; live bytes: \+4\.00 MiB/,
  );
  await assert.rejects(
    maxGrowth(allocator, 'much', () => {}),
    code('BAD_ARGUMENT', /not "much"/),
  );
});

describe('a leak report', () => {
  const allocator = createAllocatorSync();
  const lines = [];
  installLeakReport({
    test: { beforeEach: (fn) => fn(), afterEach: (fn) => lines.push(fn) },
    heap: () => allocator,
    tell: (line) => lines.push(line),
  });
  test('says what a test left, and fails nothing', () => {
    for (let i = 0; i < 3; i++) allocator.malloc(100);
    lines[0]({});
    assert.equal(lines[1], '+3 blocks, 336 B');
    assert.throws(() => installLeakReport({ test: {}, heap: allocator }), code('BAD_ARGUMENT'));
  });
});

test('a difference is told in lines', () => {
  const allocator = createAllocatorSync();
  const before = allocator.heap.snapshot();
  for (let i = 0; i < 8; i++) allocator.malloc(100);
  const text = formatDiff(diff(before, allocator.heap.snapshot()));
  assert.match(text, /object +\+8 blocks, \+896 B live; 8 allocated, 0 freed, 0 refused/);
  assert.match(text, /112 B \+8 blocks, \+896 B/);
  assert.match(text, /raw +0 blocks, 0 B live/);
});

test('a recorded run: peak and never freed are what its header says', () => {
  const bytes = gunzipSync(readFileSync(TRACE));
  const trace = readTrace(bytes);
  const report = analyse(trace);
  assert.equal(report.peak.bytes, Number(bytes.readBigUInt64LE(24)));
  assert.equal(report.never.blocks, bytes.readUInt32LE(32));
  assert.equal(report.operations.free, bytes.readUInt32LE(40 + 4 * 5));
  const { malloc, calloc, realloc, free } = report.operations;
  assert.equal(
    report.lifetimes.reduce((sum, { blocks }) => sum + blocks, 0),
    free,
  );
  assert.equal(malloc + calloc + realloc - report.reallocs.calls, free + report.never.blocks);
});

test('a replay has the blocks that the trace says live, at every moment', () => {
  const trace = readTrace(gunzipSync(readFileSync(TRACE)));
  const replay = new Replay(trace, createAllocatorSync());
  const live = new Set();
  for (let i = 0, next = 5000; i < trace.length; i++) {
    if (trace.op[i] === 5) live.delete(trace.block[i]);
    else if (trace.op[i] !== 0) live.add(trace.block[i]);
    if (i + 1 !== next) continue;
    next += 5000;
    replay.to(i + 1);
    const { domains } = replay.heap.stats();
    assert.equal(
      domains.raw.liveBlocks + domains.mem.liveBlocks + domains.object.liveBlocks,
      live.size,
    );
  }
});

test('a damaged trace is told, whatever is wrong with it', () => {
  const bytes = gunzipSync(readFileSync(TRACE));
  const changed = (at, value) => {
    const copy = new Uint8Array(bytes);
    copy[at] = value;
    return copy;
  };
  for (const wrong of [
    bytes.subarray(0, 10),
    bytes.subarray(0, 1000),
    changed(0, 0),
    changed(8, 1),
    changed(64, 5),
    changed(64, 7),
    changed(68, 255),
  ]) {
    assert.throws(() => readTrace(wrong), code('BAD_TRACE'));
  }
});

test('the command trace tells the run, and draws it', () => {
  const { stdout, status } = cli(['trace', '--svg', '-', TRACE.pathname]);
  assert.equal(status, 0);
  assert.match(stdout, /^<svg .*<\/svg>\n.*peak: 277 KiB in 4,224 blocks, after call/s);
  assert.equal(cli(['trace', 'missing.trace']).status, 125);
  assert.match(cli(['trace', new URL(import.meta.url).pathname]).stderr, /not an allocation trace/);
  const trace = readTrace(gunzipSync(readFileSync(TRACE)));
  const report = analyse(trace);
  const replay = new Replay(trace, createAllocatorSync());
  replay.to(1000);
  const map = replay.heap.map();
  assert.match(svgOf('a<b', report, 1000, map), /a&#60;b/);
  assert.match(pageOf('a<b', report, [1000], [map]), /type="range" min="0" max="0"/);
});
