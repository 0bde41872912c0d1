/** Puts the allocator's module into a linear memory: what a dynamic linker does for a
 *  position-independent module.  It gets pages of its own, or a range that the caller says is free, so
 *  that nothing that is in the memory is touched:
 *
 *    at            at + STACK_BYTES                         end
 *    | stack       | data of the module   | first memory of the heap  | */

import { parseDescriptor } from './descriptor.js';
import { PymallocRangeError, PymallocTypeError, badArgument, badDescriptor } from './errors.js';
import { isMemory } from './memory.js';
import { Reader } from './observe/binary.js';
import { Channel } from './profile/channel.js';
import { randomBytes } from './random.js';
import { STACK_BYTES, beginThread, isForThreads, isShared, take, topOf } from './shared.js';
import { is64BitMemory, message } from './wasm.js';

/** The export that takes randomness; it is none of the allocator's API. */
export const SEED = 'pym_seed';
const PAGE_BYTES = 65536;
const RANGE_LEAST = 65536;
/** The engines' most, 16 GiB. */
const WIDE_PAGES = 262144;
const MEM_INFO = 1; // subsection of the section dylink.0

/** @typedef {{start: number, end: number}} Range */
/** Bytes of data, their alignment, slots of the function table; wide: it has 64-bit addresses.
 *  @typedef {{bytes: number, align: number, slots: number, wide: boolean}} Needs */

/** @param {WebAssembly.Module} module  @param {WebAssembly.Memory | undefined} given
 *  @param {Range} [range]  of `given`, instead of new pages
 *  @param {boolean} [wide]  a new memory is to have 64-bit addresses
 *  @returns {{memory: WebAssembly.Memory, instance: WebAssembly.Instance, at: number,
 *    stackBytes: number}}
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT, NO_ROOM */
export function place(module, given, range, wide = false) {
  const wants = needs(module);
  const { bytes, align } = wants;
  if (wide) checkWide(wants, true);
  const memory = given ?? newMemory(wants);
  checkMemory(module, memory);
  if (given && !isShared(given)) checkWide(wants, is64BitMemory(given));
  const { start: at, end } =
    range === undefined
      ? newPages(memory, STACK_BYTES + bytes, wants)
      : checkRange(range, given, STACK_BYTES + bytes + align, wants);
  const data = dataAt(at, align);
  const threads = isShared(memory);
  // The first instance writes the data: a word of it, 0 at first, tells the others that it is there.
  if (threads) new Uint8Array(memory.buffer, at, align16(data + bytes) - at).fill(0);
  const top = threads ? topOf(data) : data;
  const instance = instantiate(module, importsOf(wants, memory, data, top, end));
  if (threads) beginThread(instance, top);
  const apply = instance.exports['__wasm_apply_data_relocs'];
  if (typeof apply === 'function') apply();
  seed(instance);
  return { memory, instance, at, stackBytes: STACK_BYTES };
}

/** One more instance, for another thread, of what place() put into a shared memory.
 *  @param {import('./shared.js').SharedHeap} shared
 *  @returns {{memory: WebAssembly.Memory, instance: WebAssembly.Instance}}
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function join(shared) {
  const { memory, wasm, at, stack } = shared;
  const wants = needs(wasm);
  checkMemory(wasm, memory);
  take(shared);
  const top = topOf(stack + STACK_BYTES);
  const instance = instantiate(wasm, importsOf(wants, memory, dataAt(at, wants.align), top, 0));
  beginThread(instance, top);
  return { memory, instance };
}

/** @param {number} at  @param {number} align  @returns {number} behind the stack */
function dataAt(at, align) {
  return Math.ceil((at + STACK_BYTES) / align) * align;
}

/** @param {Needs} wants  @param {WebAssembly.Memory} memory
 *  @param {number} data  where it is  @param {number} top  of the stack
 *  @param {number} end  of the first memory, which begins behind the data
 *  @returns {WebAssembly.Imports} */
function importsOf({ bytes, slots, wide }, memory, data, top, end) {
  const constant = (/** @type {number} */ n) => global(n, wide, false);
  const variable = (/** @type {number} */ n) => global(n, wide, true);
  return {
    env: {
      memory,
      // Slot 0 stays empty: a function there would be a null pointer.
      __indirect_function_table: newTable(1 + slots, wide),
      __table_base: constant(1),
      __memory_base: constant(data),
      __stack_pointer: variable(top),
    },
    // At the end of 4 GiB of a 32-bit memory the latter is 0: then there is no first memory.
    'GOT.mem': { __heap_base: variable(align16(data + bytes)), __heap_end: variable(end) },
    pymalloc: { profile: new Channel().hear },
  };
}

/** Before anything else is called, since the keys are drawn by the first call.
 *  @param {WebAssembly.Instance} instance */
function seed({ exports: { [SEED]: fn } }) {
  const random = randomBytes(12);
  if (typeof fn === 'function' && random) fn(...new Uint32Array(random.buffer));
}

/** @param {WebAssembly.Module} module  @param {WebAssembly.Memory} memory */
function checkMemory(module, memory) {
  if (!isMemory(memory) || typeof memory.grow !== 'function') {
    throw badArgument('memory must be a WebAssembly.Memory', memory);
  }
  if (isShared(memory) && !isForThreads(module)) {
    throw badArgument(
      'a shared memory was passed, and this allocator works for one thread at a time: pass the one '
        + 'for threads as well, { wasm } of wasm-pymalloc/pymalloc-threads.wasm',
    );
  }
  if (!isShared(memory) && isForThreads(module)) {
    throw badArgument(
      'pymalloc-threads.wasm works in a shared memory: pass one, as new '
        + 'WebAssembly.Memory({ initial: 1, maximum: 1024, shared: true })',
    );
  }
}

/** @param {WebAssembly.Memory} memory  @param {number} bytes  @param {Needs} wants
 *  @returns {Range} */
function newPages(memory, bytes, { wide }) {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const start = grow(memory, pages, wide) * PAGE_BYTES;
  return { start, end: start + pages * PAGE_BYTES };
}

/** @param {Range} range  @param {WebAssembly.Memory | undefined} memory  @param {number} bytes
 *  @param {Needs} wants
 *  @returns {Range} what of it is aligned */
function checkRange(range, memory, bytes, { wide }) {
  if (!memory)
    throw badArgument('range is of a memory that you pass: createHeap({ memory, range })');
  const { start, end } = Object(range);
  const inMemory =
    Number.isInteger(start)
    && Number.isInteger(end)
    && start >= 0
    && end <= memory.buffer.byteLength;
  if (!inMemory || end - start < RANGE_LEAST) {
    throw badArgument(
      `range must be { start, end }: offsets of at least ${RANGE_LEAST} bytes in the `
        + `memory of ${memory.buffer.byteLength} bytes, not ${String(start)} to ${String(end)}`,
    );
  }
  const most = wide ? end : 2 ** 32 - PAGE_BYTES;
  const whole = { start: align16(Math.max(start, 16)), end: Math.min(end, most) };
  whole.end -= whole.end % 16;
  if (whole.end - whole.start < bytes) {
    throw badArgument(`the allocator itself needs ${bytes} bytes of the range`);
  }
  return whole;
}

/** @param {WebAssembly.Memory} memory  @param {number} pages  @param {boolean} wide
 *  @returns {number} the first of them */
function grow(memory, pages, wide) {
  try {
    return Number(memory.grow(/** @type {number} */ (numberFor(pages, wide))));
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw badArgument(
        'a shared memory was passed that has 64-bit addresses: there is no allocator for it',
      );
    }
    throw new PymallocRangeError(
      'NO_ROOM',
      `the memory of ${memory.buffer.byteLength} bytes `
        + `cannot grow by ${pages} pages of 64 KiB (${message(cause)}): make it with a larger maximum`,
      { cause },
    );
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
  return new PymallocTypeError(
    'BAD_ARGUMENT',
    `this module is not the allocator's (${why}): pass `
      + "the package's wasm-pymalloc/pymalloc.wasm, of the same version; Heap.from reads other "
      + 'modules',
    { cause },
  );
}

/** @param {number} value  @param {boolean} wide  @param {boolean} mutable
 *  @returns {WebAssembly.Global} */
function global(value, wide, mutable) {
  if (wide) return new WebAssembly.Global({ value: 'i64', mutable }, BigInt(value));
  return new WebAssembly.Global({ value: 'i32', mutable }, value | 0);
}

/** @param {number} n  @param {boolean} wide  @returns {number | bigint} as the host takes it */
function numberFor(n, wide) {
  return wide ? BigInt(n) : n;
}

/** @param {boolean} wide  @returns {any} what makes a memory or table with 64-bit addresses */
function addressing(wide) {
  return wide ? { address: 'i64' } : {};
}

/** @param {Needs} wants  @returns {WebAssembly.Memory} */
function newMemory({ wide }) {
  if (!wide) return new WebAssembly.Memory({ initial: 0 });
  // Without a maximum Firefox copies such a memory when it grows.
  const sizes = /** @type {any} */ ({ initial: 0n, maximum: BigInt(WIDE_PAGES) });
  return new WebAssembly.Memory({ ...addressing(wide), ...sizes });
}

/** @param {number} slots  @param {boolean} wide  @returns {WebAssembly.Table} */
function newTable(slots, wide) {
  const initial = numberFor(slots, wide);
  return new WebAssembly.Table({ ...addressing(wide), initial, element: 'anyfunc' });
}

/** @param {Needs} wants  of the module  @param {boolean} wide  the memory has 64-bit addresses */
function checkWide(wants, wide) {
  if (wants.wide === wide) return;
  throw badArgument(
    wide
      ? 'a memory with 64-bit addresses needs the allocator for such as well: pass { wasm } of '
          + 'wasm-pymalloc/pymalloc64.wasm'
      : 'pymalloc64.wasm works in a memory with 64-bit addresses: pass one, as new '
          + "WebAssembly.Memory({ address: 'i64', initial: 1n })",
  );
}

/** @param {number} n  @returns {number} */
function align16(n) {
  return Math.ceil(n / 16) * 16;
}

/** What the module asks for in its section dylink.0 (WebAssembly tool conventions, "Dynamic
 *  linking").
 *  @param {WebAssembly.Module} module
 *  @returns {Needs} */
function needs(module) {
  if (!(module instanceof WebAssembly.Module)) {
    throw badArgument(
      'wasm must be a compiled WebAssembly.Module here (await compileModule())',
      module,
    );
  }
  const section = WebAssembly.Module.customSections(module, 'dylink.0')[0];
  const r = new Reader(new Uint8Array(section ?? new ArrayBuffer(0)));
  while (r.at < r.end) {
    const type = r.u8();
    const size = r.u32();
    if (type !== MEM_INFO) {
      r.skip(size);
      continue;
    }
    const [data, power, slots] = [r.u32(), r.u32(), r.u32()];
    if (data > PAGE_BYTES * 16 || power > 12 || slots > 1024) {
      throw badDescriptor(
        `dylink.0 asks for ${data} bytes of alignment 2^${power} and ${slots} ` + 'slots',
      );
    }
    return { bytes: data, slots, align: Math.max(16, 2 ** power), wide: isWide(module) };
  }
  throw notOurs('no section dylink.0 says what memory it needs');
}

/** @param {WebAssembly.Module} module  @returns {boolean} it has 64-bit addresses */
export function isWide(module) {
  const section = WebAssembly.Module.customSections(module, 'pymalloc')[0];
  return (
    section !== undefined
    && parseDescriptor(new Uint8Array(section)).constants.get('memory64') === 1
  );
}
