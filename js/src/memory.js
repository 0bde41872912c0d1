/** Access to a linear memory that is not trusted: every structure is bound-checked before it is
 *  read, and no view outlives a call, since memory.grow detaches it. */

import { PymallocError, PymallocRangeError, PymallocTypeError, badMemory, hex } from './errors.js';

/** @param {{buffer: ArrayBufferLike}} memory
 *  @returns {DataView} over the memory as it is now
 *  @throws {PymallocTypeError} DETACHED */
export function viewOf(memory) {
  const buffer = memory.buffer;
  if (buffer.byteLength === 0) {
    throw new PymallocTypeError(
      'DETACHED',
      'the memory is empty or its buffer was detached '
        + '(transferred with postMessage?): make a new Heap from the live instance',
    );
  }
  return new DataView(buffer);
}

/** @param {unknown} value  @returns {value is WebAssembly.Memory} also from another realm */
export function isMemory(value) {
  if (typeof value !== 'object' || value === null || !('buffer' in value)) return false;
  const tag = Object.prototype.toString.call(value.buffer);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}

/** Throws unless [address, address + bytes) lies in the memory, is not null and is aligned.
 *  @param {DataView} view  @param {number} address  @param {number} bytes  @param {string} what
 *  @param {number} [align]  a power of 2 */
export function checkRange(view, address, bytes, what, align = 4) {
  if (address === 0 || (address & (align - 1)) !== 0 || address + bytes > view.byteLength) {
    throw badMemory(
      `${what} would lie at ${hex(address)}, ${bytes} bytes long, `
        + `in a memory of ${view.byteLength} bytes`,
    );
  }
}

/** A 64-bit counter; exact up to 2^53.
 *  @param {DataView} view  @param {number} address  @returns {number} */
export function readU64(view, address) {
  return view.getUint32(address, true) + view.getUint32(address + 4, true) * 4294967296;
}

/** The low 48 bits of a number.
 *  @param {DataView} view  @param {number} address  @returns {number} */
export function readU48(view, address) {
  return view.getUint32(address, true) + view.getUint16(address + 4, true) * 4294967296;
}

/** An address or a count of bytes.
 *  @param {DataView} view  @param {number} address
 *  @param {boolean} wide  it has 64 bits: Layout.wide
 *  @returns {number} */
export function readWord(view, address, wide) {
  return wide ? readU64(view, address) : view.getUint32(address, true);
}

/** Addresses, one element each: a Float64Array where the memory is larger than 4 GiB.
 *  @typedef {Uint32Array | Float64Array} Addresses */

/** @param {number} bytes  of the memory
 *  @returns {Uint32ArrayConstructor | Float64ArrayConstructor} an array for its addresses */
export function addressArray(bytes) {
  return bytes > 2 ** 32 ? Float64Array : Uint32Array;
}

/** @param {DataView} view  @param {number} address  @param {number} most  bytes read at the most
 *  @returns {string} the NUL-terminated text at address, cut off at `most` */
export function readText(view, address, most) {
  if (address === 0 || address >= view.byteLength) {
    throw badMemory(`a text would lie at ${hex(address)} in a memory of ${view.byteLength} bytes`);
  }
  const n = Math.min(most, view.byteLength - address);
  // slice copies: a TextDecoder refuses shared memory.
  const bytes = new Uint8Array(view.buffer, address, n).slice();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** @param {unknown} n  an i32, or an i64, which is a BigInt
 *  @returns {number} the same, unsigned; not exact above 2^53, where no address is */
export function unsigned(n) {
  return typeof n === 'bigint' ? Number(BigInt.asUintN(64, n)) : Number(n) >>> 0;
}

const TRIES = 4;

/** Reads.  What a shared memory holds may change while it is read, by another thread: then what
 *  looks damaged may only be of two moments, and another try may find it whole.
 *  @template T
 *  @param {{readonly buffer: ArrayBufferLike}} memory  @param {() => T} read
 *  @returns {T}
 *  @throws {PymallocError} what `read` threw; from a shared memory RETRY in place of BAD_MEMORY */
export function retrying(memory, read) {
  for (let left = TRIES; ; left--) {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof PymallocError) || error.code !== 'BAD_MEMORY') throw error;
      const tag = Object.prototype.toString.call(memory.buffer);
      if (tag !== '[object SharedArrayBuffer]') throw error;
      if (left > 1) continue;
      throw new PymallocRangeError(
        'RETRY',
        'the shared memory changed while it was read: try '
          + `again when the other thread rests. If it stays, the heap is damaged: ${error.message}`,
        { cause: error },
      );
    }
  }
}
