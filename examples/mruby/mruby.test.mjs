// mruby on WASI under Node.js: PYM_MODULE is the module.  expected/ holds what CRuby 3.1 printed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Runs the module with `args` in this folder; options are the command line's. */
function mruby(args, { options = [] } = {}) {
  return spawnSync(
    process.execPath,
    [
      '--no-warnings',
      `${here}../../js/bin/wasm-pymalloc.js`,
      'run',
      '--dir',
      '.',
      ...options,
      process.env.PYM_MODULE,
      ...args,
    ],
    { cwd: here, encoding: 'utf8' },
  );
}

test('objects.rb 5 prints what CRuby prints', () => {
  const { stdout, stderr, status } = mruby(['programs/objects.rb', '5']);
  assert.deepEqual([stderr, status], ['', 0]);
  assert.equal(stdout, readFileSync(`${here}expected/objects-5.txt`, 'utf8'));
});

test("all memory is the heap's and goes back", () => {
  const { stderr } = mruby(['programs/objects.rb', '3'], { options: ['--stats'] });
  assert.match(stderr, /object +0 B +0 /);
  assert.match(stderr, / [1-9]\d,\d{3} +0\n/);
});

test('an uncaught exception ends with exit code 1 and says where', () => {
  const { stdout, stderr, status } = mruby(['-e', 'def f; raise "no"; end; f']);
  assert.match(stderr, /no \(RuntimeError\)/);
  assert.deepEqual([stdout, status], ['', 1]);
});

test('a script that does not exist is named', () => {
  const { stderr, status } = mruby(['missing.rb']);
  assert.match(stderr, /missing\.rb/);
  assert.equal(status, 1);
});

test('a limit of the heap is an exception that can be rescued, and Ruby goes on', () => {
  const { stdout, stderr, status } = mruby(
    [
      '-e',
      'a = []; begin; loop { a << "x" * 1000 }; '
        + 'rescue NoMemoryError; n = a.size; a = nil; end; puts n > 1000; puts (1..5).map { |i| "#{i}" }.join',
    ],
    { options: ['--limit', '4M'] },
  );
  assert.deepEqual([stdout, stderr, status], ['true\n12345\n', '', 0]);
});
