/** A running Pyodide, the stock npm package, on this package's allocator.
 *
 *  The entry for browsers; pyodide.node.js is that of Node.js, Deno and Bun. */

import { attachNow, detachNow, look } from './pyodide/attach.js';
import { moduleOf } from './wasm.js';

export { PymallocError, PymallocTypeError, PymallocRangeError } from './errors.js';

/** @typedef {import('./heap.js').Heap} Heap */
/** @typedef {import('./pyodide/guest.js').Pyodide} Pyodide */
/** @typedef {import('./pyodide/guest.js').PyodideModule} PyodideModule */
/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** The package's side module, compiled: for attachSync, or to attach to many.
 *
 *  @example
 *  const wasm = await compilePyodide();
 *  for (const pyodide of [await loadPyodide(), await loadPyodide()]) {
 *    await attach(pyodide, { wasm });
 *  }
 *
 *  @param {WasmSource} [source]  where pyodide.wasm is, if not beside this package
 *  @returns {Promise<WebAssembly.Module>}
 *  @throws {import('./errors.js').PymallocError} as compileModule */
export async function compilePyodide(source = new URL('../wasm/pyodide.wasm', import.meta.url)) {
  return moduleOf(source);
}

/** Lets this package's allocator serve the mem and object domains of a Pyodide from now on.  What
 *  lives already stays where it is.  A second call returns the same heap.
 *
 *  @example
 *  const pyodide = await loadPyodide();
 *  const heap = await attach(pyodide);
 *  pyodide.runPython('rows = [{"id": i} for i in range(1000)]');
 *  console.log(heap.stats().domains.object.liveBytes);
 *
 *  @param {Pyodide | object} pyodide  what loadPyodide() resolved to, at any time: packages may be
 *    loaded, Python may be running
 *  @param {{wasm?: WasmSource}} [options]  wasm: where pyodide.wasm is, if not beside this package
 *  @returns {Promise<Heap>}
 *  @throws {import('./errors.js').PymallocError} LOADING, NOT_PYODIDE, UNSUPPORTED, FOREIGN_HOOK,
 *    NO_ROOM, ABORTED: nothing was touched; and those of compilePyodide */
export async function attach(pyodide, options) {
  return look(pyodide).heap ?? attachNow(pyodide, await compilePyodide(options?.wasm));
}

/** The same within a call, for a function that running Python calls.
 *
 *  @example
 *  const wasm = await compilePyodide();
 *  const pyodide = await loadPyodide();
 *  pyodide.globals.set('attach', () => { attachSync(pyodide, { wasm }); });
 *  pyodide.runPython('attach(); import pymalloc; pymalloc.limit = 64 << 20');
 *
 *  @param {Pyodide | object} pyodide  @param {{wasm: WebAssembly.Module}} options  wasm: what
 *    compilePyodide() resolved to
 *  @returns {Heap}
 *  @throws {import('./errors.js').PymallocError} as attach */
export function attachSync(pyodide, options) {
  return attachNow(pyodide, options?.wasm);
}

/** New blocks come from Pyodide's own allocator again.  Those that live are served on, until the
 *  last is freed: how many they are is returned.  `attach` undoes it.  Limits end.
 *
 *  @example
 *  const pyodide = await loadPyodide();
 *  await attach(pyodide);
 *  pyodide.runPython('names = [str(i) for i in range(1000)]');
 *  const { liveBlocks } = detach(pyodide);
 *  assert.ok(liveBlocks > 900);
 *
 *  @param {Pyodide | object} pyodide
 *  @returns {{liveBlocks: number, liveBytes: number}}
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT: never attached to; LOADING,
 *    NOT_PYODIDE, UNSUPPORTED, ABORTED */
export function detach(pyodide) {
  return detachNow(pyodide);
}
