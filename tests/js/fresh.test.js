/** A fresh clone, installed into an empty project as a folder and as npm packs it: every documented entry
 *  is there and runs. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/pymalloc-fresh-`);
after(() => rmSync(folder, { recursive: true }));
const run = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

const clone = `${folder}/clone/`;

/** One use of each entry that is JavaScript, and of each file that is none: its part of a program, which
 *  prints one word. */
const USES = {
  '.': `import { createAllocator, Heap } from 'wasm-pymalloc';
const allocator = await createAllocator();
console.log(allocator.heap instanceof Heap);`,
  './pyodide': `import { compilePyodide } from 'wasm-pymalloc/pyodide';
console.log(await compilePyodide() instanceof WebAssembly.Module);`,
  './observe': `import { observe } from 'wasm-pymalloc/observe';
console.log(await observe(await fileOf('wasm-pymalloc/pymalloc.wasm')).catch(({ code }) =>
  code === 'UNSUPPORTED')); // it counts by itself`,
  './pymalloc.wasm': `const wasm = await WebAssembly.compile(await fileOf('wasm-pymalloc/pymalloc.wasm'));
console.log((await createAllocator({ wasm })).malloc(8) > 0);`,
  './pymalloc-threads.wasm': `const threads = await createAllocator({
  wasm: await WebAssembly.compile(await fileOf('wasm-pymalloc/pymalloc-threads.wasm')),
  memory: new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true }),
});
console.log(threads.malloc(8) > 0);`,
  // Node.js 20 has no memories for it.
  './pymalloc64.wasm': `const wide = await fileOf('wasm-pymalloc/pymalloc64.wasm');
const { code } = await createAllocator({ memory64: true }).catch((error) => error);
console.log(code === (WebAssembly.validate(wide) ? undefined : 'UNSUPPORTED'));`,
  './pyodide.wasm': `console.log(WebAssembly.validate(await fileOf('wasm-pymalloc/pyodide.wasm')));`,
  './report': `import { memoryReport } from 'wasm-pymalloc/report';
console.log(memoryReport(allocator.heap.stats()).length > 0);`,
  './metrics': `import { HeapMetrics } from 'wasm-pymalloc/metrics';
const metrics = new HeapMetrics();
metrics.add(allocator.heap);
console.log(metrics.prometheus().length > 0);`,
  './test': `import { noLeaks } from 'wasm-pymalloc/test';
await noLeaks(allocator, () => allocator.free(allocator.malloc(100)));
console.log(true);`,
  './package.json': `console.log(JSON.parse(await fileOf('wasm-pymalloc/package.json')).name === 'wasm-pymalloc');`,
};
const PROGRAM = `import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
const fileOf = (name) => readFile(fileURLToPath(import.meta.resolve(name)));
${Object.values(USES).join('\n')}`;

/** What git holds, or would: no build folder, no wasm, no types.  The compiler of types comes from
 *  here, a copy since npm may write to it, so that no registry is asked. */
function copyClone() {
  const files = run(root, 'git', 'ls-files', '-co', '--exclude-standard', '-z')
    .split('\0')
    .filter(Boolean);
  for (const file of files) {
    mkdirSync(dirname(clone + file), { recursive: true });
    cpSync(root + file, clone + file, { force: true });
  }
  cpSync(`${root}js/node_modules`, `${clone}js/node_modules`, { recursive: true });
}

/** An empty project with the package in it.  @param {string} name  @param {string} what  to install
 *  @returns {string} where the package lies */
function install(name, what) {
  const project = `${folder}/${name}`;
  mkdirSync(project);
  writeFileSync(`${project}/package.json`, '{ "type": "module", "private": true }');
  run(project, 'npm', 'install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', what);
  return `${project}/node_modules/wasm-pymalloc`;
}

/** @param {string} installed */
function assertEntriesRun(installed) {
  const { exports } = JSON.parse(readFileSync(`${installed}/package.json`, 'utf8'));
  assert.deepEqual(Object.keys(exports).sort(), Object.keys(USES).sort());
  for (const [name, target] of Object.entries(exports)) {
    const types = target.types ?? target;
    assert.ok(readFileSync(`${installed}/${types}`), `${name}: ${types}`);
  }
  const project = dirname(dirname(installed));
  writeFileSync(`${project}/entries.mjs`, PROGRAM);
  const told = run(project, process.execPath, 'entries.mjs').trim().split('\n');
  const wanted = Object.keys(USES).map((name) => `${name} true`);
  assert.deepEqual(
    told.map((word, i) => `${Object.keys(USES)[i]} ${word}`),
    wanted,
  );
  assert.match(run(project, 'npx', 'wasm-pymalloc', '--help'), /usage: wasm-pymalloc run/);
}

copyClone();

test('npm install ./js of a fresh clone: every entry runs', () => {
  assert.ok(!readdirSync(`${clone}js`).includes('wasm'));
  assertEntriesRun(install('with-folder', `${clone}js`));
});

test('packed, and installed from the package: every entry runs', () => {
  // What npm pack prepares, the installation has prepared.
  run(`${clone}js`, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  assertEntriesRun(install('with-package', `${folder}/${tarball}`));
});
