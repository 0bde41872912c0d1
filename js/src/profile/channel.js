/** How a program tells its host of samples (src/profile_host.h): a call out of its malloc, during
 *  which its stack can be looked at. */

import { PymallocTypeError, badArgument } from '../errors.js';
import { unsigned } from '../memory.js';

/** What a program is started to talk to.  entry: the function that the program called.
 *  @typedef {(what: number, size: number, block: number, heap: number, entry: Function) => void}
 *    Listener */

/** The descriptor that src/profile_wasi.c writes to: one that no WASI host gives away. */
const PROFILE_FD = 0x7ffffffe;
const MESSAGE_BYTES = 16;
const FIRST_WORD = 0;
const WASI = Object.freeze(['wasi_snapshot_preview1', 'wasi_unstable']);
const [SUCCESS, BADF] = [0, 8];

/** Who starts a profile just now: a program's first word comes in that very call.
 *  @type {{listener: Listener, memory: {readonly buffer: ArrayBufferLike}} | null} */
let starting = null;

/** One program's way to its host. */
export class Channel {
  /** @type {typeof starting} */ #end = null;

  /** What a program calls; one with 64-bit addresses passes BigInts.
   *  @param {number} what  @param {number | bigint} size  @param {number | bigint} block
   *  @param {number | bigint} heap
   *  @returns {number} 0: nobody listens */
  hear = (what, size, block, heap) =>
    this.#pass(what, unsigned(size), unsigned(block), unsigned(heap), this.hear);

  /** @param {number} what  @param {number} size  @param {number} block  @param {number} heap
   *  @param {Function} entry  @returns {number} */
  #pass(what, size, block, heap, entry) {
    if (what === FIRST_WORD) this.#end = starting;
    else this.#end?.listener(what, size, block, heap, entry);
    return this.#end ? 1 : 0;
  }

  /** fd_write with our descriptor.
   *  @param {number[]} args  @param {Function} entry  @returns {number} a WASI error code */
  write([, pieces = 0, , written = 0], entry) {
    const end = this.#end ?? starting;
    if (!end) return BADF;
    const view = new DataView(end.memory.buffer);
    const at = view.getUint32(pieces >>> 0, true);
    const word = (/** @type {number} */ i) => view.getUint32(at + 4 * i, true);
    if (!this.#pass(word(0), word(1), word(2), word(3), entry)) return BADF;
    view.setUint32(written >>> 0, MESSAGE_BYTES, true);
    return SUCCESS;
  }
}

/** An import object through which heap.profile() hears of samples: `fd_write` of WASI and
 *  `pymalloc.profile`, whichever the module has.  Everything else is as it was.
 *
 *  @example
 *  const instance = await WebAssembly.instantiate(module, profilable(wasi.getImportObject()));
 *  const profile = Heap.from(module, instance).profile({ every: 65536 });
 *
 *  @param {WebAssembly.Imports} [imports]  of one instance
 *  @returns {WebAssembly.Imports}
 *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
export function profilable(imports = {}) {
  if (typeof imports !== 'object' || imports === null) {
    throw badArgument('profilable takes the import object of an instance');
  }
  const channel = new Channel();
  /** @type {WebAssembly.Imports} */
  const out = { ...imports, pymalloc: { ...imports['pymalloc'], profile: channel.hear } };
  for (const name of WASI) {
    const functions = imports[name];
    if (functions) out[name] = withChannel(functions, channel);
  }
  return out;
}

/** @param {WebAssembly.ModuleImports} functions  @param {Channel} channel
 *  @returns {WebAssembly.ModuleImports} */
function withChannel(functions, channel) {
  const next = /** @type {Function} */ (functions['fd_write']);
  const fdWrite = (/** @type {number[]} */ ...args) =>
    args[0] === PROFILE_FD ? channel.write(args, fdWrite) : Reflect.apply(next, undefined, args);
  // node:wasi binds its functions when they are read: a copy has them all.
  return { ...Object.fromEntries(Object.entries(functions)), fd_write: fdWrite };
}

/** @param {import('../program.js').Program} program  @param {number} every  bytes
 *  @param {Listener} listener
 *  @throws {import('../errors.js').PymallocError} NO_PROFILE, PROFILING */
export function startProfile({ exports, memory }, every, listener) {
  const start = exports['pym_profile'];
  if (typeof start !== 'function') {
    throw new PymallocTypeError(
      'NO_PROFILE',
      'the module cannot be profiled: link it with the CMake ' + 'target pymalloc::profile',
    );
  }
  starting = { listener, memory };
  try {
    const failed = answerOf(start, every);
    if (failed === DEAF) {
      throw new PymallocTypeError(
        'NO_PROFILE',
        'the module has nobody to tell of its samples: '
          + 'instantiate it with profilable(imports); of an Emscripten program take '
          + 'Heap.from(Module)',
      );
    }
    if (failed) {
      throw new PymallocTypeError('PROFILING', 'a profile is on already: stop it first');
    }
  } finally {
    starting = null;
  }
}

/** What pym_profile returns where nobody listens. */
const DEAF = 2;

/** @param {Function} start  @param {number} every  @returns {number} */
function answerOf(start, every) {
  try {
    return Number(start(every));
  } catch {
    return DEAF; // the host's own fd_write threw, at a descriptor that it does not know
  }
}
