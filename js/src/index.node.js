/** The entry for Node.js, Deno and Bun: as index.js, with pymalloc.wasm read from its file. */

import { readFileSync } from 'node:fs';

import { create, createSync } from './create.js';
import { moduleOfFile } from './file.node.js';

export * from './library.js';

/** @typedef {import('./index.js').CreateOptions} CreateOptions */

const FILE = new URL('../wasm/pymalloc.wasm', import.meta.url);

/** @type {typeof import('./index.js').compileModule} */
export async function compileModule(source = FILE) {
  return moduleOfFile(source);
}

/** @type {typeof import('./index.js').createHeap} */
export async function createHeap(options = {}) {
  const wasm = options?.wasm;
  const remote = wasm instanceof URL || typeof wasm === 'string';
  return create(remote ? { ...options, wasm: await moduleOfFile(wasm) } : options,
    () => moduleOfFile(FILE));
}

/** @type {typeof import('./index.js').createHeapSync} */
export function createHeapSync(options = {}) {
  return createSync(options, () => new WebAssembly.Module(readFileSync(FILE)));
}
