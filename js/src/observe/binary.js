/** The encodings of the wasm binary format: a reader whose every step is bounded, and the encoders
 *  that the writer needs. */

import { PymallocTypeError } from '../errors.js';

/** @param {string} what  @param {number} at  offset in the file  @returns {PymallocTypeError} */
export function malformed(what, at) {
  return new PymallocTypeError(
    'BAD_WASM',
    `the wasm file is damaged at byte ${at}: ${what}. Load `
      + 'it again, or build it with an up-to-date toolchain',
  );
}

/** @param {string} what  @returns {PymallocTypeError} a sound module that is left alone */
export function unsupported(what) {
  return new PymallocTypeError('UNSUPPORTED', what);
}

/** @type {TextDecoder | undefined} */
let decoder;

/** Most names are ASCII and never come here: a decoder costs more than the rest of a small module.
 *  @param {Uint8Array} bytes  @returns {string} */
function decode(bytes) {
  decoder ??= new TextDecoder();
  return decoder.decode(bytes);
}

/** A position in a range of bytes.  Reading past the end of the range is a BAD_WASM error. */
export class Reader {
  /** @param {Uint8Array} bytes  @param {number} [at]  @param {number} [end] */
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** @returns {number} */
  u8() {
    if (this.at >= this.end) throw malformed('a section ends too early', this.at);
    return /** @type {number} */ (this.bytes[this.at++]);
  }

  /** An unsigned LEB128 number of 32 bits.
   *  @returns {number} */
  u32() {
    const first = /** @type {number} */ (this.bytes[this.at]);
    if (first < 128 && this.at < this.end) {
      // most of them
      this.at++;
      return first;
    }
    // Of whole numbers alone: engines keep others in memory of their own.
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    const last = this.u8();
    if (last < 16) return (value | (last << 28)) >>> 0;
    throw malformed('a number has more than 32 bits', this.at);
  }

  /** A signed LEB128 number of 32 bits.
   *  @returns {number} */
  s32() {
    const first = /** @type {number} */ (this.bytes[this.at]);
    if (first < 128 && this.at < this.end) {
      this.at++;
      return (first << 25) >> 25;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value |= (byte & 127) << shift;
      if (byte < 128) return shift < 28 && byte & 64 ? value | (-1 << (shift + 7)) : value;
    }
    throw malformed('a number has more than 32 bits', this.at);
  }

  /** Passes over a LEB128 number of up to 64 bits. */
  skipLeb() {
    for (let left = 10; left > 0; left--) if (this.u8() < 128) return;
    throw malformed('a number has more than 64 bits', this.at);
  }

  /** @param {number} n  bytes to pass over */
  skip(n) {
    if (n > this.end - this.at) throw malformed('a length leads past the end', this.at);
    this.at += n;
  }

  /** The number of elements of a vector, of which each has a byte or more.
   *  @returns {number} */
  count() {
    const n = this.u32();
    if (n > this.end - this.at) throw malformed('more elements than bytes', this.at);
    return n;
  }

  /** @returns {string} */
  name() {
    const n = this.u32();
    const from = this.at;
    this.skip(n);
    const bytes = this.bytes.slice(from, this.at); // a TextDecoder refuses shared memory
    return n < 256 && bytes.every((byte) => byte < 128)
      ? String.fromCharCode(...bytes)
      : decode(bytes);
  }
}

/** @param {number} n  0..2^32-1  @returns {number[]} LEB128 */
export function leb(n) {
  const out = [];
  do {
    const low = n % 128;
    n = Math.floor(n / 128);
    out.push(n > 0 ? low | 128 : low);
  } while (n > 0);
  return out;
}

/** @param {number} n  32 bits  @returns {number[]} signed LEB128 */
export function sleb(n) {
  const out = [];
  for (n |= 0; ; ) {
    const low = n & 127;
    n >>= 7;
    if ((n === 0 && !(low & 64)) || (n === -1 && low & 64)) return [...out, low];
    out.push(low | 128);
  }
}

/** @param {string} text  @returns {number[]} with its length before it */
export function nameOf(text) {
  const bytes = new TextEncoder().encode(text);
  return [...leb(bytes.length), ...bytes];
}

/** @param {readonly number[][]} items  @returns {number[]} with their number before them */
export function vector(items) {
  return [...leb(items.length), ...items.flat()];
}
