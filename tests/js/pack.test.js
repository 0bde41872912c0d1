/** The package as npm packs it: what is in it, how large it is, and that the tools which look at
 *  packages find nothing wrong with it.
 *
 *    node tests/js/pack.test.js --update    writes the list of files into js/package-budget.json */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const js = fileURLToPath(new URL('../../js/', import.meta.url));
const BUDGET = `${js}package-budget.json`;
const budget = JSON.parse(readFileSync(BUDGET, 'utf8'));
const tool = (name) => `${js}node_modules/${name}`;

const folder = mkdtempSync(`${tmpdir()}/pymalloc-pack-`);
after(() => rmSync(folder, { recursive: true }));
const [pack] = JSON.parse(
  execFileSync('npm', ['pack', '--silent', '--json', '--pack-destination', folder], {
    cwd: js,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }),
);
const tarball = `${folder}/${pack.filename}`;
const files = pack.files.map((file) => file.path).sort();
const installed = `${folder}/node_modules/wasm-pymalloc`;
mkdirSync(installed, { recursive: true });
execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
const manifest = JSON.parse(readFileSync(`${installed}/package.json`, 'utf8'));

if (process.argv.includes('--update')) {
  writeFileSync(BUDGET, `${JSON.stringify({ ...budget, files }, null, 2)}\n`);
  budget.files = files;
}

test('the package holds the files of its list and no others', () => {
  assert.deepEqual(
    files,
    budget.files,
    'if this is meant: node tests/js/pack.test.js --update, and look at what it lists',
  );
});

test('the package and its wasm file are within their budgets', () => {
  const wasm = readFileSync(`${installed}/wasm/pymalloc.wasm`);
  const sizes = {
    packed: pack.size,
    unpacked: pack.unpackedSize,
    wasm: wasm.length,
    wasmGzip: gzipSync(wasm, { level: 9 }).length,
  };
  console.log(sizes);
  for (const [name, bytes] of Object.entries(sizes)) {
    assert.ok(bytes <= budget[name], `${name}: ${bytes} of ${budget[name]} bytes`);
  }
});

// `prepare` is run for a checkout alone: by npm pack, and npm install of the folder.
test('installing the package runs nothing, and needs one package, for files that pprof reads', () => {
  const scripts = Object.keys(manifest.scripts ?? {});
  for (const name of ['preinstall', 'install', 'postinstall']) {
    assert.ok(!scripts.includes(name), name);
  }
  assert.deepEqual(Object.keys(manifest.dependencies), ['pprof-format']);
  assert.ok(!files.includes('binding.gyp'));
});

test('every address of the package leads to a file, types first', () => {
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') {
      assert.ok(files.includes(target.slice(2)), name);
      continue;
    }
    assert.equal(Object.keys(target)[0], 'types', name);
    assert.equal(Object.keys(target).at(-1), 'default', name);
    for (const file of Object.values(target)) assert.ok(files.includes(file.slice(2)), file);
  }
  for (const file of Object.values(manifest.bin)) assert.ok(files.includes(file), file);
});

test('what browsers load imports no module of Node.js', () => {
  const seen = new Set();
  const look = (url) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const text = readFileSync(url, 'utf8');
    for (const [, from] of text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)) {
      assert.match(from, /^\.\.?\//, `${url.pathname} imports ${from}`);
      look(new URL(from, url));
    }
    assert.doesNotMatch(text, /\b(process|Buffer|require)\b[.(]/, url.pathname);
  };
  look(new URL(`file://${installed}/src/index.js`));
  assert.ok(seen.size > 10);
});

test('publint finds nothing', async () => {
  const { publint } = await import(tool('publint/src/index-node.js'));
  const { formatMessage } = await import(tool('publint/src/utils.js'));
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test('are the types wrong? No', () => {
  // ES modules only: what require() of them does is not looked at.
  const { stdout, status } = spawnSync(
    process.execPath,
    [
      tool('@arethetypeswrong/cli/dist/index.js'),
      tarball,
      '--profile',
      'esm-only',
      '--no-color',
      '--format',
      'ascii',
    ],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout);
  assert.match(stdout, /wasm-pymalloc\/pymalloc.wasm/);
});

test('a strict TypeScript program uses the package by its types', () => {
  writeFileSync(
    `${folder}/program.ts`,
    `
import { createAllocator, createHeap, compileModule, diff, Heap, PageKind, PymallocError } from 'wasm-pymalloc';
import type { Allocator, HeapMap, HeapStats, Snapshot } from 'wasm-pymalloc';
import { memoryReport } from 'wasm-pymalloc/report';
import { HeapMetrics } from 'wasm-pymalloc/metrics';
import { noLeaks } from 'wasm-pymalloc/test';
import wasm from 'wasm-pymalloc/pymalloc.wasm';

const allocator: Allocator = await createHeap({ limit: 1 << 20, wasm });
const p: number = allocator.object.malloc(8);
const heap: Heap = allocator.heap;
{
  using inner: Allocator = await createAllocator();
  inner.free(inner.malloc(8));
}
heap.once('limit', (event) => { const which: 'soft' | 'hard' = event.limit; console.log(which); });
await noLeaks(heap, () => {}, { warmups: 1 });
new HeapMetrics().add(heap, { tenant: 'a' });
const stats: HeapStats = heap.stats();
let map: HeapMap = heap.map({ pools: false });
map = heap.map({ into: map, pools: { from: 0, to: 65536 } });
const before: Snapshot = heap.snapshot();
const more: number = diff(before, heap.snapshot()).domains.raw.liveBytes;
const free = map.pages.filter((kind) => kind === PageKind.FREE).length;
heap.on('grow', (event) => console.log(event.pagesAfter, memoryReport(stats), p, more, free));
const module: WebAssembly.Module = await compileModule(new Uint8Array(8));
Heap.from(await WebAssembly.instantiate(new Uint8Array(8)));
Heap.from(module, await WebAssembly.instantiate(module), { memory: allocator.memory });
try { allocator.dispose(); } catch (e) { if (e instanceof PymallocError) console.log(e.code); }
// @ts-expect-error  no such event
heap.on('shrink', () => {});
// @ts-expect-error  no such option
await createHeap({ maximum: 3 });
`,
  );
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2022',
        module: 'nodenext',
        lib: ['es2023', 'esnext.disposable', 'dom'],
        types: [],
      },
      files: ['program.ts'],
    }),
  );
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
  const { stdout } = spawnSync(process.execPath, [tool('typescript/bin/tsc'), '-p', folder], {
    encoding: 'utf8',
  });
  assert.equal(stdout, '');
});
