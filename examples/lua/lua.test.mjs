// lua.wasm under one WASI host: PYM_HOST is node or wasmedge, PYM_LUA the module, PYM_WASMEDGE the
// program; PYM_LUA_5_5 is set for Lua 5.5.  expected/ holds what a native Lua 5.4 printed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { PYM_HOST: host, PYM_LUA: wasm, PYM_WASMEDGE: wasmedge } = process.env;

/** Runs lua.wasm with `args` in this folder; env reaches the guest. */
function lua(args, { env = {}, input = '' } = {}) {
  const guestEnv = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const [command, ...first] = {
    node: [process.execPath, '--no-warnings', `${here}../../wasm/run-wasi.mjs`],
    wasmedge: [
      wasmedge,
      '--enable-exception-handling',
      '--dir',
      '.:.',
      ...guestEnv.flatMap((pair) => ['--env', pair]),
    ],
  }[host];
  return spawnSync(command, [...first, wasm, ...args], {
    cwd: here,
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  });
}

// WasmEdge interprets, about fifty times slower than Node compiles: there each program is small.
const programs = {
  node: { binary_trees: [], strings: [], json: [], objects: [], big: [] },
  wasmedge: { binary_trees: [8], strings: [1], json: [3], objects: [2000], big: [4] },
}[host];
// Its count of memory leaves out what long strings hold, and big.lua goes by that.
if (process.env.PYM_LUA_5_5) delete programs.big;
for (const [name, args] of Object.entries(programs)) {
  test(`${name}.lua ${args} prints what a native Lua prints`, () => {
    const { stdout, stderr, status } = lua([`programs/${name}.lua`, ...args.map(String)]);
    assert.equal(stderr, '');
    assert.equal(stdout, readFileSync(`${here}expected/${[name, ...args].join('-')}.txt`, 'utf8'));
    assert.equal(status, 0);
  });
}

test('PYM_STATS=exit prints the report on standard error and leaves the output alone', () => {
  const { stdout, stderr, status } = lua(['-e', 'print(1 + 1)'], { env: { PYM_STATS: 'exit' } });
  assert.equal(stdout, '2\n');
  assert.match(stderr, /object/);
  assert.equal(status, 0);
});

test('an error ends with exit code 1 and a traceback', () => {
  const { stdout, stderr, status } = lua(['-e', 'local function f() error("no") end f()']);
  assert.equal(stdout, '');
  assert.match(stderr, /^lua: \(-e\):1: no\nstack traceback:/);
  assert.equal(status, 1);
});

test('a script that does not exist is named in the message', () => {
  const { stderr, status } = lua(['missing.lua']);
  assert.match(stderr, /missing\.lua/);
  assert.equal(status, 1);
});

test('- reads the program from standard input, and its arguments are in arg', () => {
  const { stdout } = lua(['-', 'a', 'b'], { input: 'print(arg[1], #arg, ...)' });
  assert.equal(stdout, 'a\t2\ta\tb\n');
});

test('os.exit passes its code on', () => {
  assert.equal(lua(['-e', 'os.exit(7)']).status, 7);
});

test('pcall catches an error raised through C, thousands of times', () => {
  const { stdout } = lua([
    '-e',
    `
    local n = 0
    for i = 1, 20000 do
      if not pcall(string.rep) and not pcall(error, {}) then n = n + 1 end
    end
    print(n)`,
  ]);
  assert.equal(stdout, '20000\n');
});
