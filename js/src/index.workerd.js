/** The entry for workerd, which compiles no bytes at run time: there an import of a .wasm file is a
 *  WebAssembly.Module. */

import { create, createSync } from './create.js';
import { moduleOf } from './wasm.js';
// @ts-ignore  TypeScript does not know such imports
import file from '../wasm/pymalloc.wasm';

export * from './library.js';

const wasm = /** @type {WebAssembly.Module} */ (file);

/** @type {typeof import('./index.js').compileModule} */
export async function compileModule(source = wasm) {
  return moduleOf(source);
}

/** @type {typeof import('./index.js').createAllocator} */
export async function createAllocator(options = {}) {
  return create(options, async () => wasm);
}

/** @type {typeof import('./index.js').createAllocatorSync} */
export function createAllocatorSync(options = {}) {
  return createSync(options, () => wasm);
}

/** @type {typeof import('./index.js').createHeap} */
export async function createHeap(options) {
  return createAllocator(options);
}

/** @type {typeof import('./index.js').createHeapSync} */
export function createHeapSync(options) {
  return createAllocatorSync(options);
}
