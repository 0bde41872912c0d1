/** The preload, whatever way a program takes to its modules. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { observed, run } from './lib/run.mjs';

const folder = mkdtempSync(join(tmpdir(), 'pymalloc-preload-'));
after(() => rmSync(folder, { recursive: true }));

const WASM = JSON.stringify(
  new URL('node_modules/quickjs-wasi/quickjs.wasm', import.meta.url).pathname,
);
const BEGIN = `const imports = (module) => WebAssembly.Module.imports(module).reduce((all, { module: m, name }) =>
  ({ ...all, [m]: { ...all[m], [name]: () => 0 } }), {});
const use = ({ exports }) => { exports.malloc(1000); console.log(Object.keys(exports).some((name) => name.startsWith('pymalloc'))); };
`;
let files = 0;
/** A program that has the file's bytes and what is above. */
function program(body, extension = 'mjs') {
  const path = join(folder, `${files++}.${extension}`);
  const read =
    extension === 'cjs'
      ? "const { readFileSync } = require('node:fs');"
      : "import { readFileSync } from 'node:fs';";
  writeFileSync(path, `${read}\nconst bytes = readFileSync(${WASM});\n${BEGIN}${body}\n`);
  return path;
}

/** Runs it and gives the live bytes of each instance. */
function liveOf(path, observe = 'quiet') {
  const result = observed(path, { observe });
  assert.equal(result.status, 0, result.stderr);
  return {
    ...result,
    live: result.modules.map(({ stats }) => stats.domains.malloc.liveBytes).filter((n) => n > 0),
  };
}

const WAYS = {
  'WebAssembly.instantiate of bytes': `const { instance, module } = await WebAssembly.instantiate(bytes,
    imports(new WebAssembly.Module(bytes))); console.log(module instanceof WebAssembly.Module); use(instance);`,
  'compile, then instantiate': `const module = await WebAssembly.compile(bytes);
    use(await WebAssembly.instantiate(module, imports(module)));`,
  'the synchronous constructors': `const module = new WebAssembly.Module(bytes);
    const instance = new WebAssembly.Instance(module, imports(module));
    console.log(instance instanceof WebAssembly.Instance, module instanceof WebAssembly.Module); use(instance);`,
  streaming: `const answer = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
    const module = await WebAssembly.compileStreaming(answer());
    const { instance } = await WebAssembly.instantiateStreaming(Promise.resolve(answer()), imports(module));
    use(instance);`,
  'a Worker, which inherits the preload': `import { Worker, isMainThread } from 'node:worker_threads';
    import { writeSync } from 'node:fs';
    const module = new WebAssembly.Module(bytes);
    if (isMainThread) { use(new WebAssembly.Instance(module, imports(module)));
      await new Promise((resolve) => new Worker(new URL(import.meta.url)).once('exit', resolve)); }
    else { use(new WebAssembly.Instance(module, imports(module))); }`,
};

for (const [way, body] of Object.entries(WAYS)) {
  test(`${way}: the instance is watched, and its exports are the program's own`, () => {
    const { live, stdout } = liveOf(program(body));
    assert.deepEqual(live, [1000]);
    assert.match(stdout, /^(true\n|true true\n)?false\n(false\n)?$/);
  });
}

test('CommonJS is watched too', () => {
  const { live } = liveOf(
    program(
      `const compiled = new WebAssembly.Module(bytes);
    use(new WebAssembly.Instance(compiled, imports(compiled)));`,
      'cjs',
    ),
  );
  assert.deepEqual(live, [1000]);
});

test('each instance of each module has figures of its own', () => {
  const { live } = liveOf(
    program(`const module = new WebAssembly.Module(bytes);
    use(new WebAssembly.Instance(module, imports(module)));
    const other = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports(module));
    other.exports.malloc(5); use(other);`),
  );
  assert.deepEqual(live, [1000, 1005]);
});

test('a worker reports for itself, and nothing is on standard output', () => {
  const { stdout, stderr } = liveOf(program(WAYS['a Worker, which inherits the preload']), '');
  assert.match(stderr, /memory report: \S+\n/);
  assert.match(stderr, /memory report: .* in thread \d+\n/);
  assert.equal(stdout, 'false\nfalse\n');
});

test('a module that does not compile is the same error as without', () => {
  const path =
    program(`try { await WebAssembly.instantiate(bytes.subarray(0, 5000)); } catch (error) {
    console.log(error.constructor.name); }
    try { new WebAssembly.Module(new Uint8Array(3)); } catch (error) { console.log(error.name); }
    try { await WebAssembly.compileStreaming(new Response(bytes)); } catch (error) { console.log(error.name); }
    console.log(WebAssembly.validate(bytes));`);
  const plain = run(path);
  assert.deepEqual(liveOf(path).stdout, plain.stdout);
  assert.equal(plain.stdout, 'CompileError\nCompileError\nTypeError\ntrue\n');
});

test('a module that cannot be watched runs as it is, and the report says why', () => {
  const small =
    '0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11';
  const { stdout, stderr, leftAlone } = liveOf(
    program(`const { instance } = await WebAssembly.instantiate(
    Uint8Array.of(${small})); console.log(instance.exports.f());`),
    '',
  );
  assert.equal(stdout, '42\n');
  assert.ok(leftAlone.some(({ code }) => code === 'NO_ALLOCATOR'));
  assert.match(stderr, /runs as it is \(NO_ALLOCATOR\)/);
});

test('limit, leaks, profile and record are taken from PYM_OBSERVE', () => {
  const [profile, trace] = ['heap.pb.gz', 'calls.trace.gz'].map((name) => join(folder, name));
  const { stdout, stderr } = liveOf(
    program(`const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, imports(module));
    exports.malloc(3000); console.log(exports.malloc(70000));`),
    `limit=64K,leaks,sample=1,profile=${profile},record=${trace}`,
  );
  assert.equal(stdout, '0\n');
  assert.match(stderr, /3,000 bytes in about 1 blocks, asked for at .*\.mjs:\d+:\d+/);
  assert.match(gunzipSync(readFileSync(profile)).toString('latin1'), /inuse_space/);
  const calls = gunzipSync(readFileSync(trace));
  assert.equal(calls.toString('latin1', 0, 8), 'CPYTRC01');
  assert.equal(calls.readUInt32LE(64), 1 | (2 << 3) | (3000 << 5));
});

test('options that are none end the program before it starts, with a sentence', () => {
  const { status, stdout, stderr } = run(program('console.log(1);'), {
    preload: true,
    observe: 'limits=3',
  });
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /nothing is called "limits".*there are limit=BYTES/);
});

test('an import of the entry without --import changes nothing', () => {
  const before = WebAssembly.instantiate;
  return import('../../js/src/observe/index.node.js').then(({ watches }) => {
    assert.equal(WebAssembly.instantiate, before);
    assert.deepEqual(watches(), []);
  });
});
