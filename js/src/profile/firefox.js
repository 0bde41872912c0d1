/** The processed profile format of profiler.firefox.com: one thread with native allocations. */

import { frameText } from './stack.js';

/** @typedef {import('./profile.js').Profile} Profile */
/** @typedef {import('./stack.js').Frame} Frame */

/** The newest versions whose tables are as below. */
const META = Object.freeze({
  version: 24,
  preprocessedProfileVersion: 48,
  interval: 1,
  processType: 0,
  stackwalk: 1,
  product: 'wasm-pymalloc',
  debug: 0,
  asyncstack: 0,
  markerSchema: [],
  categories: [
    { name: 'Other', color: 'grey', subcategories: ['Other'] },
    { name: 'Python', color: 'blue', subcategories: ['Other'] },
    { name: 'Lua', color: 'purple', subcategories: ['Other'] },
    { name: 'WebAssembly', color: 'green', subcategories: ['Other'] },
    { name: 'JavaScript', color: 'yellow', subcategories: ['Other'] },
  ],
});
const CATEGORIES = Object.freeze({ note: 0, python: 1, lua: 2, wasm: 3, js: 4 });

/** @param {Profile} profile  @param {Readonly<import('./profile.js').Holdings>} holdings
 *  @returns {object} */
export function toFirefox(profile, { sites }) {
  const tables = new Tables();
  const { started, milliseconds } = profile.time;
  const stacks = sites.map(({ frames }) => tables.stackOf(frames));
  const time = sites.map((_, i) => (i * milliseconds) / Math.max(sites.length, 1));
  const thread = {
    name: 'Heap',
    processType: 'default',
    processStartupTime: 0,
    processShutdownTime: null,
    registerTime: 0,
    unregisterTime: null,
    pausedRanges: [],
    isMainThread: true,
    pid: '0',
    tid: 0,
    // Of which one has to be there, for a time line.
    samples: {
      stack: stacks,
      time,
      weight: sites.map(({ bytes }) => bytes),
      weightType: 'bytes',
      length: stacks.length,
    },
    nativeAllocations: {
      time,
      weight: sites.map(({ bytes }) => bytes),
      weightType: 'bytes',
      stack: stacks,
      length: stacks.length,
    },
    markers: { name: [], startTime: [], endTime: [], phase: [], category: [], data: [], length: 0 },
    ...tables.all(),
  };
  return {
    meta: { ...META, startTime: started },
    libs: [],
    pages: [],
    counters: [],
    profilerOverhead: [],
    threads: [thread],
  };
}

/** The tables that stacks are made of. */
class Tables {
  /** @type {string[]} */ #strings = [];
  /** @type {Readonly<Frame>[]} */ #functions = [];
  /** @type {{func: number, line: number | null, category: number}[]} */ #frames = [];
  /** @type {{frame: number, prefix: number | null, category: number}[]} */ #stacks = [];
  /** @type {Map<string, number>} */ #numbers = new Map();

  /** @template T  @param {string} key  @param {T[]} all  @param {() => T} make
   *  @returns {number} */
  #numbered(key, all, make) {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    all.push(make());
    this.#numbers.set(key, all.length - 1);
    return all.length - 1;
  }

  /** @param {string} text */
  #string(text) {
    return this.#numbered(`s${text}`, this.#strings, () => text);
  }

  /** @param {readonly Readonly<Frame>[]} frames  outermost first  @returns {number | null} */
  stackOf(frames) {
    /** @type {number | null} */
    let prefix = null;
    for (const frame of frames) {
      const category = CATEGORIES[frame.language];
      const { name, file, line } = frame;
      this.#string(name);
      if (file) this.#string(file);
      const func = this.#numbered(`f${name}\n${file}`, this.#functions, () => frame);
      const number = this.#numbered(`l${frameText(frame)}`, this.#frames, () => ({
        func,
        line: line || null,
        category,
      }));
      /** @type {number | null} */
      const above = prefix;
      prefix = this.#numbered(`t${above} ${number}`, this.#stacks, () => ({
        frame: number,
        prefix: above,
        category,
      }));
    }
    return prefix;
  }

  /** @returns {object} */
  all() {
    const [functions, frames, stacks] = [this.#functions, this.#frames, this.#stacks];
    const none = (/** @type {unknown[]} */ all) => all.map(() => null);
    return {
      stringArray: this.#strings,
      funcTable: {
        name: functions.map(({ name }) => this.#string(name)),
        isJS: functions.map(() => false),
        relevantForJS: functions.map(() => false),
        resource: functions.map(() => -1),
        fileName: functions.map(({ file }) => (file ? this.#string(file) : null)),
        lineNumber: none(functions),
        columnNumber: none(functions),
        length: functions.length,
      },
      frameTable: {
        address: frames.map(() => -1),
        inlineDepth: frames.map(() => 0),
        category: frames.map(({ category }) => category),
        subcategory: frames.map(() => 0),
        func: frames.map(({ func }) => func),
        nativeSymbol: none(frames),
        innerWindowID: none(frames),
        implementation: none(frames),
        line: frames.map(({ line }) => line),
        column: none(frames),
        length: frames.length,
      },
      stackTable: {
        frame: stacks.map(({ frame }) => frame),
        prefix: stacks.map(({ prefix }) => prefix),
        category: stacks.map(({ category }) => category),
        subcategory: stacks.map(() => 0),
        length: stacks.length,
      },
      resourceTable: { lib: [], name: [], host: [], type: [], length: 0 },
      nativeSymbols: { libIndex: [], address: [], name: [], functionSize: [], length: 0 },
    };
  }
}
