/** The entry for Node.js, Deno and Bun: as index.js, with pymalloc.wasm read from its file. */

import { readFileSync } from 'node:fs';

import { create, createSync, wantsWide } from './create.js';
import { moduleOfFile } from './file.node.js';
import { isMemory } from './memory.js';
import { isShared } from './shared.js';

export * from './library.js';

/** @typedef {import('./index.js').CreateOptions} CreateOptions */

const FILE = new URL('../wasm/pymalloc.wasm', import.meta.url);
const FILE_FOR_THREADS = new URL('../wasm/pymalloc-threads.wasm', import.meta.url);

const FILE_FOR_64_BITS = new URL('../wasm/pymalloc64.wasm', import.meta.url);

/** @param {import('./index.js').CreateOptions} options  @returns {URL} */
function fileFor(options) {
  const { memory } = options;
  if (isMemory(memory) && isShared(memory)) return FILE_FOR_THREADS;
  return wantsWide(options) ? FILE_FOR_64_BITS : FILE;
}

/** @type {typeof import('./index.js').compileModule} */
export async function compileModule(source = FILE) {
  return moduleOfFile(source);
}

/** @type {typeof import('./index.js').createAllocator} */
export async function createAllocator(options = {}) {
  const wasm = options?.wasm;
  const remote = wasm instanceof URL || typeof wasm === 'string';
  return create(remote ? { ...options, wasm: await moduleOfFile(wasm) } : options, () =>
    moduleOfFile(fileFor(options)),
  );
}

/** @type {typeof import('./index.js').createAllocatorSync} */
export function createAllocatorSync(options = {}) {
  return createSync(options, () => new WebAssembly.Module(readFileSync(fileFor(options))));
}

/** @type {typeof import('./index.js').createHeap} */
export async function createHeap(options) {
  return createAllocator(options);
}

/** @type {typeof import('./index.js').createHeapSync} */
export function createHeapSync(options) {
  return createAllocatorSync(options);
}
