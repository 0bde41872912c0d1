/** Who holds the memory, as the tab shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Code, DIFF_LEVELS } from '../../js/page/src/ui/palette.js';
import { linesOf, treeOf, unitsHeldBy } from '../../js/page/src/ui/holdings.js';
import { hashOf, programOf } from '../../js/page/src/ui/link.js';

const frame = (name, file, line, language) => ({ name, file, line, language });
const held = {
  frames: [
    frame('main', 'a.lua', 9, 'lua'),
    frame('leak', 'a.lua', 2, 'lua'),
    frame('luaH_resize', '', 0, 'wasm'),
    frame('use', 'a.lua', 5, 'lua'),
  ],
  stacks: [
    { frames: [0, 1, 2], domain: 'object', bytes: 300, blocks: 3, samples: 3 },
    { frames: [0, 1], domain: 'object', bytes: 100, blocks: 1, samples: 1 },
    { frames: [0, 3], domain: 'object', bytes: 50, blocks: 2, samples: 1 },
    { frames: [], domain: 'raw', bytes: 7, blocks: 1, samples: 1 },
  ],
};

test('calls are a tree, each with what it holds itself and the stacks through it', () => {
  const root = treeOf(held);
  assert.deepEqual(root.stacks, [0, 1, 2, 3]);
  const [main, none] = root.children;
  assert.deepEqual([main.frame.name, main.own, main.stacks], ['main', 0, [0, 1, 2]]);
  assert.deepEqual([none.frame.name, none.own], ['(raw)', 7]);
  const [leak, use] = main.children;
  assert.deepEqual([leak.own, leak.stacks, leak.children[0].own], [100, [0, 1], 300]);
  assert.equal(use.own, 50);
  assert.equal(new Set([root, main, leak, use].map(({ key }) => key)).size, 4);
});

test('a line holds what is called in it, in functions that have no line too', () => {
  const [first, second, third] = linesOf(held);
  assert.deepEqual([first.frame.name, first.bytes, first.stacks], ['leak', 400, [0, 1]]);
  assert.deepEqual([second.frame.name, second.bytes], ['use', 50]);
  assert.equal(third.frame.name, '(raw)');
});

test('pools are coloured by the part of their size, raw blocks where they lie', () => {
  const codes = new Uint8Array(32).fill(Code.POOL);
  const map = {
    pools: {
      address: Uint32Array.of(0x1000, 0x2000, 0x3000),
      blockSize: Uint32Array.of(16, 32, 16),
      blocks: Uint32Array.of(4, 4, 0),
    },
  };
  const sampled = {
    address: Uint32Array.of(0x8000, 0x8100, 0x8200, 0x10000),
    size: Uint32Array.of(16, 16, 32, 8192),
    stack: Int32Array.of(0, 2, 2, 0),
  };
  const out = unitsHeldBy(map, codes, sampled, new Set([0]), 512);
  const strongest = Code.MORE + DIFF_LEVELS - 1;
  assert.ok(out[1] > Code.MORE && out[1] < strongest, 'half of the blocks of 16 bytes');
  assert.equal(out[2], Code.SAME, 'others hold those of 32');
  assert.equal(out[3], Code.SAME, "an empty pool is nobody's");
  assert.deepEqual([...out.subarray(15, 19)], [Code.SAME, strongest, strongest, Code.SAME]);
});

test('a program goes into an address and comes out again, a damaged one is refused', async () => {
  const source = 'print("ü€")\n'.repeat(200);
  const hash = await hashOf('Python', source);
  assert.match(hash, /^#python=[\w-]+$/);
  assert.ok(hash.length < source.length / 4);
  assert.deepEqual(await programOf(hash), { language: 'Python', source });
  assert.equal(await programOf('#map'), null);
  await assert.rejects(programOf(hash.slice(0, -5)), /missing or wrong/);
  await assert.rejects(programOf('#lua=%%'), RangeError);
  const bomb = await hashOf('Lua', 'x'.repeat(2 << 20));
  await assert.rejects(programOf(bomb), (error) => /too large/.test(error.cause.message));
});
