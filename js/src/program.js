/** What a Heap needs of a program, from whatever a caller has of it: its memory, its functions, the
 *  address of its root structure and the layout of its structures. */

import { descriptorOf, parseDescriptor } from './descriptor.js';
import { PymallocError, PymallocTypeError, badArgument, described } from './errors.js';
import { layoutOf } from './layout.js';
import { isMemory, unsigned } from './memory.js';
import { Channel } from './profile/channel.js';
import { isPromise } from './wasm.js';

const MOST = Number.MAX_SAFE_INTEGER;

/** @typedef {Readonly<Record<string, unknown>>} Exports */

/** One program, shared by all views of its heaps.
 *  @typedef {object} Program
 *  @property {Exports} exports
 *  @property {{readonly buffer: ArrayBufferLike}} memory
 *  @property {number} root
 *  @property {import('./layout.js').Layout} layout
 *  @property {boolean} [python]  CPython is in this memory, perhaps with its table of offsets */

/** What WebAssembly.instantiate(bytes) returns.
 *  @typedef {object} WasmSourcePair
 *  @property {WebAssembly.Module} module
 *  @property {{readonly exports: object}} instance */

/** An Emscripten Module: what its factory resolves to, or the global `Module`.
 *  @typedef {{readonly pymalloc?: EmscriptenGuest}} EmscriptenModule */

/** What the library's piece of glue puts there (src/emscripten); the first three are undefined
 *  while the program loads.
 *  @typedef {object} EmscriptenGuest
 *  @property {WebAssembly.Memory | undefined} memory
 *  @property {object | undefined} exports
 *  @property {Uint8Array | undefined} descriptor  contents of the custom section `pymalloc`
 *  @property {Channel['hear']} [profile]  what the program tells of samples
 *  @property {boolean} [aborted] */

const TAKES =
  'Heap.from takes a WebAssembly.Module and its instance, what '
  + 'WebAssembly.instantiate(bytes) returns, or the Module of an Emscripten program that is loaded '
  + '(await what its factory returns)';

/** @param {unknown} source  @param {unknown} second  @param {unknown} third  as Heap.from
 *  @returns {Program} */
export function programOf(source, second, third) {
  if (source instanceof WebAssembly.Module) return ofModule(source, second, third);
  if ((typeof source !== 'object' && typeof source !== 'function') || source === null) {
    throw badArgument(TAKES, source);
  }
  // A factory that was not called, or a Module still loading, which has a `then` in some versions.
  if (isPromise(source)) throw loading('a promise was passed');
  if (typeof source === 'function') {
    throw badArgument(
      'a function was passed: is it the factory of an Emscripten program? Pass '
        + 'what it resolves to, Heap.from(await factory())',
    );
  }
  if ('module' in source && 'instance' in source) {
    return ofModule(source.module, source.instance, second);
  }
  return ofEmscripten(source);
}

/** @param {unknown} module  @param {unknown} instance  @param {unknown} options
 *  @returns {Program} */
function ofModule(module, instance, options) {
  const layout = layoutOf(descriptorOf(/** @type {WebAssembly.Module} */ (module)));
  const exports = /** @type {{exports?: Exports} | undefined} */ (instance)?.exports;
  if (typeof exports !== 'object' || exports === null) {
    throw badArgument(
      'the second argument must be the WebAssembly.Instance of the module',
      instance,
    );
  }
  const given = /** @type {{memory?: unknown} | undefined} */ (options)?.memory;
  const memory = given ?? exports['memory'];
  if (!isMemory(memory)) {
    throw new PymallocTypeError(
      'NO_MEMORY',
      'the instance exports no "memory": pass the one '
        + 'that it imports, Heap.from(module, instance, { memory })',
    );
  }
  const { python } = /** @type {{python?: boolean}} */ (options ?? {});
  return { exports, memory, layout, root: call(exports, 'pym_root'), python };
}

/** @param {EmscriptenModule} module  @returns {Program} */
function ofEmscripten(module) {
  const guest = module.pymalloc;
  if (typeof guest !== 'object' || guest === null) {
    if (!isEmscripten(module)) throw badArgument(TAKES, module);
    throw new PymallocTypeError(
      'NO_DESCRIPTOR',
      'this Emscripten Module has no "pymalloc": link '
        + 'the program with the library and pymalloc::exports',
    );
  }
  if (guest.aborted) {
    throw new PymallocTypeError(
      'ABORTED',
      'the Emscripten program aborted: what its memory holds '
        + 'is not to be relied on. Load it again',
    );
  }
  const { memory, exports, descriptor } = guest;
  if (!memory || !exports || !descriptor) throw loading('the Emscripten Module is not loaded yet');
  if (!isMemory(memory) || !ArrayBuffer.isView(descriptor)) {
    throw badArgument('the Module\'s "pymalloc" is not what pymalloc::exports puts there');
  }
  const layout = layoutOf(parseDescriptor(descriptor));
  guest.profile ??= new Channel().hear;
  const functions = /** @type {Exports} */ (exports);
  return { exports: functions, memory, layout, root: call(functions, 'pym_root') };
}

/** @param {object} value  @returns {boolean} something that only Emscripten's glue has */
function isEmscripten(value) {
  return [
    'HEAPU8',
    'wasmMemory',
    'calledRun',
    'ccall',
    'onRuntimeInitialized',
    'asm',
    'FS',
    'callMain',
    '_main',
    '_malloc',
    'preRun',
    'locateFile',
  ].some((name) => name in value);
}

/** @param {string} what  @returns {PymallocTypeError} */
function loading(what) {
  return new PymallocTypeError(
    'LOADING',
    `${what}: await it first, or call Heap.from in the ` + "Module's onRuntimeInitialized",
  );
}

/** @param {WebAssembly.Module | Uint8Array} module  @param {WebAssembly.Memory} memory
 *  @param {number} root
 *  @returns {Program} */
export function programOver(module, memory, root) {
  const layout = layoutOf(
    module instanceof Uint8Array ? parseDescriptor(module) : descriptorOf(module),
  );
  if (!isMemory(memory)) {
    throw badArgument('the second argument must be a WebAssembly.Memory', memory);
  }
  if (!Number.isInteger(root) || root <= 0 || root > (layout.wide ? MOST : 0xffffffff)) {
    throw badArgument(
      'the third argument must be an address, the `root` of the Heap in the thread '
        + 'that has the instance',
      root,
    );
  }
  return { exports: Object.freeze({}), memory, layout, root };
}

/** @param {Exports} exports  @param {string} name  @returns {Function} */
export function need(exports, name) {
  const fn = exports[name];
  if (typeof fn === 'function') return fn;
  throw new PymallocTypeError(
    'NO_EXPORT',
    `the module does not export ${name}: link it with `
      + `-Wl,--export=${name} (CMake target pymalloc::exports). A heap of Heap.over has no `
      + 'functions',
  );
}

/** An address, or a count of bytes, as the program's functions take it.
 *  @param {{layout: {readonly wide: boolean}}} program  @param {number} n
 *  @returns {number | bigint} */
export function word({ layout }, n) {
  return layout.wide ? BigInt(n) : n;
}

/** @param {Exports} exports  @param {string} name
 *  @param {...(number | bigint)} args  addresses and counts of bytes made by word()
 *  @returns {number} what the guest returned, unsigned */
export function call(exports, name, ...args) {
  const fn = need(exports, name);
  let result;
  try {
    result = fn(...args);
  } catch (cause) {
    throw new PymallocError('GUEST_TRAP', `the guest's ${name} trapped: ${cause}`, { cause });
  }
  if (typeof result === 'number' || typeof result === 'bigint') return unsigned(result);
  throw new PymallocTypeError(
    'VERSION',
    `the guest's ${name} returned no number but ${described(result)}: are module and instance those `
      + 'of one program?',
  );
}
