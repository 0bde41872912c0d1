/** What observe() and attach() do not take: each is one typed error that says what to do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { PymallocError, observe } from '../../js/src/observe/index.node.js';
import { parseVariable } from '../../js/src/observe/options.js';
import { original } from '../../js/src/observe/original.js';
import { assemble } from '../js/lib/guest.js';

const file = (name) => readFileSync(new URL(`node_modules/${name}`, import.meta.url));
const lua = file('wasmoon/dist/glue.wasm');
const plain = assemble({ functions: [['f', 'none', []]] });
const section = (id, ...body) => [id, body.length, ...body];
const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const module = (...sections) => Uint8Array.from([...head, ...sections.flat()]);

/** A description, what is passed, the code, and words that say what to do. */
const BAD = [
  [
    'a page in place of the module',
    new TextEncoder().encode('<!doctype html>'),
    'NOT_WASM',
    /Check the address/,
  ],
  [
    'a component',
    Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
    'NOT_WASM',
    /pass the core module/,
  ],
  ['a module that is cut short', lua.subarray(0, 100_000), 'TRUNCATED', /Load it again/],
  ['no bytes', new Uint8Array(0), 'TRUNCATED', /Load it again/],
  ['a module without memory', module(), 'NO_MEMORY', /use it as it is/],
  ['two memories', module(section(5, 2, 0, 1, 0, 1)), 'UNSUPPORTED', /2 linear memories.*as it is/],
  ['a shared memory', module(section(5, 1, 3, 1, 2)), 'UNSUPPORTED', /shared.*without threads/],
  ['a 64-bit memory', module(section(5, 1, 4, 1)), 'UNSUPPORTED', /64-bit.*wasm32 build/],
  ['a module without an allocator', plain, 'NO_ALLOCATOR', /as it is/],
  [
    'an unknown instruction',
    module(
      section(1, 1, 0x60, 0, 0),
      section(3, 1, 0),
      section(5, 1, 0, 1),
      section(10, 1, 4, 0, 0xff, 0, 0x0b),
    ),
    'BAD_WASM',
    /byte \d+: unknown instruction.*Load it again/,
  ],
  [
    'functions without bodies',
    module(
      section(1, 1, 0x60, 0, 0),
      section(3, 2, 0, 0),
      section(5, 1, 0, 1),
      section(10, 1, 2, 0, 0x0b),
    ),
    'BAD_WASM',
    /2 functions and 1 bodies/,
  ],
  [
    'a file that does not exist',
    new URL('file:///does/not/exist.wasm'),
    'LOAD_FAILED',
    /Check the address/,
  ],
  ['a number', 7, 'BAD_ARGUMENT', /a wasm file is/],
  ['a compiled module', new WebAssembly.Module(plain), 'BAD_ARGUMENT', /pass the bytes/],
  ['a Go program', file('esbuild-wasm/esbuild.wasm'), 'NO_ALLOCATOR', /Go program.*as it is/],
];

for (const [what, source, code, says] of BAD) {
  test(`${what} is ${code}, with a sentence that says what to do`, async () => {
    await assert.rejects(observe(source), (error) => {
      assert.ok(error instanceof PymallocError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, says);
      return true;
    });
  });
}

for (const [what, options, says] of [
  ['no object', null, /takes an object/],
  ['a number', 5, /takes an object/],
  ['a limit that is text', { limit: '64M' }, /limit must be/],
  ['a limit below 0', { limit: -1 }, /limit must be/],
  ['a sample of 0', { sample: 0 }, /sample must be/],
  ['glue that is no text', { glue: 7 }, /glue/],
  ['an unknown option', { limits: 3 }, /there are limit, sample, glue/],
]) {
  test(`options: ${what} is BAD_ARGUMENT`, async () => {
    await assert.rejects(observe(lua, options), { code: 'BAD_ARGUMENT', message: says });
  });
}

for (const [what, text, says] of [
  ['an unknown word', 'limits=3', /nothing is called "limits"/],
  ['a limit without bytes', 'limit', /limit must be bytes/],
  ['4 GiB', 'limit=4G', /limit must be/],
  ['2 GiB a sample', 'sample=2G', /sample must be bytes/],
  ['a file without a name', 'profile=', /profile needs a file/],
  ['a value for leaks', 'leaks=yes', /leaks takes no value/],
]) {
  test(`PYM_OBSERVE: ${what} is BAD_ARGUMENT and shows what there is`, () => {
    assert.throws(
      () => parseVariable(text),
      (error) =>
        error.code === 'BAD_ARGUMENT'
        && says.test(error.message)
        && error.message.includes('limit=64M,leaks'),
    );
  });
}

test('PYM_OBSERVE has bytes in K, M and G, and leaks and profiles want stacks', () => {
  assert.deepEqual(
    [parseVariable('limit=64M').limit, parseVariable('sample=2k').sample],
    [64 << 20, 2048],
  );
  assert.deepEqual(
    [parseVariable('').sample, parseVariable('leaks').sample, parseVariable('profile=x').sample],
    [null, 524288, 524288],
  );
});

/** An instance whose imports do nothing. */
function instantiate(compiled) {
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(compiled)) {
    (imports[from] ??= {})[name] = () => 0;
  }
  return new original.Instance(compiled, imports);
}

test("attach to another module's instance is BAD_ARGUMENT, rewritten or not", async () => {
  const { attach } = await observe(lua);
  const strange = await observe(file('draco3d/draco_decoder.wasm'));
  const says = { code: 'BAD_ARGUMENT', message: /instance is of another module: instantiate/ };
  assert.throws(() => attach(new WebAssembly.Instance(new WebAssembly.Module(plain))), says);
  assert.throws(() => attach(instantiate(strange.module)), says);
});

test('attach to no instance, and a second time, is BAD_ARGUMENT', async () => {
  const { module: compiled, attach } = await observe(lua);
  for (const bad of [undefined, null, {}, 7, compiled]) {
    assert.throws(() => attach(bad), {
      code: 'BAD_ARGUMENT',
      message: /takes a WebAssembly.Instance/,
    });
  }
  const instance = instantiate(compiled);
  attach({ instance });
  assert.throws(() => attach(instance), { code: 'BAD_ARGUMENT', message: /watched already/ });
});

test('what a Watch does not take is BAD_ARGUMENT', async () => {
  const { module: compiled, attach } = await observe(lua);
  const watch = attach(instantiate(compiled));
  const bad = { code: 'BAD_ARGUMENT' };
  assert.throws(() => watch.on('grow', () => {}), bad);
  assert.throws(() => watch.on('refused', 7), bad);
  assert.throws(() => watch.setLimit(-1), bad);
  assert.throws(() => watch.setLimit(1.5), bad);
  for (const since of ['then', -1, 65536]) assert.throws(() => watch.leaks({ since }), bad);
});
