/** createHeap beside the allocator of AssemblyScript, which claims all memory there is when it first
 *  allocates: docs/embedding.md, "Beside another allocator in one memory". */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import asc from 'assemblyscript/asc';

import { createHeapSync, compileModule } from '../../js/src/index.node.js';
import { code } from './lib/heaps.js';

const wasm = await compileModule();
const source = `
  export function make(bytes: i32): usize {
    const block = heap.alloc(bytes);
    memory.fill(block, 0x77, bytes);
    return block;
  }
  export function holds(block: usize, bytes: i32): bool {
    for (let i = 0; i < bytes; i++) if (load<u8>(block + i) != 0x77) return false;
    return true;
  }
  export function free(block: usize): void { heap.free(block); }`;
const { error, binary } = await asc.compileString(source, {
  importMemory: true,
  initialMemory: 16,
  optimizeLevel: 2,
  runtime: 'minimal',
});
assert.equal(error, null);
const program = new WebAssembly.Module(binary);

function instance() {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const { exports } = new WebAssembly.Instance(program, { env: { memory, abort() {} } });
  return { memory, ...exports };
}

test('it first, then createHeap: both grow and neither touches what the other has', () => {
  const { memory, make, holds, free } = instance();
  const theirs = [[make(100), 100]];
  const heap = createHeapSync({ wasm, memory });
  const ours = [];
  for (let i = 1; i < 300; i++) {
    theirs.push([make(i * 37), i * 37]);
    const p = heap.malloc(i * 41);
    heap.u8.fill(i, p, p + i * 41);
    ours.push([p, i]);
  }
  assert.ok(theirs.every(([p, n]) => holds(p, n)));
  assert.ok(ours.every(([p, i]) => heap.u8.subarray(p, p + i * 41).every((b) => b === (i & 255))));
  assert.equal(heap.heap.check().sound, true);
  for (const [p] of theirs) free(p);
  for (const [p] of ours) heap.free(p);
});

test('createHeap first, then it: the damage that it does ends in a typed error', () => {
  const { memory, make } = instance();
  const heap = createHeapSync({ wasm, memory });
  const blocks = Array.from({ length: 200 }, (_, i) => heap.malloc(i * 8 + 8));
  for (let i = 0; i < 20; i++) make(64 << 10); // fills what it believes to be its own
  assert.throws(() => {
    for (const p of blocks) heap.free(p);
    for (let i = 0; i < 1e5; i++) heap.malloc(i % 3000);
  }, code('CORRUPTION'));
});
