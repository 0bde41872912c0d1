/** The functions that need pymalloc.wasm, for an entry of the package that knows where it is. */

import { allocatorIn, allocatorOf } from './allocator.js';
import { badArgument, checkNames } from './errors.js';
import { toLimit } from './limit.js';
import { isMemory } from './memory.js';
import { isShared } from './shared.js';
import { has64BitMemories, is64BitMemory, moduleOf, no64BitMemories } from './wasm.js';

/** @typedef {import('./allocator.js').Allocator} Allocator */
/** @typedef {import('./allocator.js').CreateOptions} CreateOptions */
/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** @param {CreateOptions} options
 *  @param {() => Promise<WebAssembly.Module>} packaged  the file of the package, compiled
 *  @returns {Promise<Allocator>} */
export async function create(options, packaged) {
  checkOptions(options);
  const { wasm, shared } = options;
  if (shared) return allocatorOf(shared);
  return allocatorIn(await (wasm === undefined ? packaged() : moduleOf(wasm)), options);
}

/** @param {CreateOptions} options
 *  @param {() => WebAssembly.Module} packaged
 *  @returns {Allocator} */
export function createSync(options, packaged) {
  checkOptions(options);
  if (options.shared) return allocatorOf(options.shared);
  const { wasm = packaged() } = options;
  return allocatorIn(/** @type {WebAssembly.Module} */ (wasm), options);
}

const OPTIONS = ['memory', 'memory64', 'range', 'limit', 'wasm', 'debug', 'shared'];

/** @param {CreateOptions} options */
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) {
    throw badArgument(
      'createAllocator takes an object such as { memory, limit: 67108864 }',
      options,
    );
  }
  checkNames(options, OPTIONS);
  if (options.debug !== undefined && typeof options.debug !== 'boolean') {
    throw badArgument('debug must be true or false', options.debug);
  }
  if (options.shared !== undefined) checkShared(options);
  if (options.debug && isMemory(options.memory) && isShared(options.memory)) {
    throw badArgument('debug remembers the calls of one thread: not in a shared memory');
  }
  const { memory64 } = options;
  if (memory64 !== undefined && typeof memory64 !== 'boolean') {
    throw badArgument('memory64 must be true or false', memory64);
  }
  if (memory64 && !has64BitMemories()) throw no64BitMemories('memory64 was asked for');
  // Before pages are taken.
  if (options.limit !== undefined) toLimit(options.limit, 'limit', wantsWide(options));
}

/** @param {CreateOptions} options  @returns {boolean} the allocator for 64-bit addresses is wanted */
export function wantsWide({ memory, memory64 = false }) {
  return memory64 || (isMemory(memory) && !isShared(memory) && is64BitMemory(memory));
}

/** @param {CreateOptions} options */
function checkShared({ shared, ...others }) {
  if (!isMemory(shared?.memory) || !isShared(shared.memory)) {
    throw badArgument('shared must be what share() of an allocator returned', shared);
  }
  const more = Object.entries(others).find(([, value]) => value !== undefined);
  if (more) {
    throw badArgument(`${more[0]} does not go with shared: the thread that made the heap chose it`);
  }
}
