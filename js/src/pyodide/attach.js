/** attach: the allocator of this package takes the mem and object domains of a running Pyodide. */

import { descriptorOf } from '../descriptor.js';
import { PymallocTypeError, badArgument } from '../errors.js';
import { Heap } from '../heap.js';
import { layoutOf } from '../layout.js';
import { Channel } from '../profile/channel.js';
import { guardConversion } from './conversion.js';
import { checkGrowth, checkPyodide, isTracing } from './guest.js';
import { ALLOCATOR_BYTES, install, places, withStack, write } from './hooks.js';
import { randomBytes } from '../random.js';
import { installPython } from './python.js';

/** @typedef {import('./guest.js').Pyodide} Pyodide */
/** @typedef {import('./guest.js').PyodideModule} PyodideModule */
/** @typedef {import('../wasm.js').WasmSource} WasmSource */

/** One that was attached to.
 *  @typedef {object} Attached
 *  @property {Heap} heap
 *  @property {SideModule} exports
 *  @property {() => string} dump
 *  @property {boolean} detached */

/** @typedef {object} SideModule
 *  @property {(mem: number, obj: number) => void} pym_pyodide_attach
 *  @property {(off: number) => void} pym_pyodide_detach
 *  @property {() => number} pym_pyodide_items
 *  @property {(items: number) => void} pym_pyodide_forget
 *  @property {(heap: number) => void} pym_dump_stderr */

/** @type {WeakMap<PyodideModule, Attached>} */
const attached = new WeakMap();
const SIDE_MODULE = Object.freeze({ loadAsync: false, nodelete: true, allowUndefined: true });

/** Before anything is loaded.
 *  @param {unknown} value
 *  @returns {{pyodide: Pyodide, heap: Heap | undefined}} heap: of an attach before, in force again
 *  @throws {import('../errors.js').PymallocError} see attach */
export function look(value) {
  const pyodide = checkPyodide(value);
  const state = attached.get(pyodide._module);
  if (state?.detached) {
    state.exports.pym_pyodide_detach(0);
    state.detached = false;
  }
  return { pyodide, heap: state?.heap };
}

/** @param {unknown} value  @param {WebAssembly.Module | undefined} wasm
 *  @returns {Heap} */
export function attachNow(value, wasm) {
  const { pyodide, heap: attachedBefore } = look(value);
  if (attachedBefore) return attachedBefore;
  checkSideModule(wasm);
  const module = pyodide._module;
  const { mem, obj } = places(module, isTracing(pyodide));
  checkGrowth(module);
  const lines = new Lines();
  const exports = load(module, wasm, lines);
  const memory = {
    get buffer() {
      return module.HEAPU8.buffer;
    },
  };
  const made = withStack(module, 2 * ALLOCATOR_BYTES, (at) => {
    write(module, at, mem.allocator);
    write(module, at + ALLOCATOR_BYTES, obj.allocator);
    exports.pym_pyodide_attach(at, at + ALLOCATOR_BYTES);
    // May fail: nothing is installed yet.
    const heap = Heap.from(wasm, { exports }, /** @type {any} */ ({ memory, python: true }));
    install(module, mem, at);
    install(module, obj, at + ALLOCATOR_BYTES);
    return heap;
  });
  const dump = () => lines.of(() => exports.pym_dump_stderr(made.address));
  attached.set(module, { heap: made, exports, dump, detached: false });
  forbidSnapshot(pyodide);
  guardConversion(module);
  installPython(pyodide, made, exports, (fn) => lines.of(fn));
  return made;
}

/** @param {unknown} wasm  @returns {asserts wasm is WebAssembly.Module}
 *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT, NO_DESCRIPTOR, BAD_DESCRIPTOR, VERSION */
function checkSideModule(wasm) {
  if (!(wasm instanceof WebAssembly.Module)) {
    throw badArgument('attachSync needs a compiled module, { wasm: await compilePyodide() }', wasm);
  }
  layoutOf(descriptorOf(wasm));
  if (!WebAssembly.Module.exports(wasm).some(({ name }) => name === 'pym_pyodide_attach')) {
    throw badArgument('the option wasm must be pyodide.wasm of this package');
  }
}

/** @param {unknown} value
 *  @returns {{liveBlocks: number, liveBytes: number}} see detach */
export function detachNow(value) {
  const state = attached.get(checkPyodide(value)._module);
  if (!state) throw badArgument('this Pyodide was not attached to: there is nothing to detach');
  state.exports.pym_pyodide_detach(1);
  state.detached = true;
  const { mem, object } = state.heap.stats().domains;
  return Object.freeze({
    liveBlocks: mem.liveBlocks + object.liveBlocks,
    liveBytes: mem.liveBytes + object.liveBytes,
  });
}

/** @param {Pyodide} pyodide  that was attached to
 *  @returns {string} the library's report; Python takes no part in it */
export function dumpOf({ _module }) {
  return attached.get(_module)?.dump() ?? '';
}

/** @param {PyodideModule} module  @param {WebAssembly.Module} wasm  @param {Lines} lines
 *  @returns {SideModule}
 *  @throws {PymallocTypeError} UNSUPPORTED */
function load(module, wasm, lines) {
  const scope = {
    pym_host_profile: new Channel().hear,
    pym_host_random: (/** @type {number} */ at, /** @type {number} */ n) => {
      const random = randomBytes(n);
      if (random) module.HEAPU8.set(random, at >>> 0);
      return Number(random !== null);
    },
    pym_host_resize: (/** @type {number} */ bytes) => {
      module.growMemory(bytes >>> 0);
    },
    pym_host_write: (/** @type {number} */ at, /** @type {number} */ n) => {
      lines.write(new TextDecoder().decode(module.HEAPU8.slice(at >>> 0, (at >>> 0) + n)));
    },
  };
  try {
    return module.loadWebAssemblyModule(wasm, SIDE_MODULE, 'wasm-pymalloc', scope, 0);
  } catch (cause) {
    throw new PymallocTypeError(
      'UNSUPPORTED',
      `Pyodide's dynamic linker does not load pyodide.wasm `
        + `(${cause}): use the released Pyodide, and the pyodide.wasm of this package's version`,
      { cause },
    );
  }
}

/** A snapshot would hold pointers to functions that a fresh instance does not have.
 *  @param {Pyodide} pyodide */
function forbidSnapshot(pyodide) {
  pyodide.makeMemorySnapshot = () => {
    throw new PymallocTypeError(
      'UNSUPPORTED',
      'a memory snapshot cannot be made after attach: make '
        + 'it first, and attach to what is loaded from it',
    );
  };
}

/** Text that the library writes: to the console, or to who asked for it. */
class Lines {
  /** @type {string[] | null} */
  #asked = null;
  #rest = '';

  /** @param {string} text */
  write(text) {
    if (this.#asked) {
      this.#asked.push(text);
      return;
    }
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) console.error(line);
  }

  /** @param {() => void} fn  @returns {string} what the library wrote meanwhile */
  of(fn) {
    this.#asked = [];
    try {
      fn();
      return this.#asked.join('');
    } finally {
      this.#asked = null;
    }
  }
}
