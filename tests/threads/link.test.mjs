// An archive for one thread does not link into a program with shared memory, and the linker's message
// names what to link instead.
//
// PYM_SYSTEM  emscripten or freestanding;  PYM_CC  its compiler;  PYM_BUILD  a build folder for it
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = fileURLToPath(new URL('../..', import.meta.url));
const { PYM_SYSTEM: system, PYM_CC: cc, PYM_BUILD: build, PYM_SRC: src } = process.env;
assert.ok(system && cc && build && src, 'PYM_SYSTEM is not set: run this by ctest');
const folder = join(build, 'tests', 'threads');
mkdirSync(folder, { recursive: true });

const archive = (name) => join(build, `lib${name}.a`);
const PLAIN =
  system === 'emscripten'
    ? []
    : [
        '--target=wasm32-unknown-unknown',
        '-mbulk-memory',
        '-nostdlib',
        '-Wl,--no-entry',
        '-Wl,--export=main',
        '-O0',
      ];
const SHARED =
  system === 'emscripten'
    ? ['-pthread']
    : ['-matomics', '-Wl,--shared-memory', '-Wl,--import-memory', '-Wl,--max-memory=1048576'];

/** Links tests/threads/one_thread.c. */
const link = (name, ...flags) =>
  run(cc, [
    join(source, 'tests/threads/one_thread.c'),
    `-I${src}`,
    ...PLAIN,
    ...flags,
    '-o',
    join(folder, `${name}.${system === 'emscripten' ? 'js' : 'wasm'}`),
  ]);

const REFUSED = { message: /shared-memory is disallowed by (.*)link_pymalloc_threads_instead/ };

test('without shared memory the archive links', async () => {
  await link('plain', archive('pymalloc'));
});

test('with shared memory it is refused, and the message names the right archive', async () => {
  await assert.rejects(link('shared', ...SHARED, archive('pymalloc')), REFUSED);
});

test('the same with pymalloc::malloc', {
  skip: system !== 'emscripten' && 'no C library here',
}, async () => {
  const malloc = [archive('pymalloc_malloc'), archive('pymalloc'), '-sMALLOC=none'];
  await assert.rejects(link('shared-malloc', ...SHARED, ...malloc), REFUSED);
});

test('compiled for shared memory, the file that refuses is refused', async () => {
  const compile = run(cc, [
    ...PLAIN.slice(0, 2),
    '-matomics',
    '-mbulk-memory',
    `-I${src}`,
    '-fsyntax-only',
    join(src, 'ports', 'link_pymalloc_threads_instead.c'),
  ]);
  await assert.rejects(compile, /build pymalloc_threads instead/);
});
