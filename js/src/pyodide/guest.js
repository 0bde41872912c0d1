/** What attach needs of a Pyodide: found, and verified, before anything is touched. */

import { PymallocError, PymallocRangeError, PymallocTypeError } from '../errors.js';
import { isPromise } from '../wasm.js';

/** The part of Pyodide's interface that is used, public but for `_module`.
 *  @typedef {object} Pyodide
 *  @property {string} version
 *  @property {PyodideModule} _module
 *  @property {(code: string, options?: {globals?: any}) => any} runPython
 *  @property {(name: string) => any} pyimport
 *  @property {(value: unknown) => any} toPy
 *  @property {(...args: any[]) => unknown} [makeMemorySnapshot] */

/** Of Emscripten's Module, with CPython's functions.
 *  @typedef {object} PyodideModule
 *  @property {Uint8Array} HEAPU8  renewed when memory grows
 *  @property {Function} loadWebAssemblyModule
 *  @property {(bytes: number) => 1 | undefined} growMemory
 *  @property {() => number} stackSave
 *  @property {(bytes: number) => number} stackAlloc
 *  @property {(at: number) => void} stackRestore
 *  @property {(increment: number) => number} _sbrk
 *  @property {(domain: number, allocator: number) => void} _PyMem_GetAllocator
 *  @property {(domain: number, allocator: number) => void} _PyMem_SetAllocator */

const FUNCTIONS = /** @type {const} */ ([
  'loadWebAssemblyModule',
  'growMemory',
  'stackSave',
  'stackAlloc',
  'stackRestore',
  '_sbrk',
  '_PyMem_GetAllocator',
  '_PyMem_SetAllocator',
]);
/** Those that the tests run with, their pre-releases in; the next one's as well. */
const VERSIONS = /^(0\.28\.|0\.29\.|314\.|315\.)/;
const PAGE_BYTES = 65536;

/** @param {unknown} value  @returns {Pyodide}
 *  @throws {PymallocError} LOADING, NOT_PYODIDE, UNSUPPORTED, ABORTED */
export function checkPyodide(value) {
  if (isPromise(value)) {
    throw new PymallocTypeError('LOADING', 'a promise was passed: attach(await loadPyodide())');
  }
  const pyodide = /** @type {Pyodide} */ (value);
  const module = pyodide?._module;
  if (
    typeof module !== 'object'
    || module === null
    || typeof pyodide.version !== 'string'
    || !runsPython(pyodide)
  ) {
    throw new PymallocTypeError(
      'NOT_PYODIDE',
      'attach takes what loadPyodide() resolves to: ' + 'attach(await loadPyodide())',
    );
  }
  if (!VERSIONS.test(pyodide.version)) {
    throw new PymallocTypeError(
      'UNSUPPORTED',
      `Pyodide ${pyodide.version} is not supported: 0.28, ` + '0.29, 314 and 315 are',
    );
  }
  const missing = FUNCTIONS.find((name) => typeof module[name] !== 'function');
  if (missing || !(module.HEAPU8 instanceof Uint8Array)) {
    throw new PymallocTypeError(
      'UNSUPPORTED',
      `this Pyodide ${pyodide.version} has no `
        + `_module.${missing ?? 'HEAPU8'}: it is not the released build, use that`,
    );
  }
  return pyodide;
}

/** @param {Pyodide} pyodide  @returns {boolean}
 *  @throws {PymallocError} ABORTED: after a fatal error its properties throw */
function runsPython(pyodide) {
  try {
    return typeof pyodide.runPython === 'function';
  } catch (cause) {
    throw new PymallocError(
      'ABORTED',
      `this Pyodide does not run Python any more (${cause}): load ` + 'another one',
      { cause },
    );
  }
}

/** Takes a page more, which is the only way to know.
 *  @param {PyodideModule} module
 *  @throws {PymallocRangeError} NO_ROOM */
export function checkGrowth(module) {
  if (module.growMemory(module.HEAPU8.length + PAGE_BYTES) === 1) return;
  throw new PymallocRangeError(
    'NO_ROOM',
    `Pyodide's memory of ${module.HEAPU8.length} bytes cannot `
      + 'grow: attach earlier, or give it a larger maximum',
  );
}

/** Is tracemalloc on?  @param {Pyodide} pyodide  @returns {boolean} */
export function isTracing(pyodide) {
  const tracemalloc = pyodide.pyimport('_tracemalloc');
  try {
    return tracemalloc.is_tracing();
  } finally {
    tracemalloc.destroy();
  }
}
