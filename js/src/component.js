/** Components: the core module with the library among those that jco instantiates. */

import { PymallocTypeError } from './errors.js';
import { Heap } from './heap.js';

/** @typedef {object} ComponentGuest
 *  @property {(module: WebAssembly.Module, imports: WebAssembly.Imports)
 *    => Promise<WebAssembly.Instance>} instantiateCore  for the function `instantiate` of what jco
 *    transpiled with `instantiation: 'async'`
 *  @property {() => Heap} heap  of the first core module that links the library */

/** Finds the heap of a component: a component is several core modules, and the one with the section
 *  `pymalloc` is the program.
 *
 *  @example
 *  // With what jco wrote: await instantiate(getCoreModule, imports, guest.instantiateCore).
 *  const guest = attachComponent();
 *  await guest.instantiateCore(module, imports);
 *  console.log(guest.heap().stats().domains.object.liveBytes);
 *
 *  @returns {ComponentGuest}  heap() throws NO_DESCRIPTOR if no module linked the library */
export function attachComponent() {
  /** @type {{module: WebAssembly.Module, instance: WebAssembly.Instance} | undefined} */
  let program;
  /** @type {Heap | undefined} */
  let heap;
  return Object.freeze({
    instantiateCore: async (
      /** @type {WebAssembly.Module} */ module,
      /** @type {WebAssembly.Imports} */ imports,
    ) => {
      const instance = await WebAssembly.instantiate(module, imports);
      if (!program && WebAssembly.Module.customSections(module, 'pymalloc').length > 0) {
        program = { module, instance };
      }
      return instance;
    },
    // Not before it is asked for: pym_root starts the library, which asks for random numbers, and the
    // modules that serve them are instantiated later.
    heap: () => {
      if (!program) {
        throw new PymallocTypeError(
          'NO_DESCRIPTOR',
          'none of the core modules links the library: pass instantiateCore to instantiate() first',
        );
      }
      heap ??= Heap.from(program);
      return heap;
    },
  });
}
