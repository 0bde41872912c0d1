/** Reads an interpreter's structures in linear memory.  None of them is trusted: every read is
 *  bounded, and every walk has an end. */

/** A structure is not what it should be: the stack ends there. */
export class BadStack extends Error {}

/** Characters of a name that are kept. */
const NAME_MOST = 200;

export class Reader {
  #memory;
  /** @type {ArrayBufferLike | null} */ #buffer = null;
  /** @type {DataView} */ #view = new DataView(new ArrayBuffer(0));

  /** @param {{readonly buffer: ArrayBufferLike}} memory */
  constructor(memory) {
    this.#memory = memory;
  }

  /** The memory as it is now: before each walk, since growth detaches views. */
  renew() {
    const { buffer } = this.#memory;
    if (buffer === this.#buffer && this.#view.byteLength === buffer.byteLength) return;
    this.#buffer = buffer;
    this.#view = new DataView(buffer);
  }

  /** @param {number} at  @param {number} bytes  @returns {DataView} */
  #checked(at, bytes) {
    if (at > 0 && at + bytes <= this.#view.byteLength) return this.#view;
    throw new BadStack(`address ${at}`);
  }

  /** @param {number} at */
  u8(at) {
    return this.#checked(at, 1).getUint8(at);
  }
  /** @param {number} at */
  i8(at) {
    return this.#checked(at, 1).getInt8(at);
  }
  /** @param {number} at */
  u16(at) {
    return this.#checked(at, 2).getUint16(at, true);
  }
  /** @param {number} at */
  u32(at) {
    return this.#checked(at, 4).getUint32(at, true);
  }

  /** @param {number} at  @param {number} length  @param {string} [encoding]
   *  @param {number} [width]  bytes of a character
   *  @returns {string} its first characters */
  text(at, length, encoding = 'utf-8', width = 1) {
    const bytes = Math.min(length, NAME_MOST) * width;
    this.#checked(at, bytes);
    // slice copies: a TextDecoder refuses shared memory.
    const copy = new Uint8Array(this.#view.buffer, at, bytes).slice();
    if (width < 4) return new TextDecoder(encoding).decode(copy);
    return String.fromCodePoint(
      ...Array.from(new Uint32Array(copy.buffer), (c) => (c <= 0x10ffff ? c : 0xfffd)),
    );
  }

  /** The facts at an address (src/frames.h): a name to each number.
   *  @param {number} at  @returns {Readonly<Record<string, number>>} */
  facts(at) {
    /** @type {Record<string, number>} */
    const facts = {};
    for (let i = 0; i < FACTS_MOST; i++, at += FACT_BYTES) {
      const name = this.text(at, FACT_NAME).replace(/\0.*$/s, '');
      if (!name) return Object.freeze(facts);
      facts[name] = this.u32(at + FACT_NAME);
    }
    throw new BadStack('the table of facts has no end');
  }
}

const FACTS_MOST = 200;
const FACT_BYTES = 24;
const FACT_NAME = 20;

/** @param {number} at  of the table  @param {object} facts  @param {string} name
 *  @returns {number} where its number is, which may change */
export function placeOfFact(at, facts, name) {
  return at + Object.keys(facts).indexOf(name) * FACT_BYTES + FACT_NAME;
}
