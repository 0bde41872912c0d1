/** Where the allocator of a domain is written down in a running CPython, below its own hooks.
 *
 *  PyMem_SetAllocator sets the topmost one.  CPython's own hooks keep the one below them in a
 *  structure that their context points to, and put it back when they go; so ours goes there:
 *
 *    tracemalloc     ctx -> allocator
 *    debug hooks     ctx -> 'r', 'm' or 'o' in a word, allocator
 *    malloc itself   ctx = 0
 *
 *  What cannot be one of these is somebody else's.  It would be put back over ours one day, and
 *  then free our blocks by another allocator: so it is refused. */

import { PymallocError } from '../errors.js';

/** @typedef {import('./guest.js').PyodideModule} PyodideModule */
/** @typedef {[number, number, number, number, number]} Allocator  a PyMemAllocatorEx: ctx, malloc,
 *    calloc, realloc, free */
/** @typedef {object} Place
 *  @property {number} domain
 *  @property {number} address  of a PyMemAllocatorEx; 0: PyMem_SetAllocator sets it
 *  @property {Allocator} allocator  what is there now */

export const ALLOCATOR_BYTES = 20;
const WORDS = ALLOCATOR_BYTES / 4;
const RAW = 0;
export const MEM = 1;
export const OBJ = 2;
const LETTERS = ['r', 'm', 'o'];

/** @template T  @param {PyodideModule} module  @param {number} bytes  at the most some hundred
 *  @param {(at: number) => T} fn  @returns {T} what it returned; the bytes are gone then */
export function withStack(module, bytes, fn) {
  const before = module.stackSave();
  try {
    return fn(module.stackAlloc(bytes));
  } finally {
    module.stackRestore(before);
  }
}

/** @param {PyodideModule} module  @param {number} at  @returns {Allocator} */
function read(module, at) {
  const view = new DataView(module.HEAPU8.buffer);
  return /** @type {Allocator} */ (
    Array.from({ length: WORDS }, (_, i) => view.getUint32(at + 4 * i, true))
  );
}

/** @param {PyodideModule} module  @param {number} at  @param {Allocator} allocator */
export function write(module, at, allocator) {
  const view = new DataView(module.HEAPU8.buffer);
  allocator.forEach((word, i) => view.setUint32(at + 4 * i, word, true));
}

/** @param {PyodideModule} module  @param {number} domain  @returns {Allocator} the topmost */
export function topmost(module, domain) {
  return withStack(module, ALLOCATOR_BYTES, (at) => {
    module._PyMem_GetAllocator(domain, at);
    return read(module, at);
  });
}

/** @param {PyodideModule} module  @param {number} domain  @param {boolean} tracing
 *  @returns {Place} below tracemalloc and the debug hooks */
function bottom(module, domain, tracing) {
  let address = 0;
  let allocator = topmost(module, domain);
  const below = (/** @type {number} */ at) => {
    if (at + ALLOCATOR_BYTES > module.HEAPU8.length) throw foreign();
    address = at;
    allocator = read(module, at);
  };
  if (tracing) below(allocator[0]);
  const [ctx] = allocator;
  if (
    ctx + 4 <= module.HEAPU8.length
    && new DataView(module.HEAPU8.buffer).getUint32(ctx, true) === LETTERS[domain]?.charCodeAt(0)
  ) {
    below(ctx + 4);
  }
  return { domain, address, allocator };
}

/** @param {PyodideModule} module  @param {boolean} tracing  is tracemalloc on?
 *  @returns {{mem: Place, obj: Place}}
 *  @throws {PymallocError} FOREIGN_HOOK */
export function places(module, tracing) {
  const raw = bottom(module, RAW, tracing);
  const mem = bottom(module, MEM, tracing);
  const obj = bottom(module, OBJ, tracing);
  // Pyodide is built without an object allocator: malloc serves all three domains.
  for (const { allocator } of [raw, mem, obj]) {
    if (allocator[0] !== 0 || allocator.some((word, i) => word !== raw.allocator[i])) {
      throw foreign();
    }
  }
  return { mem, obj };
}

/** @param {PyodideModule} module  @param {Place} place  @param {number} at  of the new allocator */
export function install(module, place, at) {
  if (place.address) write(module, place.address, read(module, at));
  else module._PyMem_SetAllocator(place.domain, at);
}

/** @returns {PymallocError} */
function foreign() {
  return new PymallocError(
    'FOREIGN_HOOK',
    'another allocator was installed in this Pyodide with '
      + 'PyMem_SetAllocator: attach before it is, or after it was taken off',
  );
}
