/** The memory of any wasm module seen and capped, without relinking it. */

import { observeOn } from './api.js';
import { readSource } from '../wasm.js';
import { preloadedWatches } from './preload.js';

export { Watch } from './watch.js';
export { diff } from './snapshot.js';
export { PymallocError, PymallocTypeError, PymallocRangeError } from '../errors.js';
export { memoryReport } from '../report.js';

/** @typedef {import('../wasm.js').WasmSource} WasmSource */
/** @typedef {import('./api.js').Observed} Observed */
/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./prove.js').Role} Role */
/** @typedef {import('./roles.js').RoleName} RoleName */
/** @typedef {import('./options.js').ObserveOptions} ObserveOptions */
/** @typedef {import('./watch.js').ObservedStats} ObservedStats */
/** @typedef {import('./watch.js').ObservedClass} ObservedClass */
/** @typedef {import('./watch.js').RefusedEvent} RefusedEvent */
/** @typedef {import('./watch.js').Leak} Leak */
/** @typedef {import('./samples.js').Allocations} Allocations */
/** @typedef {import('./snapshot.js').ObservedSnapshot} ObservedSnapshot */
/** @typedef {import('./snapshot.js').ObservedDiff} ObservedDiff */
/** @typedef {import('./snapshot.js').ObservedClassDiff} ObservedClassDiff */
/** @typedef {import('./snapshot.js').AllocationsDiff} AllocationsDiff */
/** @typedef {import('../snapshot.js').DomainDiff} DomainDiff */
/** @typedef {import('./stacks.js').Frame} Frame */
/** @typedef {import('../stats.js').DomainStats} DomainStats */
/** @typedef {import('../errors.js').ErrorCode} ErrorCode */
/** @typedef {import('../report.js').ReportOptions} ReportOptions */

/** Rewrites a module so that every call of its allocator is recorded, and compiles it.  The
 *  allocator is found by names, by what its functions look like, or in a table of known modules; a
 *  guess is tried on a scratch instance first, and what is not proven is not touched.
 *
 *  @example
 *  const { module, attach } = await observe(bytes, { limit: 64 << 20 });
 *  const instance = await WebAssembly.instantiate(module, imports);
 *  const watch = attach(instance);
 *  watch.on('refused', (e) => console.log(`${e.bytes} bytes refused, asked for at ${e.site}`));
 *  const { liveBytes } = watch.stats().domains.malloc;
 *
 *  @param {WasmSource} source  bytes, a Response or the promise of one, a URL; a WebAssembly.Module
 *    only of a file that `wasm-pymalloc observe` wrote
 *  @param {ObserveOptions} [options]
 *  @returns {Promise<Readonly<Observed>>}
 *  @throws {import('../errors.js').PymallocError} NOT_WASM, TRUNCATED, BAD_WASM, LOAD_FAILED: the
 *    source is no sound module; NO_MEMORY, UNSUPPORTED, NO_ALLOCATOR, NOT_PROVEN: it is one that
 *    cannot be watched, use it as it is; BAD_ARGUMENT */
export async function observe(source, options = {}) {
  return observeOn(source, options, { read: readSource, digest });
}

/** Watches of the modules that the preload, or the script of a page, rewrote: one for each instance,
 *  in the order of their making.  Empty without one.
 *
 *  @example
 *  for (const { name, watch } of watches()) {
 *    console.log(name, watch.stats().domains.malloc.liveBytes);
 *  }
 *
 *  @returns {readonly {readonly name: string, readonly watch: import('./watch.js').Watch}[]} name: of
 *    the script that instantiated it */
export function watches() {
  return preloadedWatches();
}

/** @param {Uint8Array} bytes  @returns {Promise<string>} */
async function digest(bytes) {
  const hash = await crypto.subtle.digest('SHA-256', /** @type {BufferSource} */ (bytes));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
