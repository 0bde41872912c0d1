/** What the memory of a wasm module that links wasm-pymalloc does, seen from outside; and the
 *  allocator itself, for JavaScript and wasm that have none.
 *
 *  The entry for browsers and bundlers: pymalloc.wasm is fetched from beside this file. */

import { create, createSync } from './create.js';
import { badArgument } from './errors.js';
import { moduleOf } from './wasm.js';

export * from './library.js';

/** @typedef {import('./allocator.js').Allocator} Allocator */
/** @typedef {import('./allocator.js').CreateOptions} CreateOptions */
/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** @returns {URL} in a form that vite and webpack know: they put the file into their output */
function file() {
  return new URL('../wasm/pymalloc.wasm', import.meta.url);
}

/** Compiles a wasm file, and says what is wrong with it if that fails.
 *
 *  @example
 *  const module = await compileModule(fetch('lua.wasm'));
 *  const instance = await WebAssembly.instantiate(module, imports);
 *  const heap = Heap.from(module, instance);
 *
 *  @param {WasmSource} [source]  a WebAssembly.Module, bytes, a Response or the promise of one, a
 *    URL; default: the package's own allocator, as createAllocator takes it
 *  @returns {Promise<WebAssembly.Module>}
 *  @throws {import('./errors.js').PymallocError} LOAD_FAILED: the address cannot be read, or the
 *    server refused; NOT_WASM: something else is there, such as a page; TRUNCATED; BAD_WASM: it
 *    does not compile; BLOCKED: this host compiles nothing at run time; BAD_ARGUMENT */
export async function compileModule(source = file()) {
  return moduleOf(source);
}

/** Makes an allocator in a linear memory: malloc and free for JavaScript and for wasm that is
 *  written by hand or brings no allocator.  Nothing that is in the memory is touched: the allocator
 *  takes pages of its own, at first one of 64 KiB.
 *
 *  @example
 *  const allocator = await createAllocator({ limit: 16 << 20 });
 *  const p = allocator.malloc(100);          // an address, owned by the caller; 0: no memory
 *  allocator.u8.fill(7, p, p + 100);
 *  allocator.free(p);
 *  allocator.heap.stats();                   // its heap: statistics, map, limits, events
 *
 *  @param {CreateOptions} [options]
 *  @returns {Promise<Allocator>}
 *  @throws {import('./errors.js').PymallocError} what compileModule throws; BAD_ARGUMENT; NO_ROOM:
 *    the memory cannot grow */
export async function createAllocator(options = {}) {
  return create(options, () => moduleOf(file()));
}

/** The same at once, of a module that was compiled before; one module can serve many memories.
 *
 *  @example
 *  const wasm = await compileModule();
 *  const memory = new WebAssembly.Memory({ initial: 10 });
 *  const allocator = createAllocatorSync({ wasm, memory });
 *  assert.equal(memory.buffer.byteLength, 11 * 65536);
 *
 *  @param {CreateOptions} [options]  wasm: a WebAssembly.Module; Node.js and workerd have it by
 *    themselves
 *  @returns {Allocator}
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT, NO_ROOM */
export function createAllocatorSync(options = {}) {
  return createSync(options, () => {
    throw badArgument(
      'createAllocatorSync needs a compiled module here: ' + '{ wasm: await compileModule() }',
    );
  });
}

/** The earlier name of createAllocator: what it returns is an Allocator, whose Heap is `.heap`.
 *
 *  @example
 *  const allocator = await createHeap();
 *  allocator.free(allocator.malloc(100));
 *
 *  @deprecated use createAllocator
 *  @param {CreateOptions} [options]
 *  @returns {Promise<Allocator>}
 *  @throws {import('./errors.js').PymallocError} as createAllocator */
export async function createHeap(options) {
  return createAllocator(options);
}

/** The earlier name of createAllocatorSync.
 *
 *  @example
 *  const allocator = createHeapSync({ wasm: await compileModule() });
 *  allocator.free(allocator.malloc(100));
 *
 *  @deprecated use createAllocatorSync
 *  @param {CreateOptions} [options]
 *  @returns {Allocator}
 *  @throws {import('./errors.js').PymallocError} as createAllocatorSync */
export function createHeapSync(options) {
  return createAllocatorSync(options);
}
