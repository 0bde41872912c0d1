// Squirrel on WASI under Node.js: PYM_MODULE is the module, PYM_LIBC the same on libc's malloc.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { PYM_MODULE: module, PYM_LIBC: libc } = process.env;

/** Runs `wasm` with `args` in this folder; options are the command line's. */
function sq(args, { options = [], wasm = module } = {}) {
  return spawnSync(
    process.execPath,
    [
      '--no-warnings',
      `${here}../../js/bin/wasm-pymalloc.js`,
      'run',
      '--dir',
      '.',
      ...options,
      wasm,
      ...args,
    ],
    { cwd: here, encoding: 'utf8' },
  );
}

test("objects.nut prints what it prints on libc's malloc", () => {
  const { stdout, stderr, status } = sq(['programs/objects.nut', '5']);
  assert.deepEqual([stderr, status], ['', 0]);
  assert.equal(stdout, sq(['programs/objects.nut', '5'], { wasm: libc }).stdout);
  assert.match(stdout, /^0: 2047 nodes, .*\n1: 2047 nodes, /);
});

test("all memory is the heap's and goes back", () => {
  const { stderr } = sq(['programs/objects.nut', '1'], { options: ['--stats'] });
  assert.match(stderr, /object +0 B +0 /);
  assert.match(stderr, / [1-9]\d,\d{3} +0\n/);
});

test('an error ends with exit code 1 and says where', () => {
  const { stderr, status } = sq(['programs/missing.nut']);
  assert.match(stderr, /sq: programs\/missing\.nut failed/);
  assert.equal(status, 1);
});

test('at a limit it says so and ends: Squirrel cannot go on without memory', () => {
  const { stderr, status } = sq(['programs/objects.nut'], { options: ['--limit', '200K'] });
  assert.match(stderr, /^pymalloc: out of memory; Squirrel cannot go on\n/);
  assert.notEqual(status, 0);
});
