// SQLite's modules in the folder PYM_MODULES under Node.js; PYM_WASMEDGE is another host.
// expected/ holds what a native SQLite printed for programs/.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { PYM_MODULES: modules, PYM_WASMEDGE: wasmedge } = process.env;

function run(module, args, options = []) {
  const command = ['--no-warnings', `${here}../../js/bin/wasm-pymalloc.js`, 'run', '--dir', '.'];
  return spawnSync(process.execPath, [...command, ...options, `${modules}/${module}`, ...args], {
    cwd: here,
    encoding: 'utf8',
  });
}

for (const name of ['shop-5', 'shop-20', 'text-5', 'text-20']) {
  const [program, rounds] = name.split('-');
  test(`${program}.sql, ${rounds} rounds, prints what a native SQLite prints`, () => {
    const { stdout, stderr, status } = run('sqlite.wasm', [`programs/${program}.sql`, rounds]);
    assert.equal(stderr, '');
    assert.equal(stdout, readFileSync(`${here}expected/${name}.txt`, 'utf8'));
    assert.equal(status, 0);
  });
}

test("all memory is the heap's and goes back", () => {
  const { stderr } = run('sqlite.wasm', ['programs/text.sql', '3'], ['--stats']);
  assert.match(stderr, /object +0 B +0 +[1-9]/);
});

test('a limit of the heap is an error, not the end', () => {
  const { stderr, status } = run('sqlite.wasm', ['programs/shop.sql', '20'], ['--limit', '300K']);
  assert.match(stderr, /^sqlite: out of memory\n/);
  assert.equal(status, 1);
});

test('a file that does not exist is named', () => {
  const { stderr, status } = run('sqlite.wasm', ['missing.sql']);
  assert.equal(stderr, 'sqlite: cannot read missing.sql\n');
  assert.equal(status, 1);
});

test('it runs under WasmEdge', () => {
  const { stdout, status } = spawnSync(
    wasmedge,
    ['--dir', '.:.', `${modules}/sqlite.wasm`, 'programs/text.sql', '5'],
    { cwd: here, encoding: 'utf8' },
  );
  assert.equal(stdout, readFileSync(`${here}expected/text-5.txt`, 'utf8'));
  assert.equal(status, 0);
});

test('speedtest1 finds the same with every allocator', () => {
  const [adapter, malloc, libc] = ['', '-malloc', '-libc'].map((kind) => {
    const { stdout, stderr, status } = run(`speedtest1${kind}.wasm`, [
      '--memdb',
      '--size',
      '2',
      '--verify',
    ]);
    assert.deepEqual([stderr, status], ['', 0]);
    return stdout.replace(/\d+\.\d+s/g, '');
  });
  assert.match(adapter, /Verification Hash: \d+/);
  assert.equal(adapter, libc);
  assert.equal(malloc, libc);
});
