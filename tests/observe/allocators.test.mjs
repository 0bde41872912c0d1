/** Each allocator on its own: found and proven, its functions by what they do, and what is recorded
 *  against a program that keeps an account of what it asked for (tests/observe/allocators).
 *
 *  What a machine has no compiler for is skipped, with the reason. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { observe } from '../../js/src/observe/index.node.js';

const CACHE =
  process.env.PYM_CACHE
  ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wasm-pymalloc');
const SOURCES = fileURLToPath(new URL('allocators/', import.meta.url));
const LIBRARY = new URL('../../js/wasm/pymalloc.wasm', import.meta.url);
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const folder = mkdtempSync(join(tmpdir(), 'pymalloc-allocators-'));
console.log(`SEED=${SEED}`);
after(() => rmSync(folder, { recursive: true }));

/** @param {string} command  @param {string[]} args
 *  @returns {string | null} why there is no such build; null: it was made */
function built(command, args) {
  const env = { ...process.env, PATH: `${join(CACHE, 'bin')}${delimiter}${process.env.PATH}` };
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  if (error?.code === 'ENOENT') return `there is no ${command} on this machine`;
  assert.equal(status, 0, `${command}: ${error ?? stderr}`);
  return null;
}

const NAMES = ['run', 'exercise', 'finish', 'bytes', 'blocks', 'failures', 'damages'];

/** @param {string} name  of the module  @param {string[]} flags
 *  @param {readonly string[]} [names]  exported */
const emscripten = (name, flags, names = NAMES) =>
  built('emcc', [
    join(SOURCES, 'program.c'),
    '--no-entry',
    '-sALLOW_MEMORY_GROWTH',
    '-sMODULARIZE',
    `-sEXPORTED_FUNCTIONS=${names.map((one) => `_${one}`)}`,
    ...flags,
    '-o',
    join(folder, `${name}.mjs`),
  ]);

function wasi(name) {
  const sdk = process.env.WASI_SDK_PATH;
  const sysroot = sdk ? join(sdk, 'share/wasi-sysroot') : join(CACHE, 'wasi-libc-2024/usr');
  if (!existsSync(sysroot)) return `there is no wasi-libc on this machine (${sysroot})`;
  return built(sdk ? join(sdk, 'bin/clang') : 'clang-19', [
    join(SOURCES, 'program.c'),
    '--target=wasm32-wasi',
    `--sysroot=${sysroot}`,
    '-O2',
    '-nostartfiles',
    '-Wl,--no-entry,--strip-all',
    '-o',
    join(folder, `${name}.wasm`),
  ]);
}

function rust(name) {
  const target = join(CACHE, 'rust/usr/lib/rustlib/wasm32-unknown-unknown');
  if (!existsSync(target)) return 'there is no Rust for wasm on this machine: wasm/setup.sh rust';
  return built('rustc', [
    join(SOURCES, 'program.rs'),
    '--target=wasm32-unknown-unknown',
    '--crate-type=cdylib',
    '-O',
    '-Cpanic=abort',
    '-Cstrip=symbols',
    '-Clinker=wasm-ld-19',
    '-o',
    join(folder, `${name}.wasm`),
  ]);
}

/** A program: its instance, and its functions by the names in C. */

/** Of a module that has no JavaScript of its own. */
async function plain(module) {
  const instance = await WebAssembly.instantiate(module, {});
  return { instance, functions: instance.exports };
}

/** By Emscripten's JavaScript, which knows the names where exports have letters. */
async function byGlue(module, name) {
  const { default: create } = await import(pathToFileURL(join(folder, `${name}.mjs`)).href);
  let instance;
  const program = await create({
    instantiateWasm(imports, done) {
      instance = new WebAssembly.Instance(module, imports);
      done(instance, module);
      return instance.exports;
    },
  });
  const functions = Object.fromEntries(NAMES.map((one) => [one, program[`_${one}`]]));
  return { instance, functions };
}

const DLMALLOC = ['calloc', 'free', 'malloc', 'posixMemalign', 'realloc'];
const EMMALLOC = ['calloc', 'free', 'malloc', 'memalign', 'realloc'];
const MIMALLOC = ['calloc', 'free', 'malloc', 'memalignSwapped', 'realloc', 'realloc'];
const RUST = ['rustAlloc', 'rustAllocZeroed', 'rustDealloc', 'rustRealloc'];
const NAMED = [...NAMES, 'malloc', 'free'];

/** How each is built, found and what it has. */
const BUILDS = {
  'dlmalloc of Emscripten': [
    (name) => emscripten(name, ['-O2', '-sMALLOC=dlmalloc']),
    { how: 'shape', roles: DLMALLOC, start: byGlue },
  ],
  'dlmalloc of Emscripten, with names': [
    (name) => emscripten(name, ['-O2', '-g2', '-sMALLOC=dlmalloc']),
    { how: 'name', roles: DLMALLOC, start: byGlue },
  ],
  'dlmalloc of Emscripten, exports with letters': [
    (name) => emscripten(name, ['-O3', '-sMALLOC=dlmalloc'], NAMED),
    { how: 'glue', roles: DLMALLOC, start: byGlue },
  ],
  'emmalloc of Emscripten': [
    (name) => emscripten(name, ['-O2', '-sMALLOC=emmalloc']),
    { how: 'shape', roles: EMMALLOC, start: byGlue },
  ],
  'emmalloc of Emscripten, exports with letters': [
    (name) => emscripten(name, ['-O3', '-sMALLOC=emmalloc'], NAMED),
    { how: 'glue', roles: EMMALLOC, start: byGlue },
  ],
  'mimalloc of Emscripten': [
    (name) => emscripten(name, ['-O2', '-sMALLOC=mimalloc']),
    { how: 'export', roles: MIMALLOC, start: byGlue },
  ],
  'mimalloc of Emscripten, exports with letters': [
    (name) => emscripten(name, ['-O3', '-sMALLOC=mimalloc'], NAMED),
    { how: 'glue', roles: MIMALLOC, start: byGlue },
  ],
  'dlmalloc of wasi-libc': [
    wasi,
    { how: 'shape', roles: ['calloc', 'free', 'malloc', 'memalign', 'realloc'], start: plain },
  ],
  'dlmalloc of Rust': [rust, { how: 'shape', roles: RUST, start: plain }],
};

const STEPS = 30_000;
const LIMIT_ROOM = 20_000;

for (const [i, [what, [make, expected]]] of Object.entries(BUILDS).entries()) {
  test(`${what}: found, proven, and every byte recorded`, async (t) => {
    const name = `module${i}`;
    const missing = make(name);
    if (missing !== null) return t.skip(missing);
    const glue = join(folder, `${name}.mjs`);
    const { module, attach, identity } = await observe(readFileSync(join(folder, `${name}.wasm`)), {
      glue: existsSync(glue) ? readFileSync(glue, 'utf8') : '',
    });
    assert.equal(identity.how, expected.how);
    assert.deepEqual(identity.roles.map(({ role }) => role).sort(), expected.roles);
    const { instance, functions } = await expected.start(module, name);
    checkAccount(attach(instance), functions);
  });
}

/** Figures of a Watch against the program's own, at large and at a limit. */
function checkAccount(watch, { run, exercise, finish, bytes, blocks, failures, damages }) {
  const { liveBytes, liveBlocks } = watch.stats().domains.malloc; // of the runtime
  const same = () => {
    const { domains, complete, unknownFrees, doubledAddresses } = watch.stats();
    assert.deepEqual(
      [domains.malloc.liveBytes - liveBytes, domains.malloc.liveBlocks - liveBlocks],
      [bytes(), blocks()],
    );
    assert.deepEqual([complete, unknownFrees, doubledAddresses, damages()], [true, 0, 0, 0]);
    return domains.malloc;
  };
  assert.equal(exercise?.(100) ?? 0, 0);
  same();
  run(SEED, STEPS);
  assert.equal(failures(), 0);
  const before = same();
  assert.ok(before.totalBlocks > STEPS / 4, `${before.totalBlocks}`);
  watch.setLimit(before.liveBytes + LIMIT_ROOM);
  run(SEED + 1, STEPS);
  const after = same();
  assert.ok(failures() > 0);
  assert.deepEqual([after.failures, after.peakBytes], [failures(), before.peakBytes]);
  watch.setLimit(null);
  finish();
  assert.deepEqual([same().liveBlocks, bytes()], [liveBlocks, 0]);
}

test('this library: left alone, with the way to read it', async (t) => {
  if (!existsSync(LIBRARY)) return t.skip('js/wasm/pymalloc.wasm is not built');
  await assert.rejects(observe(readFileSync(LIBRARY)), (error) => {
    return error.code === 'UNSUPPORTED' && /Heap\.from\(module, instance\)/.test(error.message);
  });
});

for (const [name, where] of [
  ['walloc', 'it has no package'],
  ['talc', 'it is a package of crates.io alone'],
]) {
  test(`${name}: found, proven, and every byte recorded`, {
    skip: `neither Debian nor npm has the source of ${name}: ${where}`,
  });
}
