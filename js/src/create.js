/** The functions that need pymalloc.wasm, for an entry of the package that knows where it is. */

import { allocatorIn } from './allocator.js';
import { badArgument } from './errors.js';
import { toLimit } from './heap.js';
import { moduleOf } from './wasm.js';

/** @typedef {import('./allocator.js').Allocator} Allocator */
/** @typedef {import('./allocator.js').CreateOptions} CreateOptions */
/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** @param {CreateOptions} options
 *  @param {() => Promise<WebAssembly.Module>} packaged  the file of the package, compiled
 *  @returns {Promise<Allocator>} */
export async function create(options, packaged) {
  checkOptions(options);
  const { wasm } = options;
  return allocatorIn(await (wasm === undefined ? packaged() : moduleOf(wasm)), options);
}

/** @param {CreateOptions} options
 *  @param {() => WebAssembly.Module} packaged
 *  @returns {Allocator} */
export function createSync(options, packaged) {
  checkOptions(options);
  const { wasm = packaged() } = options;
  return allocatorIn(/** @type {WebAssembly.Module} */ (wasm), options);
}

/** @param {CreateOptions} options */
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) {
    throw badArgument('createHeap takes an object such as { memory, limit: 67108864 }');
  }
  const unknown = Object.keys(options).find((name) => !['memory', 'limit', 'wasm'].includes(name));
  if (unknown) throw badArgument(`no option is called "${unknown}": there are memory, limit, wasm`);
  // Before pages are taken.
  if (options.limit !== undefined) toLimit(options.limit, 'limit');
}
