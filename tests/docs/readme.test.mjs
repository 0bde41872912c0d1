/** What README.md and docs/limits.md show runs: programs, the project with CMake, commands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WASI } from 'node:wasi';

import { built } from '../js/lib/run.js';
import { load as loadPyodide } from '../pyodide/lib.mjs';
import { parse, root } from './markdown.mjs';

const { blocks } = parse('README.md');
const programs = [...blocks, ...parse('docs/limits.md').blocks].filter(({ lang }) => lang === 'js');
const block = (/** @type {string} */ lang, /** @type {RegExp} */ has) => {
  const found = blocks.find(({ lang: its, text }) => its === lang && has.test(text));
  assert.ok(found, `README.md has no block of ${lang} with ${has}`);
  return found.text;
};

const ADDRESSES = new Map([
  ['wasm-pymalloc', () => import('../../js/src/index.node.js')],
  ['wasm-pymalloc/observe', () => import('../../js/src/observe/index.node.js')],
  ['wasm-pymalloc/pyodide', () => import('../../js/src/pyodide.node.js')],
  ['pyodide', async () => ({ loadPyodide })],
]);

/** @param {string} file  a Lua, as bytes, module, instance and what it was given */
async function lua(file) {
  const bytes = readFileSync(built(file));
  const wasi = new WASI({ version: 'preview1', args: ['lua', '-e', 'os.exit(0)'] });
  const plain = Object.entries(wasi.wasiImport).map(([name, fn]) => [
    name,
    (/** @type {unknown[]} */ ...args) => Reflect.apply(fn, undefined, args),
  ]);
  const imports = { wasi_snapshot_preview1: Object.fromEntries(plain) };
  const { module, instance } = await WebAssembly.instantiate(bytes, imports);
  return { bytes, wasi, imports, module, instance };
}

/** Takes the imports of a program out, and gets what they bring.
 *  @param {string} code  @returns {Promise<Record<string, unknown>>} */
async function imported(code) {
  /** @type {Record<string, unknown>} */
  const out = {};
  for (const [, names, from] of code.matchAll(/^import \{ (.*) \} from '(.*)';/gm)) {
    const brought = await ADDRESSES.get(from)?.();
    for (const name of names.split(', ')) {
      assert.ok(brought && name in brought, `${from} has no ${name}`);
      out[name] = brought[name];
    }
  }
  return out;
}

const AsyncFunction = (async () => {}).constructor;

test('there is a program for each kind of user', () => assert.ok(programs.length >= 5));

for (const [i, { text }] of programs.entries()) {
  test(`program ${i + 1} runs: ${text.match(/await \w+|\w+\.\w+\(/)?.[0]}`, async () => {
    const { Heap } = await import('../../js/src/index.node.js');
    const at = await lua(text.includes('observe(') ? 'lua/lua-libc.wasm' : 'lua/lua.wasm');
    const surroundings = {
      ...at,
      memory: new WebAssembly.Memory({ initial: 1 }),
      ...(/observe\(|heap = /.test(text) ? {} : { heap: Heap.from(at.module, at.instance, {}) }),
      ...(await imported(text)),
    };
    if (text.includes('observe(')) delete surroundings.module;
    const code = text.replace(/^import .*$/gm, '');
    const run = new AsyncFunction(...Object.keys(surroundings), `{ ${code}\n }`);
    await run(...Object.values(surroundings));
  });
}

/** @param {string} cwd  @param {string} command  @returns {string} what it printed */
function sh(cwd, command) {
  const args = ['-euo', 'pipefail', '-c', command];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command}\n${stdout}${stderr}`);
  return stdout + stderr;
}

test('the project with CMake builds, by the commands beside it, and runs', (t) => {
  const project = mkdtempSync(join(tmpdir(), 'readme-'));
  after(() => rmSync(project, { recursive: true }));
  const sources = join(built('lua/lua.wasm'), '../lua-5.4.7/src');
  symlinkSync(root, join(project, 'wasm-pymalloc'));
  const c = block('c', /lua_newstate/);
  const include = /^#include .*$/gm;
  writeFileSync(
    join(project, 'main.c'),
    `#include <lauxlib.h>\n${c.match(include)?.join('\n')}\nint main(void) {\n`
      + `${c.replace(include, '')}\nreturn !L || !M || luaL_dostring(M, "return 1"); }\n`,
  );
  writeFileSync(
    join(project, 'program.c'),
    '#include <stdlib.h>\nint main(void) { return !malloc(8); }\n',
  );
  writeFileSync(
    join(project, 'CMakeLists.txt'),
    `cmake_minimum_required(VERSION 3.25)
project(readme LANGUAGES C)
include_directories("${sources}")
file(GLOB lua_sources "${sources}/*.c")
list(FILTER lua_sources EXCLUDE REGEX "/luac?.c$")
${block('cmake', /add_subdirectory/)}
target_compile_options(lua PRIVATE "SHELL:-mllvm -wasm-enable-sjlj")
target_compile_definitions(lua PRIVATE _WASI_EMULATED_SIGNAL _WASI_EMULATED_PROCESS_CLOCKS L_tmpnam=1)
target_sources(lua PRIVATE none.c)
target_link_libraries(lua PRIVATE setjmp wasi-emulated-signal wasi-emulated-process-clocks)
add_executable(program program.c)
${block('cmake', /target_link_libraries\(program/)}
`,
  );
  writeFileSync(
    join(project, 'none.c'),
    '#include <stdio.h>\nFILE *tmpfile(void) { return NULL; }\n'
      + 'int system(const char *s) { (void)s; return 0; }\n',
  );
  sh(project, block('', /^cmake -B build/));
  const run = `node --no-warnings '${root}js/bin/wasm-pymalloc.js' run --stats`;
  assert.match(sh(project, `${run} build/lua*`), /exit code 0/);
  assert.match(sh(project, `${run} build/program*`), /exit code 0/);
  t.diagnostic(`built in ${project}`);
});

test('the command of a WASI program prints the report that is shown', () => {
  const said = sh(root, block('', /^node js\/bin\/wasm-pymalloc\.js run --stats/));
  const shown = block('', /^memory report/);
  const shape = (/** @type {string} */ text) =>
    text.match(/^(memory report|peak|linear memory|  [a-z ']+[a-z])/gm);
  const ours = shape(said.slice(said.indexOf('memory report')));
  const theirs = shape(shown);
  assert.deepEqual(ours?.slice(0, theirs?.length), theirs);
});
