// A JavaScript engine on WASI under Node.js: PYM_ENGINE is qjs, qjs-ng, qjs-ng-blocks or duk,
// PYM_MODULE its module, PYM_WASMEDGE another host.
// expected/ holds what V8 printed for programs/.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { PYM_ENGINE: engine, PYM_MODULE: module, PYM_WASMEDGE: wasmedge } = process.env;

/** Runs the module with `args` in this folder. */
function js(args, { input = '', options = [] } = {}) {
  const command = ['--no-warnings', `${here}../../js/bin/wasm-pymalloc.js`, 'run', '--dir', '.'];
  return spawnSync(process.execPath, [...command, ...options, module, ...args], {
    cwd: here,
    encoding: 'utf8',
    input,
  });
}

const programs = { json: [3], richards: [2000], splay: [500, 1000], strings: [2] };
const isQuickjs = engine.startsWith('qjs');
if (isQuickjs) programs.collections = [2]; // newer than ES5
for (const [name, args] of Object.entries(programs)) {
  test(`${name}.js ${args.join(' ')} prints what V8 prints`, () => {
    const { stdout, stderr, status } = js([`programs/${name}.js`, ...args.map(String)]);
    assert.equal(stderr, '');
    assert.equal(stdout, readFileSync(`${here}expected/${[name, ...args].join('-')}.txt`, 'utf8'));
    assert.equal(status, 0);
  });
}

test("all memory is the heap's and goes back", () => {
  const { stderr } = js(['-e', 'var a = []; for (var i = 0; i < 10000; i++) a.push({ i: i })'], {
    options: ['--stats'],
  });
  assert.match(stderr, /object +0 B +0 /);
  // The arenas of quickjs-ng hide its blocks from the library.
  assert.match(stderr, engine === 'qjs-ng' ? / [1-9]\d{2,} +0\n/ : / [1-9]\d,\d{3} +0\n/);
});

test('an uncaught error ends with exit code 1 and says where', () => {
  const { stdout, stderr, status } = js(['-e', 'function f() { throw new Error("no") } f()']);
  assert.match(stderr, new RegExp(`^${isQuickjs ? 'qjs' : engine}: Error: no\n +at f `));
  assert.deepEqual([stdout, status], ['', 1]);
});

test('a script that does not exist is named', () => {
  const { stderr, status } = js(['missing.js']);
  assert.match(stderr, /missing\.js/);
  assert.equal(status, 1);
});

test('recursion without end is an error that can be caught', () => {
  const { stdout, status } = js([
    '-e',
    'function f() { return f() + 1 } ' + 'try { f() } catch (e) { print(e instanceof Error) }',
  ]);
  assert.deepEqual([stdout, status], ['true\n', 0]);
});

test('a limit of the heap is an error that can be caught, and the engine goes on', () => {
  const { stdout, stderr, status } = js(
    [
      '-e',
      'var a = [], n = 0; '
        + 'try { for (;;) a.push({ x: 1 }) } catch (e) { n = a.length; a = null } print(n > 1000)',
    ],
    { options: ['--limit', '3M'] },
  );
  assert.deepEqual([stdout, stderr, status], ['true\n', '', 0]);
});

// WasmEdge 0.14 lacks the instruction `delegate`, which the compiler puts into Duktape.
const edge = { skip: engine === 'duk' && 'WasmEdge lacks an instruction' };
test('it runs under WasmEdge', edge, () => {
  const { stdout, status } = spawnSync(
    wasmedge,
    ['--enable-exception-handling', module, '-e', 'print(JSON.stringify({ a: [1, 2] }))'],
    { encoding: 'utf8' },
  );
  assert.deepEqual([stdout, status], ['{"a":[1,2]}\n', 0]);
});

const only = { skip: !isQuickjs && 'of QuickJS' };
test('the memory limit of QuickJS counts what its blocks hold', only, () => {
  const fill =
    'let a = [], n = 0; try { for (;;) a.push(new ArrayBuffer(65536)) } '
    + 'catch (e) { n = a.length; a = null } print(n)';
  const { stdout, status } = js(['--memory-limit', String(8 << 20), '-e', fill]);
  assert.equal(status, 0);
  assert.ok(Number(stdout) >= 110 && Number(stdout) < 128, stdout);
});

test('- reads the program from standard input; promises run', only, () => {
  const input = 'Promise.resolve(scriptArgs[1]).then(print); print(1)';
  const { stdout } = js(['-', 'a'], { input });
  assert.equal(stdout, '1\na\n');
});
