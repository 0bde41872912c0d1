/** The entry for Node.js, Deno and Bun: as index.js, with pymalloc.wasm read from its file. */

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { create, createSync } from './create.js';
import { loadFailed, message, moduleOf } from './wasm.js';

export * from './library.js';

/** @typedef {import('./index.js').CreateOptions} CreateOptions */
/** @typedef {import('./index.js').WasmSource} WasmSource */

const FILE = new URL('../wasm/pymalloc.wasm', import.meta.url);

/** @param {WasmSource} source  @returns {Promise<WebAssembly.Module>} */
async function load(source) {
  const url = source instanceof URL ? source : fileUrl(source);
  if (url?.protocol !== 'file:') return moduleOf(source);
  try {
    source = await readFile(url);
  } catch (cause) {
    throw loadFailed(String(url), message(cause), cause);
  }
  return moduleOf(source);
}

/** @param {unknown} source  @returns {URL | null} */
function fileUrl(source) {
  return typeof source === 'string' && source.startsWith('file:') ? new URL(source) : null;
}

/** @type {typeof import('./index.js').compileModule} */
export async function compileModule(source = FILE) {
  return load(source);
}

/** @type {typeof import('./index.js').createHeap} */
export async function createHeap(options = {}) {
  const wasm = options?.wasm;
  const remote = wasm instanceof URL || typeof wasm === 'string';
  return create(remote ? { ...options, wasm: await load(wasm) } : options, () => load(FILE));
}

/** @type {typeof import('./index.js').createHeapSync} */
export function createHeapSync(options = {}) {
  return createSync(options, () => new WebAssembly.Module(readFileSync(FILE)));
}
