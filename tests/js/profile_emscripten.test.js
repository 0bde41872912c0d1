/** heap.profile() of Lua in an Emscripten program, the page's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Heap } from '../../js/src/index.node.js';
import { built } from './lib/run.js';

test("an Emscripten program's Module has Lua's frames", async () => {
  globalThis.self ??= { location: { href: 'file:///' } }; // the page's Lua is for a worker
  const { default: factory } = await import(built('lua-page/lua.mjs'));
  const wasm = readFileSync(built('lua-page/lua.wasm'));
  const module = await factory({
    tick: () => 1e6,
    write: () => {},
    instantiateWasm(imports, loaded) {
      WebAssembly.instantiate(wasm, imports).then(({ instance }) => loaded(instance));
      return {};
    },
  });
  const program =
    'local kept = {}\nlocal function remember(i)\n  kept[i] = ("x"):rep(100) .. i\nend\n'
    + 'for i = 1, 5000 do remember(i) end';
  const text = (words) => {
    const bytes = Buffer.from(`${words}\0`);
    const at = module._malloc(bytes.length);
    new Uint8Array(module.pymalloc.memory.buffer).set(bytes, at);
    return at;
  };
  const profile = Heap.from(module).profile({ every: 4096 });
  module._page_start(text(program), text('=leak.lua'));
  module._page_resume();
  const [{ name, file, line }] = profile.stop().top(1);
  assert.deepEqual([name, file, line], ['remember', 'leak.lua', 3]);
});
