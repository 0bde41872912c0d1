/** pprof's profile.proto (github.com/google/pprof), by the package pprof-format. */

import {
  Function as Fn,
  Line,
  Location,
  Profile as Proto,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';

import { frameText } from './stack.js';

/** @typedef {import('./profile.js').Profile} Profile */
/** @typedef {import('./stack.js').Frame} Frame */

const TYPES = Object.freeze(
  /** @type {const} */ ([
    ['alloc_objects', 'count', 'ever', 'blocks'],
    ['alloc_space', 'bytes', 'ever', 'bytes'],
    ['inuse_objects', 'count', 'live', 'blocks'],
    ['inuse_space', 'bytes', 'live', 'bytes'],
    ['peak_objects', 'count', 'peak', 'blocks'],
    ['peak_space', 'bytes', 'peak', 'bytes'],
  ]),
);

/** @param {Profile} profile  @param {{gzip?: boolean}} [options]  @returns {Promise<Uint8Array>} */
export async function toPprof(profile, { gzip = true } = {}) {
  const bytes = build(profile).encode();
  if (!gzip) return bytes;
  const zipped = new Blob([/** @type {BlobPart} */ (bytes)])
    .stream()
    .pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

/** @param {Profile} profile  @returns {Proto} */
function build(profile) {
  const strings = new StringTable();
  const text = (/** @type {string} */ s) => strings.dedup(s);
  const places = new Places(text);
  const held = { live: profile.live(), peak: profile.atPeak(), ever: profile.ever() };
  /** @type {Map<string, {locations: number[], values: number[], domain: string}>} */
  const rows = new Map();
  for (const [when, { sites }] of Object.entries(held)) {
    for (const { frames, domain, bytes, blocks } of sites) {
      const key = `${domain} ${frames.map(frameText).join('\n')}`;
      let row = rows.get(key);
      if (!row) {
        row = {
          locations: [...frames].reverse().map((f) => places.of(f)),
          values: TYPES.map(() => 0),
          domain,
        };
        rows.set(key, row);
      }
      TYPES.forEach(([, , of, unit], i) => {
        if (of === when) /** @type {any} */ (row).values[i] += unit === 'bytes' ? bytes : blocks;
      });
    }
  }
  const valueType = (/** @type {string} */ type, /** @type {string} */ unit) =>
    new ValueType({ type: text(type), unit: text(unit) });
  const { started, milliseconds } = profile.time;
  return new Proto({
    stringTable: strings,
    sampleType: TYPES.map(([type, unit]) => valueType(type, unit)),
    sample: [...rows.values()].map(
      ({ locations, values }) => new Sample({ locationId: locations, value: values }),
    ),
    location: places.locations,
    function: places.functions,
    timeNanos: BigInt(started) * 1000000n,
    durationNanos: BigInt(milliseconds) * 1000000n,
    periodType: valueType('space', 'bytes'),
    period: profile.every,
    defaultSampleType: text('inuse_space'),
  });
}

/** Locations and functions, numbered from 1. */
class Places {
  /** @type {Location[]} */ locations = [];
  /** @type {Fn[]} */ functions = [];
  /** @type {Map<string, number>} */ #numbers = new Map();
  #text;

  /** @param {(s: string) => number} text */
  constructor(text) {
    this.#text = text;
  }

  /** @param {Readonly<Frame>} frame  @returns {number} */
  of(frame) {
    const { name, file, line } = frame;
    return this.#numbered(
      `location ${frameText(frame)}`,
      this.locations,
      (id) =>
        new Location({ id, line: [new Line({ functionId: this.#functionOf(name, file), line })] }),
    );
  }

  /** @param {string} name  @param {string} file  @returns {number} */
  #functionOf(name, file) {
    return this.#numbered(
      `function ${name} ${file}`,
      this.functions,
      (id) =>
        new Fn({
          id,
          name: this.#text(name),
          systemName: this.#text(name),
          filename: this.#text(file),
        }),
    );
  }

  /** @template T  @param {string} key  @param {T[]} all  @param {(id: number) => T} make
   *  @returns {number} */
  #numbered(key, all, make) {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const made = make(all.length + 1); // makes functions, but no location
    all.push(made);
    this.#numbers.set(key, all.length);
    return all.length;
  }
}
