/** As pyodide.js, with pyodide.wasm read from its file. */

import { attachNow, look } from './pyodide/attach.js';
import { moduleOfFile } from './file.node.js';

export {
  attachSync,
  detach,
  PymallocError,
  PymallocTypeError,
  PymallocRangeError,
} from './pyodide.js';

const FILE = new URL('../wasm/pyodide.wasm', import.meta.url);

/** @type {typeof import('./pyodide.js').compilePyodide} */
export async function compilePyodide(source = FILE) {
  return moduleOfFile(source);
}

/** @type {typeof import('./pyodide.js').attach} */
export async function attach(pyodide, options) {
  return look(pyodide).heap ?? attachNow(pyodide, await compilePyodide(options?.wasm));
}
