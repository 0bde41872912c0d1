/** `run --record`: what the trace says, against a program whose every call is known, the statistics
 *  of the heap and the replay. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { RECORD_FD } from '../../js/src/cli/record.js';
import { assemble, op, printImports } from './lib/guest.js';
import { built, cli } from './lib/run.js';

const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
after(() => rmSync(folder, { recursive: true }));

const OPS = ['mark', 'malloc', 'calloc', 'realloc', 'realloc_null', 'free'];
const DOMAINS = ['raw', 'mem', 'obj'];

/** A trace, taken apart as tests/traces/README.md says. */
function decode(bytes) {
  assert.equal(bytes.toString('latin1', 0, 8), 'CPYTRC01');
  const u32 = (at) => bytes.readUInt32LE(at);
  const header = {
    records: u32(12),
    ids: u32(16),
    peakLive: u32(20),
    peakBytes: Number(bytes.readBigUInt64LE(24)),
    endLive: u32(32),
    clipped: u32(36),
    counts: Object.fromEntries(OPS.map((name, i) => [name, u32(40 + 4 * i)])),
  };
  assert.equal(u32(8), 64);
  assert.equal(bytes.length, 64 + 8 * header.records);
  const records = Array.from({ length: header.records }, (_, i) => {
    const word = u32(64 + 8 * i);
    const [name, domain] = [OPS[word & 7], DOMAINS[(word >>> 3) & 3]];
    return name === 'mark'
      ? `mark ${word >>> 5}`
      : `${domain} ${name} ${word >>> 5} #${u32(68 + 8 * i)}`;
  });
  return { header, records };
}

let files = 0;
/** Runs a module with --record and gives its trace. */
function record(module, args, { options = [], more = '' } = {}) {
  const file = join(folder, `${files++}.trace${more}`);
  const result = cli(['run', '--record', file, ...options, module, ...args]);
  const bytes = readFileSync(file);
  return { ...result, file, ...decode(more ? gunzipSync(bytes) : bytes) };
}

const known = built('wasi/tests/c/record_calls.wasm');
const calls = [
  'raw malloc 1 #0',
  'mem calloc 21 #1',
  'obj realloc_null 0 #2',
  'obj realloc 600 #2',
  'mem free 21 #1',
  'obj malloc 512 #1',
  'obj free 512 #1',
  'raw realloc 100000 #0',
  'obj malloc 32 #1',
  'obj realloc 5 #1',
  'obj calloc 16 #3',
  'obj free 16 #3',
];
const frees = ['raw free 100000 #0', 'obj free 600 #2', 'obj free 5 #1'];

/** Without what libc asks for itself before main; numbers of blocks count from there. */
function middle(records) {
  const start = records.findIndex((r) => r.startsWith('raw malloc 1 #'));
  const first = Number(records[start].split('#')[1]);
  return records.slice(start).map((r) => r.replace(/#(\d+)/, (_, id) => `#${id - first}`));
}

test('every call of the three domains and of malloc is in the trace, in order', () => {
  const { header, records, status, stderr } = record(known, []);
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(middle(records), [...calls, ...frees, 'mark 3']);
  assert.equal(header.clipped, 0);
  assert.equal(
    Object.values(header.counts).reduce((a, b) => a + b),
    header.records,
  );
});

test('exit() ends the trace with the blocks that were live', () => {
  const { header, records, status } = record(known, ['exit']);
  assert.equal(status, 3);
  assert.deepEqual(middle(records), [...calls, 'mark 3']);
  assert.equal(header.endLive, record(known, []).header.endLive + 3);
});

test('a trap ends it without the mark that says finished', () => {
  const { records, status, stderr } = record(known, ['trap']);
  assert.equal(status, 134);
  assert.match(stderr, /trapped/);
  assert.deepEqual(middle(records), calls);
});

test('FILE.gz is compressed', () => {
  const { records } = record(known, [], { more: '.gz' });
  assert.deepEqual(middle(records), [...calls, ...frees, 'mark 3']);
});

const lua = built('lua/lua.wasm');
const program =
  'local t = {} for i = 1, 5000 do t[i % 700] = {tostring(i), i, {}} end '
  + 'local s = "" for i = 1, 300 do s = s .. i end print(#s)';

test('a Lua program prints and exits as it does without', () => {
  const { stdout, stderr, status } = record(lua, ['-e', program]);
  assert.deepEqual([stdout, stderr, status], ['792\n', '', 0]);
});

test('the trace agrees with the statistics of the heap', () => {
  const json = join(folder, 'lua.json');
  const { header } = record(lua, ['-e', `${program} os.exit(0, false)`], {
    options: ['--json', json],
  });
  const { domains } = JSON.parse(readFileSync(json, 'utf8')).stats;
  const all = (field) => Object.values(domains).reduce((sum, d) => sum + d[field], 0);
  const { malloc, calloc, realloc, realloc_null: reallocNull, free } = header.counts;
  assert.ok(header.endLive > 100);
  assert.equal(header.endLive, all('liveBlocks'));
  assert.equal(malloc + calloc + reallocNull - free, all('liveBlocks'));
  // A realloc that moved counts as a block, one in place does not.
  const moved = all('totalBlocks') - (malloc + calloc + reallocNull);
  assert.ok(moved >= 0 && moved <= realloc, `${moved} of ${realloc}`);
  assert.ok(header.peakBytes > all('liveBytes') / 2 && header.peakLive >= header.endLive);
});

test('the replay plays it and finds every block intact', () => {
  const { file, header } = record(lua, ['-e', program]);
  assert.ok(header.records > 20000, `${header.records}`);
  const { stdout, status } = spawnSync(built('native/tests/c/replay'), [], {
    input: readFileSync(file),
    encoding: 'utf8',
  });
  assert.match(stdout, new RegExp(`${header.records} records`));
  assert.equal(status, 0);
});

test('a request that was refused is not in the trace', () => {
  const { header, status } = record(lua, ['-e', 'local t = {} for i = 1, 1e7 do t[i] = {} end'], {
    options: ['--limit', '1M'],
  });
  assert.equal(status, 1);
  assert.ok(header.peakBytes <= 1 << 20);
});

function refused(args, pattern) {
  const { stdout, stderr, status } = cli(['run', ...args]);
  assert.match(stderr, pattern);
  assert.equal(stderr.trimEnd().split('\n').length, 1);
  assert.deepEqual([stdout, status], ['', 125]);
}

test('a module that does not link the library is recorded too, and the replay plays it', () => {
  const { file, header, status, stdout } = record(built('lua/lua-libc.wasm'), ['-e', program]);
  assert.deepEqual([stdout, status], ['792\n', 0]);
  assert.ok(header.records > 20000, `${header.records}`);
  const played = spawnSync(built('native/tests/c/replay'), [], {
    input: readFileSync(file),
    encoding: 'utf8',
  });
  assert.match(played.stdout, new RegExp(`${header.records} records`));
  assert.equal(played.status, 0);
});

test('a module without an allocator is one error, and nothing is written', () => {
  const plain = join(folder, 'plain.wasm');
  writeFileSync(plain, assemble({ functions: [['_start', 'none', []]] }));
  refused(['--record', join(folder, 'none'), plain], /plain\.wasm: no malloc and free were found/);
  assert.throws(() => readFileSync(join(folder, 'none')), /ENOENT/);
});

test('a file that cannot be written is one error', () => {
  refused(['--record', '/does/not/exist', known], /--record \/does\/not\/exist: no such/);
});

/** A module whose recorder tells these calls: [what, size, before, after]. */
function teller(list, tail = []) {
  const at = 1024;
  const words = list.flatMap((call, i) => [at + 8 + 24 * i, 16, ...call]);
  const tell = list.flatMap((_, i) => [
    ...op.i32(RECORD_FD),
    ...op.i32(at + 24 * i),
    ...op.i32(1),
    ...op.i32(512),
    ...op.call(0),
    ...op.drop,
  ]);
  const file = join(folder, `teller${files++}.wasm`);
  writeFileSync(
    file,
    assemble({
      imports: printImports,
      functions: [
        ['_start', 'none', [...tell, ...tail]],
        ['pym_record', 'exit', []],
      ],
      data: [[at, new Uint8Array(Uint32Array.from(words).buffer)]],
    }),
  );
  return file;
}
const call = (operation, domain = 2) => operation | (domain << 8);

test('numbers are used again, the latest first', () => {
  const { records, header } = record(
    teller([
      [call(1), 8, 0, 4096],
      [call(1), 9, 0, 4200],
      [call(1), 10, 0, 4300],
      [call(5), 0, 4096, 0],
      [call(5), 0, 4300, 0],
      [call(1), 11, 0, 5000],
      [call(1), 12, 0, 4096],
    ]),
    [],
  );
  assert.deepEqual(records.slice(3), [
    'obj free 8 #0',
    'obj free 10 #2',
    'obj malloc 11 #2',
    'obj malloc 12 #0',
    'mark 3',
  ]);
  assert.deepEqual([header.ids, header.peakLive, header.peakBytes, header.endLive], [3, 3, 32, 3]);
});

test('blocks from before the recording: freed they are left out, resized they are new', () => {
  const { records } = record(
    teller([
      [call(5), 0, 999, 0],
      [call(3, 0), 50, 777, 888],
      [call(5, 0), 0, 888, 0],
    ]),
    [],
  );
  assert.deepEqual(records, ['raw realloc_null 50 #0', 'raw free 50 #0', 'mark 3']);
});

test('sizes beyond 27 bits are cut and counted', () => {
  const { records, header } = record(teller([[call(1), 2 ** 31 - 1, 0, 4096]]), []);
  assert.deepEqual(records, [`obj malloc ${2 ** 27 - 1} #0`, 'mark 3']);
  assert.equal(header.clipped, 1);
});

test('a recorder that tells nonsense ends in a trap, not in a broken trace', () => {
  for (const what of [0, 6, 1 | (3 << 8), 0xffffffff]) {
    const { header, status, stderr } = record(
      teller([
        [call(1), 8, 0, 4096],
        [what, 0, 0, 0],
      ]),
      [],
    );
    assert.match(stderr, /nonsense/);
    assert.deepEqual([status, header.records], [134, 1]);
  }
});
