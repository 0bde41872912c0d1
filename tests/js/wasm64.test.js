/** Memories with 64-bit addresses: what any host reads of them, the error where a host has none, and
 *  tests/js/wasm64/heap64.mjs in a Node.js that has them. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
  Heap,
  compileModule,
  createAllocator,
  createAllocatorSync,
} from '../../js/src/index.node.js';
import { LIMIT_MAX } from '../../js/src/constants.js';
import { observe } from '../../js/src/observe/index.node.js';
import { layOut, recordsOf } from './lib/image.js';
import { code, lively, open, segmented } from './lib/heaps.js';
import { built, cli } from './lib/run.js';

const has64 = WebAssembly.validate(
  Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1]),
);
/** Node.js 24 or newer. */
const NODE64 = has64 ? process.execPath : 'node24';
const MODULE = built('js-wasm64/heap64.wasm');

/** In a Node.js that has memory64.  @param {string[]} args  @param {NodeJS.ProcessEnv} [env] */
function node64(args, env = {}) {
  const { NODE_TEST_CONTEXT, ...outer } = process.env; // of the runner of this file
  const done = spawnSync(NODE64, ['--no-warnings', ...args], {
    encoding: 'utf8',
    timeout: 300000,
    env: { ...outer, ...env },
  });
  if (done.error) throw new Error(`${NODE64}: ${done.error.message}: wasm/setup.sh node`);
  return done;
}

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

test('two heaps with blocks up to 9 GiB are read as the library walks them', () => {
  const { status, stdout, stderr } = node64(['--test', here('wasm64/heap64.mjs')]);
  assert.equal(status, 0, stdout + stderr);
});

test('an allocator for JavaScript works in memories with 64-bit addresses', () => {
  const { status, stdout, stderr } = node64(['--test', here('wasm64/allocator64.mjs')]);
  assert.equal(status, 0, stdout + stderr);
});

test('images with 64-bit addresses, damaged in any way, end in an error or a result', () => {
  const { status, stdout } = node64(['--test', here('hostile.test.js')], { PYM_IMAGES: 'wide' });
  assert.equal(status, 0, stdout.slice(-4000));
});

test('the command line runs a module with a 64-bit memory, and refuses it where there is none', () => {
  const bin = fileURLToPath(new URL('../../js/bin/wasm-pymalloc.js', import.meta.url));
  const run = ['run', '--json', '-', '--limit', '12G', MODULE];
  const { stdout, status } = node64([bin, ...run]);
  assert.equal(status, 0);
  const { stats } = JSON.parse(stdout);
  assert.equal(stats.allHeaps.hardLimit, 12 * 2 ** 30);
  assert.ok(stats.domains.mem.liveBytes > 4.5 * 2 ** 30);
  assert.match(cli(['inspect', MODULE]).stdout, /links wasm-pymalloc, with 64-bit addresses/);
  if (has64) return;
  const refused = cli(run);
  assert.equal(refused.status, 125);
  assert.match(
    refused.stderr,
    /heap64\.wasm has a 64-bit memory, and this host has no such memories/,
  );
});

test('a host without 64-bit memories says so', {
  skip: has64 && 'this host has them',
}, async () => {
  const text =
    /(64-bit memory|memory64 .*), and this host has no such memories: run it in Node\.js 24/;
  await assert.rejects(compileModule(readFileSync(MODULE)), code('UNSUPPORTED', text));
  // One that imports a table, a global and such a memory.
  const imports = [
    ...[1, 0x61, 1, 0x74, 1, 0x70, 1, 1, 2],
    ...[1, 0x61, 1, 0x67, 3, 0x7f, 0],
    ...[1, 0x61, 1, 0x6d, 2, 4, 1],
  ];
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 2, imports.length + 1, 3];
  const bytes = Uint8Array.from([...head, ...imports]);
  await assert.rejects(compileModule(bytes), code('UNSUPPORTED', text));
  bytes[bytes.length - 2] = 16; // flags that nobody knows
  await assert.rejects(compileModule(bytes), code('BAD_WASM'));
  await assert.rejects(createAllocator({ memory64: true }), code('UNSUPPORTED', text));
  assert.throws(() => createAllocatorSync({ memory64: true }), code('UNSUPPORTED', text));
});

test('a module with a 64-bit memory that does not link the library is left alone', async () => {
  await assert.rejects(observe(readFileSync(MODULE)), code('UNSUPPORTED', /64-bit memory/));
});

test('stats() of an image with 64-bit fields has the numbers of one with 32 bits', () => {
  const [narrow, wide] = [false, true].map((is) => open(lively({ wide: is })).stats());
  // The headers of segments are longer.
  assert.equal(wide.lost.headers, narrow.lost.headers + 2 * 16);
  const { headers } = narrow.lost;
  assert.deepEqual({ ...wide, lost: { ...wide.lost, headers } }, narrow);
});

test('sums, limits and requests above 4 GiB are exact', () => {
  const image = lively({ wide: true });
  const bytes = 2 ** 33 + 24;
  image.set('heap', image.heap, { hard: 2 ** 40, soft: LIMIT_MAX + 1, raw_free: bytes });
  image.set('domain', image.domain(0), { peak: 2 ** 34 + 8 });
  image.set('space', image.root, { fault: 1, fault_at: 2 ** 33 + 16 });
  image.addEvent(1, { bytes });
  const heap = open(image);
  const stats = heap.stats();
  assert.deepEqual([stats.hardLimit, stats.softLimit], [2 ** 40, 0xffffffff]);
  assert.deepEqual([stats.raw.freeBytes, stats.domains.raw.peakBytes], [bytes, 2 ** 34 + 8]);
  assert.equal(stats.fault.address, 2 ** 33 + 16);
});

test('the guest is called with BigInts where it takes addresses and sizes', () => {
  const image = lively({ wide: true });
  image.export('pym_limit_set', () => 0);
  image.export('pym_check', () => 1);
  image.export('pym_check_message', () => 0n);
  const heap = open(image);
  image.calls.length = 0;
  heap.setLimits({ object: { soft: 2 ** 40, hard: null } });
  const at = BigInt(image.heap);
  assert.deepEqual(image.calls, [['pym_limit_set', at, 2, 2n ** 40n, 2n ** 64n - 1n]]);
  assert.throws(() => heap.check(), code('BAD_MEMORY', /text/));
  assert.deepEqual(image.calls[1], ['pym_check', at]);
});

test('addresses above 4 GiB in a small memory are damage, not wrapped', () => {
  const beyond = 2 ** 32;
  for (const [group, at, field] of [
    ['space', 'root', 'first_heap'],
    ['heap', 'heap', 'segments'],
    ['heap', 'heap', 'next'],
  ]) {
    const { image } = segmented({ wide: true });
    const heap = open(image);
    const offset = image[at] + image.layout.groups[group][field].offset;
    image.set(group, image[at], { [field]: image.view.getUint32(offset, true) + beyond });
    assert.throws(() => (heap.map(), heap.heaps(), open(image)), code('BAD_MEMORY'), field);
  }
  const { image } = segmented({ wide: true });
  const heap = open(image);
  assert.throws(
    () => Heap.over(image.module, image.memory, image.root + beyond),
    code('BAD_MEMORY'),
  );
  image.set('space', image.root, { leaves: { 0: image.table + beyond } });
  assert.throws(() => heap.map(), code('BAD_MEMORY', /leaf/));
});

test('a descriptor whose fields have not the bits of its addresses is refused', async () => {
  const { layoutOf } = await import('../../js/src/layout.js');
  const { parseDescriptor } = await import('../../js/src/descriptor.js');
  const { encode } = await import('./lib/image.js');
  for (const [wide, memory64] of [
    [true, 0],
    [false, 1],
    [true, 2],
  ]) {
    const records = recordsOf(layOut(undefined, wide));
    records.find(({ name }) => name === 'memory64').value = memory64;
    assert.throws(() => layoutOf(parseDescriptor(encode(records))), code('BAD_DESCRIPTOR'));
  }
});
