/** Puts the allocator's module into a linear memory: what a dynamic linker does for a
 *  position-independent module.  It gets pages of its own, so that nothing that is in the memory is
 *  touched:
 *
 *    at            at + STACK_BYTES                         at + pages
 *    | stack       | data of the module   | first memory of the heap  | */

import { PymallocRangeError, PymallocTypeError, badArgument, badDescriptor } from './errors.js';
import { isMemory } from './memory.js';
import { randomBytes } from './random.js';
import { message } from './wasm.js';

/** The export that takes randomness; it is none of the allocator's API. */
export const SEED = 'pym_seed';
const PAGE_BYTES = 65536;
/** tests/js/allocator.test.js measures how much of it is used. */
const STACK_BYTES = 4096;
const MEM_INFO = 1;                       // subsection of the section dylink.0

/** @param {WebAssembly.Module} module  @param {WebAssembly.Memory | undefined} given
 *  @returns {{memory: WebAssembly.Memory, instance: WebAssembly.Instance, at: number,
 *    stackBytes: number}}
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT, NO_ROOM */
export function place(module, given) {
  const { bytes, slots } = needs(module);
  const memory = given ?? new WebAssembly.Memory({ initial: 0 });
  checkMemory(memory);
  const pages = Math.ceil((STACK_BYTES + bytes) / PAGE_BYTES);
  const at = grow(memory, pages) * PAGE_BYTES;
  const data = at + STACK_BYTES;
  const end = at + pages * PAGE_BYTES;
  const start = align16(data + bytes);
  const instance = instantiate(module, {
    env: {
      memory,
      // Slot 0 stays empty: a function there would be a null pointer.
      __indirect_function_table: new WebAssembly.Table({ initial: 1 + slots, element: 'anyfunc' }),
      __table_base: constant(1),
      __memory_base: constant(data),
      __stack_pointer: variable(data),
    },
    // At the end of 4 GiB the latter is 0: then there is no first memory.
    'GOT.mem': { __heap_base: variable(start), __heap_end: variable(end) },
  });
  const apply = instance.exports['__wasm_apply_data_relocs'];
  if (typeof apply === 'function') apply();
  seed(instance);
  return { memory, instance, at, stackBytes: STACK_BYTES };
}

/** Before anything else is called, since the keys are drawn by the first call.
 *  @param {WebAssembly.Instance} instance */
function seed({ exports: { [SEED]: fn } }) {
  const random = randomBytes(12);
  if (typeof fn === 'function' && random) fn(...new Uint32Array(random.buffer));
}

/** @param {WebAssembly.Memory} memory */
function checkMemory(memory) {
  if (!isMemory(memory) || typeof memory.grow !== 'function') {
    throw badArgument('memory must be a WebAssembly.Memory');
  }
  if (Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]') {
    throw badArgument('a shared memory was passed: the allocator works for one thread at a time; '
      + 'pass a memory that is not shared');
  }
}

/** @param {WebAssembly.Memory} memory  @param {number} pages
 *  @returns {number} the first of them */
function grow(memory, pages) {
  try {
    return memory.grow(pages);
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw badArgument('a 64-bit memory was passed: the allocator has 32-bit addresses');
    }
    throw new PymallocRangeError('NO_ROOM', `the memory of ${memory.buffer.byteLength} bytes `
      + `cannot grow by ${pages} pages of 64 KiB (${message(cause)}): make it with a larger maximum`,
    { cause });
  }
}

/** @param {WebAssembly.Module} module  @param {WebAssembly.Imports} imports
 *  @returns {WebAssembly.Instance} */
function instantiate(module, imports) {
  try {
    return new WebAssembly.Instance(module, imports);
  } catch (cause) {
    throw notOurs(message(cause), cause);
  }
}

/** @param {string} why  @param {unknown} [cause]  @returns {PymallocTypeError} */
export function notOurs(why, cause) {
  return new PymallocTypeError('BAD_ARGUMENT', `this module is not the allocator's (${why}): pass `
    + "the package's wasm-pymalloc/pymalloc.wasm, of the same version; Heap.from reads other "
    + 'modules', { cause });
}

/** @param {number} value  @returns {WebAssembly.Global} */
function constant(value) {
  return new WebAssembly.Global({ value: 'i32' }, value | 0);
}

/** @param {number} value  @returns {WebAssembly.Global} */
function variable(value) {
  return new WebAssembly.Global({ value: 'i32', mutable: true }, value | 0);
}

/** @param {number} n  @returns {number} */
function align16(n) {
  return Math.ceil(n / 16) * 16;
}

/** What the module asks for in its section dylink.0 (WebAssembly tool conventions, "Dynamic
 *  linking").
 *  @param {WebAssembly.Module} module
 *  @returns {{bytes: number, slots: number}} of data, of function table */
function needs(module) {
  if (!(module instanceof WebAssembly.Module)) {
    throw badArgument('wasm must be a compiled WebAssembly.Module here: await compileModule()');
  }
  const section = WebAssembly.Module.customSections(module, 'dylink.0')[0];
  const bytes = new Uint8Array(section ?? new ArrayBuffer(0));
  let at = 0;
  const leb = () => {
    let n = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? 0;
      n += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    return n;
  };
  while (at < bytes.length) {
    const type = bytes[at++];
    const size = leb();
    if (type !== MEM_INFO) {
      at += size;
      continue;
    }
    const [data, power, slots] = [leb(), leb(), leb()];
    if (data > PAGE_BYTES * 16 || power > 12 || slots > 1024) {
      throw badDescriptor(`dylink.0 asks for ${data} bytes of alignment 2^${power} and ${slots} `
        + 'slots');
    }
    return { bytes: data, slots };
  }
  throw notOurs('no section dylink.0 says what memory it needs');
}
