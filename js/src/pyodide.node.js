/** As pyodide.js, with pyodide.wasm read from its file. */

import { readFile } from 'node:fs/promises';

import { attachNow, look } from './pyodide/attach.js';
import { loadFailed, message, moduleOf } from './wasm.js';

export { attachSync, detach, PymallocError, PymallocTypeError, PymallocRangeError }
  from './pyodide.js';

const FILE = new URL('../wasm/pyodide.wasm', import.meta.url);

/** @type {typeof import('./pyodide.js').compilePyodide} */
export async function compilePyodide(source = FILE) {
  if (!(source instanceof URL) || source.protocol !== 'file:') return moduleOf(source);
  let bytes;
  try {
    bytes = await readFile(source);
  } catch (cause) {
    throw loadFailed(String(source), message(cause), cause);
  }
  return moduleOf(bytes);
}

/** @type {typeof import('./pyodide.js').attach} */
export async function attach(pyodide, { wasm } = {}) {
  return look(pyodide).heap ?? attachNow(pyodide, await compilePyodide(wasm));
}
