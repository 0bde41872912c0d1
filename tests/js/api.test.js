/** The documentation is what the sources say, every entry of the package has the same interface,
 *  and every example runs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { WASI } from 'node:wasi';

import { metrics as openTelemetry } from '@opentelemetry/api';

import * as library from '../../js/src/index.node.js';
import * as browser from '../../js/src/index.js';
import * as observing from '../../js/src/observe/index.node.js';
import * as observingBrowser from '../../js/src/observe/index.js';
import * as pyodide from '../../js/src/pyodide.node.js';
import * as pyodideBrowser from '../../js/src/pyodide.js';
import * as metrics from '../../js/src/metrics.js';
import * as testing from '../../js/src/test.js';
import { EVENT_TYPES } from '../../js/src/events.js';
import { examples, render } from '../../js/tools/api.mjs';
import { assemble, op } from './lib/guest.js';
import { load as loadPyodide } from '../pyodide/lib.mjs';
import { built } from './lib/run.js';

const text = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const document = text('docs/api.md');

test('docs/api.md is current', () => {
  assert.ok(document === render(), 'docs/api.md is not what the sources say: npm run api in js/');
});

test('docs/api.md leads to each call, and shows the event of each type', () => {
  const contents = document.slice(0, document.indexOf('\n## '));
  for (const link of ['(#heapstats)', '(#class-heap)', '(#heapstats-1)', '(#watchleaks)']) {
    assert.ok(contents.includes(link), link);
  }
  const events = document.slice(document.indexOf('## Events'), document.indexOf('## Types'));
  for (const type of EVENT_TYPES) assert.ok(events.includes(`type: '${type}'`), type);
});

// Asks Node.js what there is, not the sources, which docs/api.md is made of.
test('every call at every address of the package is in docs/api.md, with an example', async () => {
  const { exports } = JSON.parse(text('js/package.json'));
  const sections = new Map(
    document.split(/^#{3,4} /m).map((part) => [part.split('\n')[0].replace(/^class /, ''), part]),
  );
  let calls = 0;
  const shows = (title) => {
    calls++;
    assert.match(sections.get(title) ?? '', /^```js\n[^]+?\n```$/m, title);
  };
  for (const [at, conditions] of Object.entries(exports)) {
    const file = conditions.node ?? conditions.default;
    if (!file?.endsWith('.js')) continue;
    assert.ok(document.includes(`\`wasm-pymalloc${at.slice(1)}\``), at);
    for (const [name, value] of Object.entries(await import(`../../js/${file}`))) {
      if (typeof value !== 'function') continue;
      if (!/^class /.test(value)) {
        shows(`${name}()`);
        continue;
      }
      assert.ok(sections.has(name), name);
      const variable = name[0].toLowerCase() + name.slice(1);
      for (const [of, members] of [
        [name, value],
        [variable, value.prototype],
      ]) {
        for (const [member, { value: method }] of Object.entries(
          Object.getOwnPropertyDescriptors(members),
        )) {
          if (typeof method === 'function' && member !== 'constructor') shows(`${of}.${member}()`);
        }
      }
    }
  }
  assert.ok(calls >= 25, `${calls} calls`);
});

test('every entry of the package exports the same names', () => {
  const names = (text) => [...text.matchAll(/export (?:async )?function (\w+)/g)].map((m) => m[1]);
  assert.deepEqual(Object.keys(library).sort(), Object.keys(browser).sort());
  // workerd's imports a .wasm file, which Node.js does not take.
  const [ours, workerd] = ['index.node.js', 'index.workerd.js'].map((name) =>
    text(`js/src/${name}`),
  );
  assert.deepEqual(names(workerd), names(ours));
  for (const text of [ours, workerd]) assert.match(text, /export \* from '\.\/library\.js'/);
  assert.deepEqual(Object.keys(pyodide).sort(), Object.keys(pyodideBrowser).sort());
  assert.deepEqual(Object.keys(observing).sort(), Object.keys(observingBrowser).sort());
});

const { examples: all, without } = examples();

test('every function and method has an example', () => {
  assert.deepEqual(without, []);
  assert.ok(all.length >= 30);
});

/** What an example finds at hand: Lua in `module` and `instance`, its `heap`, an `allocator`, the stock
 *  Pyodide. */
function surroundings(printed) {
  const bytes = readFileSync(built('lua/lua.wasm'));
  const module = new WebAssembly.Module(bytes);
  const imports = () => {
    const wasi = new WASI({
      version: 'preview1',
      args: ['lua', '-e', 'keep = {} ' + 'for i = 1, 1000 do keep[i] = {i} end os.exit(0)'],
    });
    // Plain functions: node:wasi's need the instance first.
    const plain = Object.fromEntries(
      Object.entries(wasi.wasiImport).map(([name, fn]) => [
        name,
        (...args) => Reflect.apply(fn, undefined, args),
      ]),
    );
    return { wasi, imports: { wasi_snapshot_preview1: plain } };
  };
  const { wasi, imports: own } = imports();
  const instance = new WebAssembly.Instance(module, library.profilable(own));
  wasi.start(instance);
  const allocator = library.createHeapSync();
  return {
    ...library,
    ...pyodide,
    ...metrics,
    ...testing,
    subscribe,
    api: openTelemetry,
    test: { beforeEach: () => {}, afterEach: () => {} },
    loadPyodide,
    assert,
    bytes,
    module,
    wasi: { getImportObject: () => imports().imports },
    instance,
    memory: instance.exports.memory,
    imports: imports().imports,
    heap: library.Heap.from(module, instance),
    allocator,
    program: { step: () => allocator.malloc(10) },
    fetch: async () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } }),
    console: { log: (...args) => printed.push(args.join(' ')), error: assert.fail },
  };
}

/** The same for those of a profile that runs. */
function profiledSurroundings(printed) {
  const at = surroundings(printed);
  return { ...at, profile: at.heap.profile({ every: 1 }), writeFile: async () => {} };
}

/** The same for the examples of observe(): Lua on wasi-libc's malloc, watched. */
async function observedSurroundings(printed) {
  const at = surroundings(printed);
  const bytes = readFileSync(built('lua/lua-libc.wasm'));
  const { module, attach } = await observing.observe(bytes, { sample: 4096 });
  const instance = await WebAssembly.instantiate(module, at.imports);
  const watch = attach(instance);
  const { malloc } = instance.exports;
  return { ...at, ...observing, bytes, watch, program: { step: () => malloc?.(100) } };
}

/** @param {string} code  @param {string[]} printed */
const surroundingsFor = (code, printed) =>
  /\bwatch(es)?\b|\bobserve\(/.test(code)
    ? observedSurroundings(printed)
    : /\bprofile\.\w/.test(code) && !/const profile\b/.test(code)
      ? profiledSurroundings(printed)
      : surroundings(printed);

const AsyncFunction = (async () => {}).constructor;
const run = (code, at) =>
  new AsyncFunction(...Object.keys(at), `'use strict'; { ${code}\n }`)(...Object.values(at));

for (const { name, example } of all) {
  test(`the example of ${name} runs`, async () => {
    const printed = [];
    const at = await surroundingsFor(example, printed);
    await run(example, at);
    if (/^console\.log/m.test(example)) assert.ok(printed.length > 0, 'it printed nothing');
    for (const line of printed) assert.doesNotMatch(line, /undefined|NaN|\[object/);
  });
}

const programs = ['js/README.md', 'docs/pyodide.md'].flatMap((file) =>
  [...text(file).matchAll(/```js\n([^]*?)```/g)].map(([, code], i) => ({
    file,
    code,
    number: i + 1,
  })),
);

test('js/README.md and docs/pyodide.md have programs', () => assert.ok(programs.length >= 7));

for (const { file, code, number } of programs) {
  test(`program ${number} of ${file} runs`, async () => {
    const at = await surroundingsFor(code, []);
    // A module that imports malloc.
    const bytes = assemble({
      imports: [['env', 'malloc', 'one']],
      exportMemory: false,
      functions: [['take', 'one', [0x20, 0, ...op.call(0)]]],
    });
    const sent = [];
    const before =
      file === 'docs/pyodide.md' && number > 1 ? 'const pyodide = await loadPyodide();' : '';
    await run(before + code.replace(/^import .*$/gm, ''), {
      ...at,
      bytes: /observe\(/.test(code) ? at.bytes : bytes,
      data: new Uint8Array(1000),
      postMessage: (...args) => sent.push(structuredClone(args[0], { transfer: args[1] })),
      worker: { postMessage: (shared) => library.createAllocatorSync({ shared }).dispose() },
    });
    if (/^ *postMessage/m.test(code)) assert.ok(sent[0].pages.length > 0);
  });
}
