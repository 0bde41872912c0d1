// heap.profile() of an Emscripten program, through Module.pymalloc.
//
// PYM_BUILD  a build folder of the library for Emscripten
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Heap } from '../../js/src/index.node.js';
import { withoutNames } from '../js/lib/sections.js';

const { PYM_BUILD: build } = process.env;
assert.ok(build, 'PYM_BUILD is not set: run this by ctest');
const folder = join(build, 'tests/emscripten');
const bytesOf = (name) => readFileSync(join(folder, `${name}.wasm`));

/** The Module of a program that has not run yet. */
async function load(name, wasmBinary = bytesOf(name)) {
  const { default: factory } = await import(pathToFileURL(join(folder, `${name}.mjs`)));
  let instance;
  const wasm = await WebAssembly.compile(wasmBinary);
  const module = await factory({
    instantiateWasm(imports, loaded) {
      WebAssembly.instantiate(wasm, imports).then((made) => loaded((instance = made)));
      return {};
    },
  });
  return { module, wasm, instance };
}

/** Runs it with a profile of one sample in 8 KiB. */
async function profileOf(options, wasmBinary) {
  const { module } = await load('profile_leak', wasmBinary);
  const profile = Heap.from(module).profile({ every: 8192, ...options });
  assert.equal(module.callMain([]), 0);
  return profile.stop();
}

test('a leak is named by its function, and no function of the library stands for it', async () => {
  const profile = await profileOf({});
  const [leak, second] = profile.top(2);
  assert.deepEqual([leak.name, leak.language], ['remember', 'wasm']);
  // 270 samples of 20,000 blocks: 0.3 are five standard errors.
  assert.ok(Math.abs(leak.blocks - 20000) < 6000, `${leak.blocks} blocks`);
  assert.equal(second, undefined);
  const names = profile.top(100, 'ever').map(({ name }) => name);
  assert.ok(names.includes('forget'), String(names));
  assert.deepEqual(
    names.filter((name) => /malloc|alloc/.test(name)),
    [],
  );
  assert.equal(profile.note, '');
});

test('with the bytes of a module that was linked with -g it has file and line', async () => {
  const [leak] = (await profileOf({ wasm: bytesOf('profile_leak') })).top(1);
  const source = readFileSync(new URL('../c/inspect/profile_leak.c', import.meta.url), 'utf8');
  const line = source.split('\n').findIndex((text) => text.includes('malloc(strlen')) + 1;
  assert.deepEqual([leak.name, leak.line], ['remember', line]);
  assert.match(leak.file, /profile_leak\.c$/);
});

test('a module without names is told of --profiling-funcs', async () => {
  const profile = await profileOf({}, withoutNames(bytesOf('profile_leak')));
  assert.match(profile.top(1)[0].name, /^wasm-function\[\d+\]$/);
  assert.match(profile.note, /--profiling-funcs/);
});

test('a program without the way out, or one that nobody listens to, is one error', async () => {
  const { module } = await load('profile_without');
  assert.throws(() => Heap.from(module).profile(), {
    code: 'NO_PROFILE',
    message: /link it with the CMake target pymalloc::profile/,
  });
  const { wasm, instance } = await load('profile_leak');
  assert.throws(() => Heap.from(wasm, instance).profile(), {
    code: 'NO_PROFILE',
    message: /Heap\.from\(Module\)/,
  });
});
