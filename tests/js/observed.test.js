/** The commands on a WASI program that does not link the library: Lua on wasi-libc's malloc. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WASI } from 'node:wasi';
import { gunzipSync } from 'node:zlib';

import { observe } from '../../js/src/observe/index.node.js';
import { built, cli, watchedLines } from './lib/run.js';

const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
after(() => rmSync(folder, { recursive: true }));

const luaLibc = built('lua/lua-libc.wasm');

test('--json of a module that does not link the library has the figures of its own allocator', () => {
  const json = join(folder, 'libc.json');
  const { stdout, status } = cli([
    'run',
    '--json',
    json,
    luaLibc,
    '-e',
    'local t = {} for i = 1, 50000 do t[i] = { i } end print(#t)',
  ]);
  assert.deepEqual([stdout, status], ['50000\n', 0]);
  const { stats } = JSON.parse(readFileSync(json, 'utf8'));
  assert.equal(stats.complete, true);
  assert.ok(stats.domains.malloc.peakBytes > 50000 * 40, `${stats.domains.malloc.peakBytes}`);
});

test('--stats of such a module prints its report on standard error', () => {
  const { stdout, stderr } = cli(['run', '--stats', luaLibc, '-e', 'print(1)']);
  assert.equal(stdout, '1\n');
  assert.match(stderr, /memory report: .*lua-libc\.wasm[^]*malloc[^]*blocks by size/);
});

test('--limit makes such a module run out of memory, and not a byte more lives', () => {
  const json = join(folder, 'libc-limit.json');
  const { stderr, status } = cli([
    'run',
    '--limit',
    '2M',
    '--json',
    json,
    luaLibc,
    '-e',
    'local t = {} for i = 1, 1e7 do t[i] = {} end',
  ]);
  assert.match(stderr, /not enough memory/);
  assert.equal(status, 1);
  const { malloc } = JSON.parse(readFileSync(json, 'utf8')).stats.domains;
  assert.ok(malloc.peakBytes <= 2 << 20 && malloc.peakBytes > 1 << 20, `${malloc.peakBytes}`);
  assert.ok(malloc.failures > 0);
});

test('--profile writes what pprof reads: gzip, and the names of its four values', () => {
  const file = join(folder, 'heap.pb.gz');
  cli([
    'run',
    '--profile',
    file,
    luaLibc,
    '-e',
    'local t = {} for i = 1, 200000 do t[i] = { i } end',
  ]);
  const text = gunzipSync(readFileSync(file)).toString('latin1');
  for (const name of ['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space', 'wasm']) {
    assert.ok(text.includes(name), name);
  }
});

test('--record of such a module writes the calls of its allocator, and trace reads them', () => {
  const trace = join(folder, 'calls.trace.gz');
  const json = join(folder, 'record.json');
  const script = 'local t = {} for i = 1, 5000 do t[i] = { i } end';
  const { status } = cli(['run', '--record', trace, '--json', json, luaLibc, '-e', script]);
  assert.equal(status, 0);
  const { calls, domains } = JSON.parse(readFileSync(json, 'utf8')).stats;
  const { stdout } = cli(['trace', trace]);
  const n = (count) => count.toLocaleString('en-US');
  assert.ok(
    stdout.includes(
      `malloc ${n(calls.malloc)}, calloc ${n(calls.calloc)}, realloc ${n(calls.realloc)}, `
        + `free ${n(calls.free)}\n`,
    ),
    stdout,
  );
  const left = [...stdout.matchAll(/ (\d+)$/gm)].reduce(
    (sum, [, blocks]) => sum + Number(blocks),
    0,
  );
  assert.equal(left, domains.malloc.liveBlocks);
});

test('--watch of such a module shows its figures while it runs', async () => {
  const script = 'local t = {} for i = 1, 1e9 do t[i % 1000] = { i } io.write("") end';
  const [first, second] = await watchedLines([luaLibc, '-e', script]);
  const [before, then] = [first, second].map(({ stats }) => stats.domains.malloc.totalBlocks);
  assert.ok(before > 0 && then > before, `${before}, ${then}`);
});

test('observe writes a module that runs as before, and inspect says what its allocator is', () => {
  const out = join(folder, 'observed.wasm');
  const { stdout, stderr, status } = cli(['observe', luaLibc, '-o', out]);
  assert.deepEqual([stdout, status], ['', 0]);
  assert.match(stderr, /the allocator was found by/);
  assert.equal(cli(['run', out, '-e', 'print(6 * 7)']).stdout, '42\n');
  assert.match(cli(['inspect', luaLibc]).stdout, /malloc +function \d+\n +free +function \d+/);
  // A module of nothing but a memory.
  const plain = join(folder, 'plain.wasm');
  writeFileSync(plain, Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1]));
  assert.match(cli(['inspect', plain]).stdout, /cannot be observed \(NO_ALLOCATOR\)/);
});

const LOOP = 'for i = 1, 1e5 do local t = { i } end';

test('what observe wrote runs in any host: nobody listens, and who comes later is told what was lost', async () => {
  const out = join(folder, 'shipped.wasm');
  cli(['observe', luaLibc, '-o', out]);
  const bytes = readFileSync(out);
  const { identity } = await observe(bytes);
  const wasi = new WASI({ version: 'preview1', args: ['lua', '-e', LOOP] });
  const module = await WebAssembly.compile(bytes);
  const alone = await WebAssembly.instantiate(module, wasi.getImportObject());
  assert.equal(wasi.start(alone), 0);

  const later = await observe(module);
  assert.equal(later.identity.id, identity.id);
  assert.equal(later.bytes, null);
  const watch = later.attach(alone);
  const { complete, lostRecords } = watch.stats();
  assert.equal(complete, false);
  assert.ok(lostRecords > 0);
});

for (const [what, args, says] of [
  [
    'a file that cannot be written',
    ['observe', luaLibc, '-o', '/does/not/exist/out.wasm'],
    /-o \/does\/not\/exist\/out\.wasm: no such/,
  ],
  ['a file that is not there', ['observe', '/no.wasm', '-o', 'out.wasm'], /\/no\.wasm: no such/],
  ['a file that is not there', ['inspect', '/no.wasm'], /\/no\.wasm: no such/],
]) {
  test(`${args[0]} with ${what} does not start, and says why`, () => {
    const { stderr, stdout, status } = cli(args);
    assert.deepEqual([stdout, status], ['', 125]);
    assert.match(stderr, says);
  });
}
