/** Readers of the descriptor that are not JavaScript, and docs/descriptor.md: examples/hosts. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { compileModule, createHeapSync } from '../../js/src/index.node.js';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'readers-'));
after(() => rmSync(folder, { recursive: true }));
const WASM = path('js/wasm/pymalloc.wasm');
const wasm = await compileModule();

// ---- The reader in C ----

const program = join(folder, 'from_files');
execFileSync('cc', [
  '-std=c11',
  '-O1',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Werror',
  '-o',
  program,
  path('examples/hosts/c/from_files.c'),
  path('examples/hosts/c/pymalloc_stats.c'),
]);

/** A heap in use, of each kind of block. */
function used() {
  const heap = createHeapSync({ wasm, limit: 50e6 });
  heap.heap.setLimits({ object: { soft: 40e6 } });
  const live = [];
  for (let i = 0; i < 3000; i++) {
    live.push(heap.malloc((i % 700) + 1), heap.mem.malloc(i % 90));
    if (i % 3 === 0) heap.free(live[(i % live.length) & ~1]), (live[(i % live.length) & ~1] = 0);
  }
  heap.raw.malloc(100_000);
  assert.equal(heap.malloc(60e6), 0);
  return heap;
}

function read(memory, root, file = WASM, ...more) {
  const saved = join(folder, 'memory');
  writeFileSync(saved, memory);
  const { status, stdout, stderr } = spawnSync(program, [file, saved, String(root), ...more], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('the reader in C prints what heap.stats() has', () => {
  const heap = used();
  const { domains, growth, lost, raw, classes } = heap.heap.stats();
  const { status, stdout, stderr } = read(heap.u8, heap.exports.pym_root() >>> 0);
  assert.equal(status, 0, stderr);
  for (const [name, d] of Object.entries(domains)) {
    const row = new RegExp(
      `^ +${name} +[\\d.]+ \\w+ +(\\d+) +[\\d.]+ \\w+ +[\\d.]+ \\w+ +(\\d+) +(\\d+)`,
      'm',
    ).exec(stdout);
    assert.deepEqual(row?.slice(1).map(Number), [d.liveBlocks, d.totalBlocks, d.failures], stdout);
  }
  assert.match(stdout, new RegExp(`; ${growth.grows} growths, ${growth.failures} refused`));
  assert.match(stdout, /^ +object .* soft limit 38\.1 MiB$/m);
  assert.match(stdout, /^ +limit of the heap: 47\.7 MiB$/m);
  const kib = (n) =>
    n < 1023.5
      ? `${n} B`
      : `${(n / 1024).toFixed(n < 9.995 * 1024 ? 2 : n < 99.95 * 1024 ? 1 : 0)} KiB`;
  assert.match(stdout, new RegExp(`free space in pools +${kib(lost.freePoolSpace)}`));
  assert.match(stdout, new RegExp(`headers +${kib(lost.headers)}`));
  assert.match(stdout, new RegExp(`free, for either +${kib(raw.freeBytes + raw.cachedBytes)}`));
  for (const c of classes.filter(({ totalBlocks }) => totalBlocks > 0)) {
    assert.match(
      stdout,
      new RegExp(
        `^ +${c.blockSize} +[\\d.]+ \\w+ +${c.pools} +${c.peakPools} +${c.totalBlocks}$`,
        'm',
      ),
    );
  }
});

test('the reader in C says why there are no statistics, and never reads outside', () => {
  const heap = used();
  const root = heap.exports.pym_root() >>> 0;
  const bytes = Buffer.from(heap.u8);
  const wrong = (memory, at, file, ...more) => {
    const { status, stdout, stderr } = read(memory, at, file, ...more);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' }, stderr);
    return stderr;
  };
  assert.match(wrong(bytes, root + 8), /no root structure/);
  assert.match(wrong(bytes, 2 ** 32 - 4), /does not lie in memory/);
  assert.match(wrong(bytes.subarray(0, root + 4100), root), /does not lie in memory/);
  assert.match(wrong(bytes, root, WASM, '1'), /not so many heaps/);
  const file = readFileSync(WASM);
  const at = file.indexOf('PYMALLOC');
  const damaged = (change) => {
    const copy = Buffer.from(file);
    change(copy);
    writeFileSync(join(folder, 'damaged.wasm'), copy);
    return wrong(bytes, root, join(folder, 'damaged.wasm'));
  };
  assert.match(
    damaged((b) => b.writeUInt16LE(4, at + 8)),
    /another version/,
  );
  assert.match(
    damaged((b) => b.writeUInt32LE(1e6, at + 12)),
    /is cut/,
  );
  assert.match(
    damaged((b) => b.writeUInt16LE(35, at + 10)),
    /is cut/,
  );
  assert.match(
    damaged((b) => b.write('x', at)),
    /no section/,
  );
  assert.match(
    damaged((b) => b.write('X', b.indexOf('first_heap\0'))),
    /lacks a field/,
  );
  assert.match(
    damaged((b) => b.writeUInt8(5, b.indexOf('pages_owned\0') + 25)),
    /another type/,
  );
  assert.match(
    damaged((b) => b.writeUInt16LE(1, b.lastIndexOf('lists\0') + 28)),
    /too short/,
  );
  // Wherever a byte is another one it ends, with an exit code of its own.
  for (let i = 0; i < 400; i++) {
    const copy = Buffer.from(file);
    copy[at + ((i * 8) % (file.length - at))] ^= 0xff;
    writeFileSync(join(folder, 'damaged.wasm'), copy);
    const { status } = read(bytes, root, join(folder, 'damaged.wasm'));
    assert.ok(status === 0 || status === 1, `${i}`);
  }
});

// ---- The document ----

test('docs/descriptor.md has the bytes that the section has', () => {
  const text = readFileSync(path('docs/descriptor.md'), 'utf8');
  const section = Buffer.from(WebAssembly.Module.customSections(wasm, 'pymalloc')[0]);
  const examples = [...text.matchAll(/<!-- bytes: (\w+) ?(\d*) -->\n```\n([^]*?)```/g)];
  assert.equal(examples.length, 5);
  for (const [, name, group, shown] of examples) {
    const bytes = [...shown.matchAll(/^((?:[0-9a-f]{2}(?: +|$))+)/gm)]
      .map(([line]) => line)
      .join(' ')
      .match(/[0-9a-f]{2}/g)
      .join('');
    let record = section.subarray(0, 16);
    for (let at = 16; name !== 'header' && at < section.length; at += 36) {
      const found = section.toString('latin1', at, at + 24).replace(/\0+$/, '');
      if (found === name && section[at + 24] === Number(group))
        record = section.subarray(at, at + 36);
    }
    assert.equal(bytes, record.toString('hex'), name);
  }
});
