// Components by jco: strings in and out through cabi_realloc, CPython as a component, and the heap of both
// read by the host.
//
//   node --test examples/components/components.test.mjs     from the top, after npm ci in this folder;
//   build/components and build/python have to be there
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { componentEmbed, componentNew, transpile } from '@bytecodealliance/jco';
import { attachComponent } from '../../js/src/index.node.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const build = process.env.PYM_BUILD ?? join(here, '../../build');
const jco = dirname(dirname(createRequire(import.meta.url).resolve('@bytecodealliance/jco')));
const adapter = (kind) => readFileSync(join(jco, `lib/wasi_snapshot_preview1.${kind}.wasm`));

/** The JavaScript that jco makes of a component, its core modules compiled.  It is written beside
 *  node_modules, where it finds the implementation of WASI. */
async function instantiated(component, name, setUp = async () => ({})) {
  const { files } = await transpile(component, { name, instantiation: { tag: 'async' } });
  const folder = mkdtempSync(join(here, 'transpiled-'));
  try {
    for (const [file, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), bytes);
    }
    const { instantiate } = await import(pathToFileURL(join(folder, `${name}.js`)).href);
    const { WASIShim } = await import('@bytecodealliance/preview2-shim/instantiation');
    const guest = attachComponent();
    const memories = [];
    const core = (file) => WebAssembly.compile(readFileSync(join(folder, file)));
    const instance = await instantiate(
      core,
      new WASIShim(await setUp()).getImportObject(),
      async (module, imports) => {
        const made = await guest.instantiateCore(module, imports);
        if (made.exports.memory) memories.push(made.exports.memory);
        return made;
      },
    );
    return { instance, guest, memories };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A component of strings.c. */
async function strings(file) {
  const binary = readFileSync(join(build, 'components', file));
  const embedded = await componentEmbed({
    binary,
    witSource: readFileSync(join(here, 'strings.wit'), 'utf8'),
  });
  const component = await componentNew(embedded, [['wasi_snapshot_preview1', adapter('reactor')]]);
  return instantiated(component, 'strings');
}

test('strings go in and out through cabi_realloc; nothing is left of them', async () => {
  const { instance, guest } = await strings('strings.wasm');
  assert.equal(instance.shout('Grüße'), 'GRüßE');
  assert.equal(instance.shout(''), '', 'a string of no bytes');
  assert.equal(instance.repeat('ab', 3), 'ababab');
  assert.equal(instance.repeat('', 1000), '');
  const heap = guest.heap();
  for (let i = 0; i < 1000; i++)
    assert.equal(instance.repeat('12345678', i % 9).length, (i % 9) * 8);
  assert.equal(heap.stats().domains.mem.liveBytes, 0);
  assert.ok(heap.stats().domains.mem.totalBlocks > 1700);
  assert.deepEqual(heap.check(), { sound: true, message: '' });
  heap.setLimits({ heap: { hard: 1 << 20 } });
  assert.throws(() => instance.repeat('x'.repeat(1000), 10_000), WebAssembly.RuntimeError);
});

test('a cabi_realloc over malloc, which the host calls while the library starts', async () => {
  const { instance, guest } = await strings('strings-malloc.wasm');
  assert.equal(instance.repeat('ab', 3), 'ababab');
  assert.equal(instance.shout(''), '');
  assert.deepEqual(guest.heap().check(), { sound: true, message: '' });
  const { liveBytes } = guest.heap().stats().domains.object; // stack and state of the adapter
  assert.ok(liveBytes >= 2 * 65536 && liveBytes < 2 * 65536 + 100, `${liveBytes}`);
});

test('without a module that links the library there is no heap', () => {
  assert.throws(() => attachComponent().heap(), { code: 'NO_DESCRIPTOR' });
});

test('CPython runs as a component; the pages of the WASI adapter stay its own', async (t) => {
  const file = join(build, 'python/python.wasm');
  if (!existsSync(file)) return t.skip(`${file} is not there: cmake --workflow --preset test`);
  const component = await componentNew(readFileSync(file), [
    ['wasi_snapshot_preview1', adapter('command')],
  ]);
  const lib = join(build, 'python/lib');
  const program = 'rows = [{"id": i} for i in range(100000)]; print(len(rows))';
  const { WASIShim } = await import('@bytecodealliance/preview2-shim/instantiation');
  assert.equal(typeof WASIShim, 'function');
  const { instance, guest } = await instantiated(component, 'python', async () => ({
    sandbox: {
      args: ['python', '-c', program],
      env: { PYTHONHOME: '/' },
      preopens: { '/lib': lib },
    },
  }));
  let code = 0;
  try {
    instance.run?.run();
  } catch (error) {
    code = error.exitError ? error.code : error;
  }
  assert.equal(code, 0);
  const heap = guest.heap();
  assert.ok(heap.stats().domains.object.totalBlocks > 100_000);
  assert.deepEqual(heap.check(), { sound: true, message: '' });
});
