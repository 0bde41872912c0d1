/** heap.profile() and `run --profile`: what is told of a C program and of Lua, in which format, and
 *  what a module that lies about its frames can do. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { WASI } from 'node:wasi';
import { gunzipSync } from 'node:zlib';

import { Heap, createAllocator, profilable } from '../../js/src/index.node.js';
import { LuaFrames } from '../../js/src/profile/frames/lua.js';
import { PythonFrames } from '../../js/src/profile/frames/python.js';
import { BadStack, Reader } from '../../js/src/profile/frames/reader.js';
import { noLeaks } from '../../js/src/test.js';
import { randomFrom } from './lib/image.js';
import { built, cli } from './lib/run.js';
import { withoutNames } from './lib/sections.js';

const { Profile: Pprof } = await import(
  createRequire(new URL('../../js/package.json', import.meta.url)).resolve('pprof-format')
);

const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
after(() => rmSync(folder, { recursive: true }));
// Where samples are follows from this number alone: the library's keys come from random_get.
const seed = Number(process.env.PYM_SEED ?? Date.now() % 1e9);
console.log(`PYM_SEED=${seed} repeats this run's samples`);
const leak = built('wasi/tests/c/profile_leak.wasm');
const lua = built('lua/lua.wasm');

/** An instance of a WASI command that was not started. */
async function load(file, { args = [], wrap = profilable, edit = (bytes) => bytes } = {}) {
  const bytes = edit(readFileSync(file));
  const module = new WebAssembly.Module(bytes);
  const wasi = new WASI({
    version: 'preview1',
    args: [file, ...args],
    preopens: { '/': folder },
    returnOnExit: true,
  });
  const random = randomFrom(seed);
  let instance;
  const random_get = (at, n) => {
    const bytes = new Uint8Array(instance.exports.memory.buffer, at, n);
    for (let i = 0; i < n; i++) bytes[i] = random(256);
    return 0;
  };
  instance = new WebAssembly.Instance(
    module,
    wrap({ wasi_snapshot_preview1: { ...wasi.wasiImport, random_get } }),
  );
  return { wasi, instance, bytes, heap: Heap.from(module, instance) };
}

/** Runs a program and gives its profile. */
async function profileOf(file, options = {}, { args } = {}) {
  const { wasi, instance, heap, bytes } = await load(file, { args });
  const profile = heap.profile({ wasm: bytes, ...options });
  assert.equal(wasi.start(instance), 0);
  return { profile: profile.stop(), heap };
}

const near = (found, wanted, part) =>
  assert.ok(
    Math.abs(found - wanted) <= part * wanted,
    `${found} is not within ${part * 100} % of ${wanted}`,
  );

test('where every block is a sample the profile is the heap', async () => {
  const { profile, heap } = await profileOf(leak, { every: 1 });
  const { object } = heap.stats().domains;
  assert.equal(profile.live().blocks, object.liveBlocks);
  // A sampled small block is counted as what an unsampled one has.
  assert.ok(profile.live().bytes <= object.liveBytes);
  near(profile.live().bytes, object.liveBytes, 0.1);
  const [first] = profile.top(1);
  assert.equal(first.name, 'remember');
  assert.equal(first.blocks, 20000);
  assert.equal(first.bytes, 20000 * 112);
});

test('a leak in C is named by function, file and line', async () => {
  const { profile } = await profileOf(leak, { every: 8192 });
  const [first, second] = profile.top(2);
  assert.deepEqual(
    [first.name, first.line],
    ['remember', lineOf('profile_leak.c', 'malloc(strlen')],
  );
  assert.match(first.file, /profile_leak\.c$/);
  near(first.bytes, 20000 * 112, 0.3); // 270 samples: five standard errors
  assert.equal(second, undefined);
  const [peak] = profile.top(1, 'peak');
  assert.deepEqual([peak.bytes, peak.blocks], [5000008, 1]);
  const ever = profile.top(3, 'ever').find(({ name }) => name === 'forget');
  near(ever.bytes, 26666 * 356, 0.15); // 1,150 samples: five
});

/** The line of a test's source that has a text. */
function lineOf(file, text) {
  const lines = readFileSync(new URL(`../c/inspect/${file}`, import.meta.url), 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

test('without the bytes of the module there are names and no lines', async () => {
  const { profile } = await profileOf(leak, { every: 8192, wasm: undefined });
  assert.deepEqual([profile.top(1)[0].name, profile.top(1)[0].line], ['remember', 0]);
  assert.equal(profile.note, '');
});

test('a module without names is told how to get them', async () => {
  const { wasi, instance, heap } = await load(leak, { edit: withoutNames });
  const profile = heap.profile({ every: 8192 });
  wasi.start(instance);
  assert.match(profile.stop().note, /have no names: link without -s/);
  assert.match(profile.top(1)[0].name, /^wasm-function\[\d+\]$/);
});

test('a difference tells what came and what went', async () => {
  const { wasi, instance, heap } = await load(leak);
  const profile = heap.profile({ every: 1 });
  const before = profile.live();
  wasi.start(instance);
  const more = profile.difference(before);
  assert.equal(more.sites[0].frames.at(-1).name, 'remember');
  assert.equal(more.bytes, profile.live().bytes - before.bytes);
  assert.equal(profile.difference(profile).bytes, 0);
  assert.throws(() => profile.difference({}), { code: 'BAD_ARGUMENT' });
});

test('what a caller does wrong is a typed error', async () => {
  const { heap } = await load(leak);
  for (const every of [0, -1, 1.5, '64K', 2 ** 32]) {
    assert.throws(() => heap.profile({ every }), { code: 'BAD_ARGUMENT' });
  }
  assert.throws(() => heap.profile({ wasm: 'file.wasm' }), { code: 'BAD_ARGUMENT' });
  assert.throws(() => profilable(null), { code: 'BAD_ARGUMENT' });
  const profile = heap.profile();
  assert.equal(profile.every, 524288);
  assert.throws(() => heap.profile(), { code: 'PROFILING' });
  profile.stop();
  heap.profile().stop();
  const deaf = await load(leak, { wrap: (imports) => imports });
  assert.throws(() => deaf.heap.profile(), {
    code: 'NO_PROFILE',
    message: /profilable\(imports\)/,
  });
  const unlinked = await load(built('wasi/tests/c/record_calls.wasm'));
  assert.throws(() => unlinked.heap.profile(), {
    code: 'NO_PROFILE',
    message: /pymalloc::profile/,
  });
});

test('two instances are told apart', async () => {
  const [one, two] = [await load(leak), await load(leak)];
  const profile = one.heap.profile({ every: 1 });
  two.wasi.start(two.instance);
  assert.equal(profile.samples, 0);
  one.wasi.start(one.instance);
  assert.ok(profile.samples > 40000);
});

// ---- Lua ----

const PROGRAM = `
local cache = {}
local function remember(i)
  cache[i] = string.rep("x", 200) .. i
end
local Store = {}
function Store:fill(n)
  self.rows = {}
  for i = 1, n do
    self.rows[i] = { id = i }
  end
end
local co = coroutine.wrap(function()
  for i = 1, 1000 do
    remember(i)
    coroutine.yield()
  end
end)
for _ = 1, 1000 do co() end
Store:fill(5000)
collectgarbage()
os.exit(0, false)
`;

test('leaks in Lua are named by function, file and line, in coroutines too', async () => {
  writeFileSync(join(folder, 'leak.lua'), PROGRAM);
  // Each block is a sample: what is found does not depend on chance.
  const { profile } = await profileOf(lua, { every: 1 }, { args: ['/leak.lua'] });
  const stack = ({ frames }) =>
    frames
      .filter(({ language }) => language === 'lua')
      .map(({ name, file, line }) => (file ? `${name} ${file}:${line}` : name));
  const { sites } = profile.live();
  // What the line itself asks for, not what string.rep does: the string with its number.
  const remembered = sites.find((site) => stack(site).at(-1) === 'remember /leak.lua:4');
  assert.deepEqual(stack(remembered), [
    '(C function)',
    'main chunk /leak.lua:19',
    'co',
    'function </leak.lua:13> /leak.lua:15',
    'remember /leak.lua:4',
  ]);
  const rows = profile.top(20).find(({ name, line }) => name === 'fill' && line === 10);
  assert.equal(rows.file, '/leak.lua');
  near(rows.blocks, 2 * 5000 + 1, 0.01); // tables, a node each, and the array of rows
  near(rows.bytes, 5000 * (32 + 24) + 8192 * 16, 0.01);
  // The interpreter's own functions stand below Lua's.
  const languages = remembered.frames.map(({ language }) => language);
  assert.deepEqual(languages, [...languages].sort());
});

test('where Lua has no line each block has its own functions below, those of the parser', async () => {
  const program = 'local t = { f = function(a) return a .. "b" end }\n'.repeat(40);
  writeFileSync(join(folder, 'much.lua'), program);
  const { profile } = await profileOf(lua, { every: 1 }, { args: ['/much.lua'] });
  const below = new Set();
  for (const { frames } of profile.ever().sites) {
    const guest = frames.filter(({ language }) => language === 'lua');
    if (guest.length === 0 || guest.some(({ line }) => line > 0)) continue;
    frames.forEach(({ name }) => below.add(name));
  }
  for (const name of ['luaK_infix', 'luaK_ret', 'adjustlocalvars'])
    assert.ok(below.has(name), name);
});

test('with a profile on, noLeaks fails with the function and the line, in C and in Lua', async () => {
  const fails = async (file, where, args) => {
    const { wasi, instance, bytes, heap } = await load(file, { args });
    const profile = heap.profile({ every: 1, wasm: bytes });
    assert.equal(heap.profiling, profile);
    await assert.rejects(
      noLeaks(heap, () => wasi.start(instance), { warmups: 0 }),
      ({ message, left }) => {
        assert.match(message, where);
        return left.some(({ site }) => where.test(`asked for ${site}`));
      },
    );
    profile.stop();
    assert.equal(heap.profiling, null);
  };
  const line = lineOf('profile_leak.c', 'malloc(strlen');
  await fails(leak, new RegExp(`asked for at remember \\(.*profile_leak\\.c:${line}\\)`));
  writeFileSync(join(folder, 'leak.lua'), PROGRAM);
  await fails(lua, /asked for at remember \(\/leak\.lua:4\)/, ['/leak.lua']);
});

// ---- An allocator for JavaScript, and a module without WASI ----

test("createAllocator's heap names the lines of JavaScript that hold", async () => {
  const { heap, malloc, free } = bound(await createAllocator());
  const profile = heap.profile({ every: 1 });
  function keep(n) {
    return Array.from({ length: n }, () => malloc(100)); // keeps
  }
  const blocks = keep(50);
  free(malloc(5000));
  const [{ name, file, line, bytes }, second] = profile.top(3);
  assert.equal(bytes, 50 * 112);
  assert.equal(second, undefined);
  const text = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
  assert.match(`${name} ${file}`, /profile\.test\.js$/);
  assert.equal(line, text.findIndex((words) => words.includes('// keeps')) + 1);
  assert.equal(profile.atPeak().bytes, 50 * 112 + 5000);
  blocks.forEach((block) => free(block));
  assert.equal(profile.stop().live().bytes, 0);
  assert.ok(heap.check().sound);
});

/** An allocator's functions by themselves. */
function bound(allocator) {
  return {
    heap: allocator.heap,
    malloc: (bytes) => allocator.malloc(bytes),
    free: (address) => allocator.free(address),
  };
}

test('a module without WASI tells its host by an import of its own', async () => {
  const bytes = readFileSync(built('freestanding/tests/c/profile_import.wasm'));
  const module = new WebAssembly.Module(bytes);
  assert.deepEqual(
    WebAssembly.Module.imports(module).map((one) => `${one.module}.${one.name}`),
    ['pymalloc.profile'],
  );
  const instance = new WebAssembly.Instance(module, profilable());
  const heap = Heap.from(module, instance);
  const profile = heap.profile({ every: 1 });
  instance.exports.work();
  const [first, second] = profile.stop().top(5);
  assert.deepEqual([first.name, first.blocks, first.bytes], ['remember', 100, 100 * 48]);
  assert.equal(second, undefined);
  const forgotten = profile.top(5, 'ever').find(({ name }) => name === 'forget');
  assert.deepEqual([forgotten.blocks, forgotten.bytes], [100, 100 * 2008]);
});

// ---- Files ----

const { profile: sample } = await profileOf(leak, { every: 4096 });

test('pprof reads what toPprof writes', async () => {
  const zipped = await sample.toPprof();
  const read = Pprof.decode(gunzipSync(zipped));
  assert.deepEqual(Buffer.from(await sample.toPprof({ gzip: false })), gunzipSync(zipped));
  const text = (i) => read.stringTable.strings[Number(i)];
  const types = read.sampleType.map(({ type, unit }) => `${text(type)} ${text(unit)}`);
  assert.deepEqual(types, [
    'alloc_objects count',
    'alloc_space bytes',
    'inuse_objects count',
    'inuse_space bytes',
    'peak_objects count',
    'peak_space bytes',
  ]);
  const sum = (i) => read.sample.reduce((n, { value }) => n + Number(value[i]), 0);
  assert.deepEqual(
    [sum(1), sum(3), sum(5)],
    [sample.ever().bytes, sample.live().bytes, sample.atPeak().bytes],
  );
  const names = new Map(read.function.map(({ id, name }) => [Number(id), text(name)]));
  const places = new Map(
    read.location.map(({ id, line }) => [
      Number(id),
      `${names.get(Number(line[0].functionId))}:${line[0].line}`,
    ]),
  );
  const most = read.sample.reduce((a, b) => (Number(b.value[3]) > Number(a.value[3]) ? b : a));
  assert.equal(places.get(Number(most.locationId[0])), `remember:${sample.top(1)[0].line}`);
  assert.equal(Number(read.period), 4096);
});

test('a folded line is a stack and its bytes', async () => {
  const lines = (await sample.toFolded()).trimEnd().split('\n');
  assert.equal(
    lines.reduce((n, line) => n + Number(line.split(' ').at(-1)), 0),
    sample.live().bytes,
  );
  assert.match(lines[0], /_start \(.*;remember \(.*profile_leak\.c:\d+\) \d+$/);
});

test('a .heapprofile has the sizes at their nodes, as Chrome has them', async () => {
  const { head, samples } = await sample.toHeapProfile();
  const sum = (node) => node.selfSize + node.children.reduce((n, child) => n + sum(child), 0);
  assert.equal(sum(head), sample.live().bytes);
  const ids = new Set();
  const visit = (node) => {
    ids.add(node.id);
    node.children.forEach(visit);
  };
  visit(head);
  assert.ok(samples.every(({ nodeId, size }) => ids.has(nodeId) && size > 0));
});

for (const [name, starts] of [
  ['pb.gz', '\x1f\x8b'],
  ['heapprofile', '{"head"'],
  ['speedscope.json', '{"$schema"'],
  ['firefox.json', '{"meta"'],
  ['folded', '_start'],
  ['folded.gz', '\x1f\x8b'],
]) {
  test(`run --profile FILE.${name}`, () => {
    const file = join(folder, `out.${name}`);
    const { status, stderr } = cli(['run', '--profile', file, '--every', '4K', leak]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.ok(readFileSync(file, 'latin1').startsWith(starts));
  });
}

test('run --profile of a module that cannot is told before the start', () => {
  const file = join(folder, 'none.pb.gz');
  const module = built('wasi/tests/c/record_calls.wasm');
  const { status, stderr } = cli(['run', '--profile', file, module]);
  assert.equal(status, 125);
  assert.match(stderr, /link the CMake target pymalloc::profile/);
  assert.match(cli(['run', '--every', '4K', leak]).stderr, /--every needs --profile/);
  assert.match(cli(['run', '--every', '4X', '--profile', file, leak]).stderr, /--every 4X: should/);
});

// ---- Modules that lie ----

/** Facts of an interpreter, laid into a memory whose every other word is random. */
function hostile(random, names, values = {}) {
  const memory = { buffer: new ArrayBuffer(65536) };
  const words = new Uint32Array(memory.buffer);
  const kind = random(2 ** 32) % 3;
  for (let i = 0; i < words.length; i++) {
    words[i] =
      kind === 0
        ? random(2 ** 32)
        : kind === 1
          ? (random(2 ** 32) % 65536) & ~3
          : 4 * (random(2 ** 32) % 256);
  }
  const bytes = new Uint8Array(memory.buffer);
  names.forEach((name, i) => {
    bytes.fill(0, 16 + 24 * i, 40 + 24 * i);
    bytes.set(new TextEncoder().encode(name), 16 + 24 * i);
    const value = values[name] ?? random(2 ** 32) % 64;
    new DataView(memory.buffer).setUint32(36 + 24 * i, value, true);
  });
  bytes.fill(0, 16 + 24 * names.length, 40 + 24 * names.length);
  return memory;
}

test(`random memory gives Lua's walker a stack and an end (PYM_SEED=${seed})`, async () => {
  const random = randomFrom(seed);
  const { instance } = await load(lua);
  const real = new Reader(instance.exports.memory);
  real.renew();
  const facts = real.facts(instance.exports.pym_frames_lua());
  for (let i = 0; i < 3000; i++) {
    const state = {
      ...facts,
      state: 4096 + 4 * (random(2 ** 32) % 8192),
      modes: 4 * (random(2 ** 32) % 16384),
    };
    const memory = hostile(random, Object.keys(facts), state);
    const reader = new Reader(memory);
    reader.renew();
    const walker = new LuaFrames(reader, 16);
    const numbers = walker.walk();
    assert.ok(numbers.length <= 16 * 201);
    numbers.forEach((n) => assert.equal(typeof walker.frame(n).name, 'string'));
  }
});

test(`random memory gives Python's walker a stack and an end (PYM_SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const offsets = [
    'runtime',
    'interpreters_head',
    'threads_head',
    'current_frame',
    'previous',
    'executable',
    'instruction',
    'owner',
    'filename',
    'name',
    'qualname',
    'linetable',
    'firstlineno',
    'instructions',
    'text_state',
    'text_length',
    'text_ascii',
    'bytes_size',
    'bytes_value',
  ];
  for (let i = 0; i < 3000; i++) {
    const reader = new Reader(hostile(random, []));
    reader.renew();
    const at = Object.fromEntries(offsets.map((name) => [name, 4 * (random(2 ** 32) % 16)]));
    const walker = new PythonFrames(reader, { ...at, runtime: 1024, cframe: null });
    const numbers = walker.walk();
    assert.ok(numbers.length <= 130);
    numbers.forEach((n) => assert.equal(typeof walker.frame(n).name, 'string'));
  }
});

test('a table of frames that lacks something, has no end or is outside of memory is an error', async () => {
  const { instance, heap } = await load(lua);
  const at = instance.exports.pym_frames_lua();
  new Uint8Array(instance.exports.memory.buffer).fill(65, at, at + 5); // no "state" any more
  assert.throws(() => heap.profile(), { code: 'BAD_MEMORY', message: /table of frames/ });
  const reader = new Reader({ buffer: new Uint8Array(65536).fill(65).buffer });
  reader.renew();
  assert.throws(() => reader.facts(16), BadStack);
  assert.throws(() => reader.u32(65533), BadStack);
  assert.throws(() => reader.facts(0xfffffff0), BadStack);
});
