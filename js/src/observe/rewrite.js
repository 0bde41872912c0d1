/** From the bytes of a module to those of one that is watched. */

import { PymallocTypeError } from '../errors.js';
import { checkFile } from '../wasm.js';
import { unsupported } from './binary.js';
import { factsOf, factsOfOne } from './facts.js';
import { pairsOf, searchOf } from './find.js';
import { SECTION_NAME, encodeIdentity, identityIn } from './identity.js';
import { instrument } from './instrument.js';
import { SECTION, checkMemory, dataEndOf, parseModule, typeOf } from './module.js';
import { prove } from './prove.js';
import { ROLES } from './roles.js';

/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./prove.js').Allocating} Allocating */
/** @typedef {import('./prove.js').Role} Role */

/** @typedef {object} FindOptions
 *  @property {() => string} [glue]  text of Emscripten's JavaScript, which knows the names of exports
 *  @property {readonly Role[] | null} [known]  what the table of known modules says */

/** @typedef {{bytes: Uint8Array, identity: Identity}} Rewritten */

/** @param {Uint8Array} bytes  @param {FindOptions} [options]
 *  @returns {Rewritten}
 *  @throws {PymallocTypeError} NOT_WASM, TRUNCATED, BAD_WASM, NO_MEMORY, UNSUPPORTED, NO_ALLOCATOR,
 *    NOT_PROVEN */
export function rewrite(bytes, options = {}) {
  const module = readModule(bytes);
  const already = identityIn(module);
  if (already) return { bytes, identity: already };
  const { how, roles } = allocatorOf(module, options);
  const id = idOf(bytes);
  const identity = Object.freeze({
    id,
    functions: module.functions.length,
    dataEnd: dataEndOf(module),
    how,
    roles: Object.freeze(roles.map((role) => Object.freeze(role))),
  });
  /** @type {Map<number, import('./facts.js').Facts | undefined>} */
  const facts = new Map();
  const lazily = (/** @type {number} */ f) => {
    if (!facts.has(f)) facts.set(f, module.functions[f]?.code ? factsOfOne(module, f) : undefined);
    return facts.get(f);
  };
  const patch = instrument(module, roles, lazily, id);
  patch.custom(SECTION_NAME, encodeIdentity(identity));
  return { bytes: patch.write(), identity };
}

/** @param {Uint8Array} bytes  @returns {WasmModule} one that recording can serve
 *  @throws {PymallocTypeError} */
export function readModule(bytes) {
  checkFile(bytes);
  const module = parseModule(bytes);
  checkMemory(module);
  if (module.sections.some(({ id, name }) => id === SECTION.CUSTOM && name === 'pymalloc')) {
    throw unsupported(
      'the module links wasm-pymalloc, which counts by itself: read it with '
        + 'Heap.from(module, instance)',
    );
  }
  if (module.imports.some((entry) => entry.module === 'go' || entry.module === 'gojs')) {
    throw new PymallocTypeError(
      'NO_ALLOCATOR',
      'the module is a Go program: its heap is that of a '
        + 'garbage collector, without a malloc and free. Use it as it is',
    );
  }
  if (isSideModule(module)) {
    throw new PymallocTypeError(
      'NO_ALLOCATOR',
      'the module is a library that its program loads: it '
        + 'allocates by the malloc of the main module. Use it as it is, and watch that one',
    );
  }
  return module;
}

/** @param {WasmModule} module  @returns {boolean} linked at load time, without an allocator */
function isSideModule({ sections, imports, exports }) {
  return (
    sections.some(({ id, name }) => id === SECTION.CUSTOM && name.startsWith('dylink'))
    && imports.some(({ name }) => name === '__memory_base')
    && !exports.some(({ name }) => name === 'malloc')
  );
}

/** @param {WasmModule} module  @param {FindOptions} [options]
 *  @returns {Allocating}
 *  @throws {PymallocTypeError} NO_ALLOCATOR, NOT_PROVEN, BAD_WASM */
export function allocatorOf(module, { glue = () => '', known = null } = {}) {
  if (known) {
    const sound = known.every(
      ({ role, f }) => typeOf(module, f) === ROLES[role].type && f >= module.imported,
    );
    if (sound) return { how: 'table', roles: [...known] };
  }
  const search = searchOf(module, factsOf(module));
  return prove(search, pairsOf(search, glue));
}

/** @param {Uint8Array} bytes  @returns {number} 32 bits, others for other modules: FNV-1a over the
 *    length and some 4,096 bytes spread over the file */
function idOf(bytes) {
  let hash = 0x811c9dc5 ^ bytes.length;
  const step = Math.max(1, Math.floor(bytes.length / 4096));
  for (let i = 0; i < bytes.length; i += step) {
    hash = Math.imul(hash ^ /** @type {number} */ (bytes[i]), 0x01000193);
  }
  return hash | 0;
}
