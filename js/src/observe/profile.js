/** A heap profile of sampled stacks in the format of pprof, profile.proto
 *  (github.com/google/pprof), uncompressed. */

/** @typedef {import('./watch.js').Watch} Watch */
/** @typedef {import('./stacks.js').Frame} Frame */

// Numbers of fields in profile.proto.
const PROFILE = {
  SAMPLE_TYPE: 1,
  SAMPLE: 2,
  LOCATION: 4,
  FUNCTION: 5,
  STRINGS: 6,
  TIME: 9,
  DEFAULT: 14,
};

/** Protocol buffers: fields one after another. */
class Message {
  /** @type {number[]} */ bytes = [];

  /** @param {number} value  a whole number below 2^53 */
  #varint(value) {
    for (; value >= 128; value = Math.floor(value / 128)) this.bytes.push((value % 128) + 128);
    this.bytes.push(value);
  }

  /** @param {number} field  @param {number} value  @returns {this} */
  int(field, value) {
    this.#varint(field * 8);
    this.#varint(Math.max(0, Math.round(value)));
    return this;
  }

  /** @param {number} field  @param {ArrayLike<number>} bytes  @returns {this} */
  nested(field, bytes) {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.bytes.push(/** @type {number} */ (bytes[i]));
    return this;
  }

  /** @param {number} field  @param {readonly number[]} values  @returns {this} */
  packed(field, values) {
    const inner = new Message();
    for (const value of values) inner.#varint(Math.max(0, Math.round(value)));
    return this.nested(field, inner.bytes);
  }
}

/** Things that are numbered from `first` on when they are first seen.
 *  @template T */
class Numbered {
  /** @type {Map<string, number>} */ #numbers = new Map();
  /** @type {T[]} */ all = [];
  #first;

  /** @param {number} first */
  constructor(first) {
    this.#first = first;
  }

  /** @param {string} key  @param {() => T} make  @returns {number} */
  of(key, make) {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.all.length + this.#first;
    this.#numbers.set(key, number);
    this.all.push(make());
    return number;
  }
}

/** What each sampled stack allocated, live and ever, for pprof and what reads its files.
 *  @param {Watch} watch  @returns {Uint8Array} */
export function heapProfile(watch) {
  /** @type {Numbered<string>} */
  const strings = new Numbered(0);
  const text = (/** @type {string} */ s) => strings.of(s, () => s);
  text('');
  /** @type {Numbered<Message>} */
  const functions = new Numbered(1);
  /** @type {Numbered<Message>} */
  const locations = new Numbered(1);
  const locationOf = (/** @type {Readonly<Frame>} */ { name, file, line, wasm }) => {
    const title = name || (wasm === null ? file : `wasm-function[${wasm}]`);
    const fn = functions.of(`${title} ${file} ${wasm}`, () =>
      new Message()
        .int(1, functions.all.length + 1)
        .int(2, text(title))
        .int(4, text(file)),
    );
    return locations.of(`${fn} ${line}`, () =>
      new Message()
        .int(1, locations.all.length + 1)
        .nested(4, new Message().int(1, fn).int(2, line).bytes),
    );
  };
  const out = new Message();
  for (const [type, unit] of /** @type {const} */ ([
    ['alloc_objects', 'count'],
    ['alloc_space', 'bytes'],
    ['inuse_objects', 'count'],
    ['inuse_space', 'bytes'],
  ])) {
    out.nested(PROFILE.SAMPLE_TYPE, new Message().int(1, text(type)).int(2, text(unit)).bytes);
  }
  for (const { frames, bytes, blocks, totalBytes, totalBlocks } of watch.allocations()) {
    out.nested(
      PROFILE.SAMPLE,
      new Message()
        .packed(1, frames.map(locationOf))
        .packed(2, [totalBlocks, totalBytes, blocks, bytes]).bytes,
    );
  }
  for (const location of locations.all) out.nested(PROFILE.LOCATION, location.bytes);
  for (const fn of functions.all) out.nested(PROFILE.FUNCTION, fn.bytes);
  const inUse = text('inuse_space');
  const encoder = new TextEncoder();
  for (const s of strings.all) out.nested(PROFILE.STRINGS, encoder.encode(s));
  out.int(PROFILE.TIME, Date.now() * 1e6).int(PROFILE.DEFAULT, inUse);
  return Uint8Array.from(out.bytes);
}
