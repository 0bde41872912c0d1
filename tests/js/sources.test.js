/** Heap.from and compileModule: everything they take, and a typed error for everything else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

import {
  ChunkKind,
  Heap,
  compileModule,
  createHeap,
  createHeapSync,
} from '../../js/src/index.node.js';
import { assemble } from './lib/guest.js';
import { code, lively, open } from './lib/heaps.js';
import { encode, recordsOf } from './lib/image.js';
import { built } from './lib/run.js';

const WASM = new URL('../../js/wasm/pymalloc.wasm', import.meta.url);
const bytes = new Uint8Array(readFileSync(WASM));

// ---- Heap.from ----

/** Ways to read a heap that a program changes meanwhile. */
const looksAt = (heap) => [
  () => heap.stats(),
  () => heap.map(),
  () => heap.heaps(),
  () => heap.limits,
  () => heap.poll(),
];

test('what WebAssembly.instantiate returns for bytes is taken as it is', () => {
  const { module, instance, memory, exports } = lively();
  assert.deepEqual(Heap.from({ module, instance }).stats(), open(lively()).stats());
  delete exports.memory;
  assert.throws(() => Heap.from({ module, instance }), code('NO_MEMORY'));
  assert.equal(Heap.from({ module, instance }, { memory }).id, 1);
});

for (const [name, value, wanted, text] of [
  ['nothing', undefined, 'BAD_ARGUMENT', /Heap\.from takes/],
  ['null', null, 'BAD_ARGUMENT', /Heap\.from takes/],
  ['text', 'lua.wasm', 'BAD_ARGUMENT', /Heap\.from takes/],
  ['an object', {}, 'BAD_ARGUMENT', /Heap\.from takes/],
  ['an instance alone', { exports: {} }, 'BAD_ARGUMENT', /Heap\.from takes/],
  [
    'a pair without a module',
    { module: bytes, instance: { exports: {} } },
    'BAD_ARGUMENT',
    /compile/,
  ],
  ['a promise', Promise.resolve({}), 'LOADING', /await it/],
  ['a factory', async () => ({}), 'BAD_ARGUMENT', /await factory\(\)/],
  [
    'an Emscripten Module without the library',
    { HEAPU8: bytes, calledRun: true },
    'NO_DESCRIPTOR',
    /pymalloc::exports/,
  ],
  [
    'a Module with something else there',
    { pymalloc: { memory: 1, exports: {}, descriptor: 1 } },
    'BAD_ARGUMENT',
    /pymalloc::exports/,
  ],
]) {
  test(`Heap.from ${name} is ${wanted}`, () => {
    assert.throws(() => Heap.from(value), code(wanted, text));
  });
}

const factory = (await import(pathToFileURL(built('emscripten/tests/hosts/guest_emscripten.mjs'))))
  .default;

test('an Emscripten Module is read as soon as it is loaded', async () => {
  const heap = Heap.from(await factory());
  const before = heap.stats().domains.object.liveBlocks;
  assert.equal(heap.check().sound, true);
  assert.equal(heap.map().pages.length, heap.stats().pages.memory);
  heap.setLimits({ heap: { hard: 1 << 20 } });
  assert.equal(heap.limits.heap.hard, 1 << 20);
  assert.equal(heap.stats().domains.object.liveBlocks, before);
});

test('an Emscripten Module that loads is LOADING until it is there', async () => {
  let load;
  const Module = {
    wasmBinary: readFileSync(built('emscripten/tests/hosts/guest_emscripten.wasm')),
    instantiateWasm(imports, done) {
      load = () =>
        WebAssembly.instantiate(Module.wasmBinary, imports).then(({ instance, module }) =>
          done(instance, module),
        );
      return {};
    },
  };
  const loading = factory(Module);
  assert.throws(() => Heap.from(loading), code('LOADING', /await it/));
  while (!load || !Module.pymalloc)
    await new Promise((resolve) => {
      setTimeout(resolve);
    });
  assert.throws(() => Heap.from(Module), code('LOADING', /onRuntimeInitialized/));
  await load();
  assert.equal(Heap.from(await loading).id, 1);
});

test('an Emscripten Module that aborted is ABORTED', async () => {
  const Module = await factory({ printErr() {} });
  const heap = Heap.from(Module);
  Module._grab(0, 2000, 1);
  const { address, kind } = heap.chunks(0, 2 ** 32);
  const at = address[kind.indexOf(ChunkKind.RAW)];
  new Uint8Array(Module.pymalloc.memory.buffer).fill(255, at, at + 8);
  assert.throws(() => Module._drop(0));
  assert.match(heap.stats().fault.cause, /header was overwritten/);
  assert.throws(() => Heap.from(Module), code('ABORTED', /Load it again/));
});

// ---- Heap.over ----

test('Heap.over reads with no more than the memory and an address', () => {
  const image = lively();
  const { root } = open(image);
  const heap = Heap.over(image.module, image.memory, root);
  assert.deepEqual(heap.stats(), open(image).stats());
  assert.deepEqual(
    Heap.over(encode(recordsOf(image.layout)), image.memory, root).stats(),
    heap.stats(),
  );
  assert.throws(() => heap.check(), code('NO_EXPORT', /Heap\.over/));
  assert.throws(() => heap.setLimits({ heap: { hard: 1 } }), code('NO_EXPORT'));
});

for (const root of [0, -8, 1.5, 2 ** 32, '1024', undefined]) {
  test(`Heap.over takes no ${JSON.stringify(root)} for an address`, () => {
    const { module, memory } = lively();
    assert.throws(() => Heap.over(module, memory, root), code('BAD_ARGUMENT', /root/));
  });
}

test('Heap.over needs a memory, and one that holds a heap there', () => {
  const { module, memory, root } = lively();
  assert.throws(() => Heap.over(module, {}, root), code('BAD_ARGUMENT', /Memory/));
  assert.throws(() => Heap.over(module, memory, root + 8), code('BAD_MEMORY'));
});

// ---- A memory shared with another thread ----

/** Runs `body` in a thread that has the image's memory as `view` and `image`.
 *  @returns {Promise<Worker>} once it has begun */
async function thread(image, body) {
  const worker = new Worker(
    `const { workerData: d, parentPort } = require('node:worker_threads');
    const view = new DataView(d.memory.buffer); const flag = new Int32Array(d.memory.buffer, 0, 1);
    parentPort.postMessage('begun'); ${body}`,
    {
      eval: true,
      workerData: {
        memory: image.memory,
        root: image.root,
        heap: image.heap,
        firstHeap: image.root + image.layout.groups.space.first_heap.offset,
        owned: image.root + image.layout.groups.space.pages_owned.offset,
      },
    },
  );
  await new Promise((resolve) => {
    worker.once('message', resolve);
  });
  return worker;
}

test('while another thread writes, a read ends with numbers or with RETRY', async () => {
  const image = lively({ shared: true });
  const { root } = open(image);
  const worker = await thread(
    image,
    `for (let i = 0; ; i++) {
    view.setUint32(d.firstHeap, i & 1 ? d.heap : 12, true);
    view.setUint32(d.owned, i & 2 ? 10 : 1000, true);
  }`,
  );
  const heap = (() => {
    for (;;) {
      try {
        return Heap.over(image.module, image.memory, root);
      } catch (error) {
        code('RETRY')(error);
      }
    }
  })();
  let [read, retry] = [0, 0];
  for (const end = performance.now() + 500; performance.now() < end; ) {
    for (const look of looksAt(heap)) {
      try {
        look();
        read++;
      } catch (error) {
        code('RETRY', /other thread.*damaged/)(error);
        assert.equal(error.cause.code, 'BAD_MEMORY');
        retry++;
      }
    }
  }
  await worker.terminate();
  assert.ok(read > 0 && retry > 0, `${read} read, ${retry} RETRY`);
});

test('what another thread has set right by the next look is not told', () => {
  const image = lively({ shared: true });
  const { root } = open(image);
  const { memory } = image;
  let [looks, right] = [0, 0];
  const heap = Heap.over(
    image.module,
    {
      get buffer() {
        if (++looks === right) image.set('space', image.root, { first_heap: image.heap });
        return memory.buffer;
      },
    },
    root,
  );
  image.set('space', image.root, { first_heap: 12 });
  right = looks + 3;
  assert.equal(heap.heaps().length, 1);
  assert.ok(looks >= right);
});

test('a shared heap that stays damaged is RETRY, and says so', () => {
  const image = lively({ shared: true });
  const heap = Heap.over(image.module, image.memory, open(image).root);
  image.set('space', image.root, { magic: 1 });
  for (const look of [...looksAt(heap), () => heap.snapshot(), () => heap.chunks(0, 8)]) {
    assert.throws(look, code('RETRY', /If it stays, the heap is damaged: no root structure/));
  }
});

test('a shared memory outlives the thread that wrote it, and stays readable', async () => {
  const image = lively({ shared: true });
  const heap = Heap.over(image.module, image.memory, open(image).root);
  const before = heap.stats();
  const worker = await thread(image, 'setInterval(() => {}, 1000);');
  await worker.terminate();
  assert.deepEqual(heap.stats(), before);
  assert.equal(heap.map().pages.length, 16);
});

test('a heap in the buffer of a closed thread is DETACHED', async () => {
  const image = lively();
  const memory = { buffer: structuredClone(image.memory.buffer) };
  const heap = Heap.from(image.module, image.instance, { memory });
  assert.equal(heap.stats().pages.memory, 16);
  const worker = new Worker('', {
    eval: true,
    workerData: memory.buffer,
    transferList: [memory.buffer],
  });
  await worker.terminate();
  assert.throws(() => heap.stats(), code('DETACHED', /live instance/));
  assert.throws(() => heap.map(), code('DETACHED'));
});

// ---- compileModule ----

test('a module cut within a section, or of its code, is TRUNCATED', async () => {
  const lua = new Uint8Array(readFileSync(built('lua/lua.wasm')));
  for (const file of [bytes, lua]) {
    const ends = sectionEnds(file);
    const functions = sections(file).findIndex(([id]) => id === 3);
    const code10 = sections(file).findIndex(([id]) => id === 10);
    const within = [
      ...ends.flatMap((n) => [n - 1, n + 1]),
      0,
      1,
      3,
      4,
      7,
      9,
      ...Array.from({ length: 60 }, (_, i) => Math.floor((i / 60) * file.length)),
    ].filter((n) => n < file.length && n !== 8 && !ends.includes(n));
    for (const n of [...within, ...ends.slice(functions, code10)]) {
      const result = await compileModule(file.slice(0, n)).catch((error) => error);
      code('TRUNCATED', new RegExp(`has ${n} bytes`))(result);
    }
  }
});

/** @returns {number[]} where each section ends */
function sectionEnds(file) {
  return sections(file).map(([, end]) => end);
}
function sections(file) {
  const found = [];
  for (let at = 8; at < file.length; ) {
    const id = file[at++];
    let size = 0;
    for (let shift = 0, byte = 128; byte & 128; shift += 7) {
      byte = file[at++];
      size += (byte & 127) << shift;
    }
    at += size;
    found.push([id, at]);
  }
  return found;
}

test('a file that lost its last sections is no allocator', async () => {
  const ends = sectionEnds(bytes);
  const error = await createHeap({ wasm: bytes.slice(0, ends.at(-2)) }).catch((e) => e);
  code('NO_DESCRIPTOR', /cut short/)(error);
});

for (const [name, source, wanted, text] of [
  ['a page', '<!doctype html>\n<title>404</title>', 'NOT_WASM', /"<!doctype html>"/],
  ['text', 'hello', 'NOT_WASM', /"hello"/],
  ['a picture', [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10], 'NOT_WASM', /89 50 4e 47/],
  ['a component', [0, 0x61, 0x73, 0x6d, 13, 0, 1, 0], 'NOT_WASM', /component/],
  ['nothing', [], 'TRUNCATED', /0 bytes/],
  ['a module with a wrong section', [...assemble({}), 99, 0], 'BAD_WASM', /does not compile/],
]) {
  test(`${name} as a wasm file is ${wanted}`, async () => {
    const file =
      typeof source === 'string' ? new TextEncoder().encode(source) : Uint8Array.from(source);
    await assert.rejects(compileModule(file), code(wanted, text));
    await assert.rejects(compileModule(new Response(file)), code(wanted, text));
    await assert.rejects(createHeap({ wasm: file }), code(wanted, text));
  });
}

for (const source of [null, 7, {}, [], () => {}, new Date()]) {
  test(`${Object.prototype.toString.call(source)} is no wasm file`, async () => {
    await assert.rejects(compileModule(source), code('BAD_ARGUMENT', /Response/));
  });
}

test('what a server refuses or breaks off is LOAD_FAILED, and says which address', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/missing') response.writeHead(404).end('<!doctype html>');
    else if (request.url === '/page') response.end('<!doctype html>');
    else if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.slice(0, 100));
      setTimeout(() => response.destroy(), 50);
    } else {
      response.end(bytes);
    }
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const at = `http://127.0.0.1:${server.address().port}`;
  try {
    await assert.rejects(compileModule(`${at}/missing`), code('LOAD_FAILED', /missing.*404/));
    await assert.rejects(compileModule(fetch(`${at}/missing`)), code('LOAD_FAILED', /404/));
    await assert.rejects(compileModule(new URL(`${at}/page`)), code('NOT_WASM', /\/page/));
    await assert.rejects(compileModule(`${at}/cut`), code('LOAD_FAILED', /cut/));
    assert.ok((await createHeap({ wasm: `${at}/good.wasm` })).malloc(1) > 0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await assert.rejects(compileModule(`${at}/gone`), code('LOAD_FAILED', /gone/));
  await assert.rejects(
    compileModule(Promise.reject(new Error('offline'))),
    code('LOAD_FAILED', /offline/),
  );
});

test('a file that is not there is LOAD_FAILED', async () => {
  const missing = new URL('missing.wasm', import.meta.url);
  await assert.rejects(compileModule(missing), code('LOAD_FAILED', /missing\.wasm.*ENOENT/));
  await assert.rejects(createHeap({ wasm: missing.href }), code('LOAD_FAILED'));
  await assert.rejects(compileModule('no/address'), code('LOAD_FAILED'));
});

test('a response whose body was read is refused', async () => {
  const response = new Response(bytes);
  await response.arrayBuffer();
  await assert.rejects(compileModule(response), code('BAD_ARGUMENT', /clone/));
});

test('a host that compiles nothing at run time is BLOCKED', async () => {
  const ours = globalThis.WebAssembly;
  const context = createContext({}, { codeGeneration: { wasm: false } });
  globalThis.WebAssembly = runInContext('WebAssembly', context);
  try {
    await assert.rejects(compileModule(bytes), code('BLOCKED', /wasm-unsafe-eval/));
  } finally {
    globalThis.WebAssembly = ours;
  }
});

test('the allocator itself is a program that Heap.over reads', () => {
  const heap = createHeapSync();
  heap.malloc(100);
  const module = new WebAssembly.Module(bytes);
  const view = Heap.over(module, heap.memory, heap.heap.root);
  assert.equal(view.stats().domains.object.liveBlocks, 1);
});
