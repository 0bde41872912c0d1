/** Who allocates: candidates for malloc, free and their family, by names, by the letters of
 *  Emscripten's glue, and by what functions look like.  A candidate is a guess, prove.js decides. */

import { addressesOf, callersOf, leadingTo } from './facts.js';
import { KIND, namesOf, typeOf } from './module.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./facts.js').Facts} Facts */
/** @typedef {'export' | 'name' | 'glue' | 'shape'} How  a role was found: by an export, by the
 *    section `name`, by the glue's letters, by what the function looks like */

/** Candidates for malloc and free.
 *  @typedef {object} Pair
 *  @property {number} malloc
 *  @property {number} free
 *  @property {How} how
 *  @property {boolean} rust  they have Rust's types: alloc(size, align), dealloc(block, size, align)
 *  @property {number} least  bytes to ask for at the least, so that blocks lie at multiples of 8 */

/** What is known of a module while its allocator is searched.
 *  @typedef {object} Search
 *  @property {WasmModule} module
 *  @property {(Facts | undefined)[]} facts
 *  @property {Map<number, Facts[]>} callers
 *  @property {(f: number) => Set<number>} addresses  that a function uses */

const MALLOC = Object.freeze(['malloc', 'dlmalloc', 'emscripten_builtin_malloc', 'mi_malloc']);
const FREE = Object.freeze(['free', 'dlfree', 'emscripten_builtin_free', 'mi_free']);

const MALLOC_TYPE = 'i:i',
  FREE_TYPE = 'i:',
  RUST_ALLOC_TYPE = 'ii:i',
  RUST_DEALLOC_TYPE = 'iii:';

/** @param {WasmModule} module  @param {(Facts | undefined)[]} facts  @returns {Search} */
export function searchOf(module, facts) {
  /** @type {Map<number, Set<number>>} */
  const known = new Map();
  const addresses = (/** @type {number} */ f) => {
    const found = known.get(f) ?? addressesOf(module, f);
    known.set(f, found);
    return found;
  };
  return { module, facts, callers: callersOf(facts), addresses };
}

/** Pairs of malloc and free, the likeliest first.
 *  @param {Search} search  @param {() => string} glue  text of Emscripten's JavaScript, or ''
 *  @returns {Pair[]} */
export function pairsOf(search, glue) {
  const named = namedPair(search, glue);
  return named ? [named] : shapedPairs(search);
}

/** @param {Search} search  @param {() => string} glue  @returns {Pair | null} */
function namedPair(search, glue) {
  const { module } = search;
  /** @type {[How, () => Map<string, number>][]} */
  const sources = [
    ['export', () => exportedFunctions(module)],
    ['name', () => new Map([...namesOf(module)].map(([f, name]) => [name, f]))],
    ['glue', () => gluedFunctions(module, glue())],
  ];
  for (const [how, functions] of sources) {
    const names = functions();
    const malloc = ofNames(search, names, MALLOC, MALLOC_TYPE);
    const free = ofNames(search, names, FREE, FREE_TYPE);
    if (malloc !== null && free !== null) return { malloc, free, how, rust: false, least: 0 };
  }
  return null;
}

/** @param {WasmModule} module  @returns {Map<string, number>} */
function exportedFunctions({ exports }) {
  const functions = exports.filter(({ kind }) => kind === KIND.FUNCTION);
  return new Map(functions.map(({ name, index }) => [name.replace(/^_(?=[a-z])/, ''), index]));
}

/** Emscripten's minified exports: its glue says `_malloc = Module["_malloc"] = exports["w"]`.
 *  @param {WasmModule} module  @param {string} glue
 *  @returns {Map<string, number>} by the names in C */
function gluedFunctions(module, glue) {
  const exported = exportedFunctions(module);
  /** @type {Map<string, number>} */
  const out = new Map();
  for (const name of ['malloc', 'free']) {
    const found = new RegExp(
      `(?:^|[^\\w$])_${name}["'\\]]*\\s*=[^;{}]{0,80}?`
        + '(?:\\.([\\w$]+)|\\[["\']([^"\']+)["\']\\])\\)?[;,\\n)]',
    ).exec(glue);
    const index = exported.get(found?.[1] ?? found?.[2] ?? '');
    if (index !== undefined) out.set(name, index);
  }
  return out;
}

/** @param {Search} search  @param {Map<string, number>} functions  @param {readonly string[]} names
 *  @param {string} type  @returns {number | null} */
function ofNames(search, functions, names, type) {
  for (const name of names) {
    const f = functions.get(name);
    if (f === undefined) continue;
    const target = forwardedTo(search, f);
    if (typeOf(search.module, target) === type && search.facts[target]) return target;
  }
  return null;
}

/** A function that does nothing but to call another of the same type stands for that one: the
 *  module itself calls the latter.
 *  @param {Search} search  @param {number} f  @returns {number} */
export function forwardedTo({ module, facts }, f) {
  for (let hops = 0; hops < 4; hops++) {
    const one = facts[f];
    if (!one || one.calls.size !== 1 || one.accesses > 0 || one.indirect > 0) return f;
    const [target] = /** @type {[number]} */ ([...one.calls]);
    const params = one.type.indexOf(':');
    if (one.instructions > params + 2 || typeOf(module, target) !== one.type) return f;
    if (!facts[target]) return f;
    f = target;
  }
  return f;
}

/** Allocators use static state at addresses that malloc and free share, close together. */
const WINDOW_BYTES = 600;
const CANDIDATES = 60;
const PAIRS = 10;
const CALLS_TO_GROWTH = 9; // of mimalloc

/** @param {Search} search  @returns {Pair[]} */
function shapedPairs(search) {
  const { facts } = search;
  const growing = growingIn(search);
  const mallocs = popular(
    search,
    typed(facts, MALLOC_TYPE).filter((one) => growing.has(one.f)),
  );
  const frees = popular(
    search,
    typed(facts, FREE_TYPE).filter((one) => one.accesses >= 4),
  );
  return rated(search, mallocs, frees, false);
}

/** Pairs with the types of Rust's allocator.  The state of Rust's dlmalloc is behind an address that
 *  both pass on.
 *  @param {Search} search  @returns {Pair[]} the likeliest first */
export function rustPairs(search) {
  const { facts } = search;
  const growing = growingIn(search);
  const allocs = typed(facts, RUST_ALLOC_TYPE).filter((one) => growing.has(one.f));
  const states = new Set(allocs.flatMap(({ f }) => [...search.addresses(f)]));
  const deallocs = typed(facts, RUST_DEALLOC_TYPE).filter((one) =>
    [...search.addresses(one.f)].some((at) => states.has(at)),
  );
  return rated(search, popular(search, allocs), popular(search, deallocs), true);
}

/** @param {Search} search  @param {readonly Facts[]} list  @returns {Facts[]} those that most call */
function popular(search, list) {
  const counted = list.map((one) => ({ one, count: callCount(search, one) }));
  counted.sort((a, b) => b.count - a.count);
  return counted.slice(0, CANDIDATES).map(({ one }) => one);
}

/** @param {Search} search  @param {readonly Facts[]} mallocs  @param {readonly Facts[]} frees
 *  @param {boolean} rust  @returns {Pair[]} the likeliest first */
function rated(search, mallocs, frees, rust) {
  const how = /** @type {How} */ ('shape');
  const pairs = mallocs.flatMap((malloc) =>
    frees.map((free) => ({
      pair: { malloc: malloc.f, free: free.f, how, rust, least: 0 },
      rate: rating(search, malloc, free),
    })),
  );
  pairs.sort((a, b) => b.rate - a.rate);
  return pairs.slice(0, PAIRS).map(({ pair }) => pair);
}

/** @param {Search} search  @returns {Set<number>} functions that may lead to more memory */
function growingIn(search) {
  return leadingTo(growers(search), search.callers, CALLS_TO_GROWTH);
}

/** Functions with memory.grow, and imports that may grow memory: Emscripten's has this type.
 *  @param {Search} search  @returns {number[]} */
function growers({ module, facts }) {
  const own = facts.flatMap((one) => (one?.grows ? [one.f] : []));
  if (own.length > 0) return own;
  return module.functions.flatMap((fn, f) =>
    fn.code === null && typeOf(module, f) === MALLOC_TYPE ? [f] : [],
  );
}

/** @param {readonly (Facts | undefined)[]} facts  @param {string} type  @returns {Facts[]} */
function typed(facts, type) {
  return /** @type {Facts[]} */ (facts.filter((one) => one?.type === type));
}

/** @param {Search} search  @param {Facts} one
 *  @returns {number} functions that call it, or one that does nothing but to call it */
function callCount(search, one) {
  const callers = search.callers.get(one.f) ?? [];
  return callers.reduce(
    (sum, caller) =>
      sum
      + (forwardedTo(search, caller.f) === one.f ? (search.callers.get(caller.f)?.length ?? 0) : 1),
    0,
  );
}

/** @param {Search} search  @param {Facts} malloc  @param {Facts} free  @returns {number} */
function rating(search, malloc, free) {
  return (
    2 * sharedAddresses(search.addresses(malloc.f), search.addresses(free.f))
    + Math.log2(1 + callCount(search, malloc))
    + Math.log2(1 + callCount(search, free))
  );
}

/** @param {Set<number>} a  @param {Set<number>} b  @returns {number} most of them in a window */
function sharedAddresses(a, b) {
  const shared = [...a].filter((at) => b.has(at) && at % 65536 !== 0).sort((x, y) => x - y);
  let most = 0;
  for (let from = 0, to = 0; to < shared.length; to++) {
    const end = /** @type {number} */ (shared[to]);
    while (end - /** @type {number} */ (shared[from]) > WINDOW_BYTES) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

/** The rest of the family. */
/** @typedef {'calloc' | 'calloc1' | 'realloc' | 'memalign' | 'posixMemalign' | 'rustAllocZeroed'
 *    | 'rustRealloc'} Kin */

const KIN_CANDIDATES = 24;
const MEDIUM = 450,
  LARGE = 900;
/** @type {Readonly<Record<Kin, number[]>>} */
const NO_KIN = Object.freeze({
  calloc: [],
  calloc1: [],
  realloc: [],
  memalign: [],
  posixMemalign: [],
  rustAllocZeroed: [],
  rustRealloc: [],
});

/** Candidates for the functions that allocate through malloc, or beside it.
 *  @param {Search} search  @param {Pair} pair
 *  @returns {Record<Kin, number[]>} the likeliest first */
export function kinOf(search, { malloc, free, rust }) {
  const { module, facts, callers } = search;
  const size = (/** @type {number} */ f) => facts[f]?.instructions ?? 0;
  const growing = growingIn(search);
  // What serves malloc may serve its kin without malloc.
  const core = [malloc, ...(facts[malloc]?.calls ?? [])].filter(
    (f) => growing.has(f) || f === malloc,
  );
  const near = leadingTo(core, callers, 1);
  const far = leadingTo(core, callers, 2);
  const frees = leadingTo([free], callers, 1);
  const farFrees = leadingTo([free, ...(facts[free]?.calls ?? [])], callers, 2);
  const state = search.addresses(malloc);
  const shares = (/** @type {Facts} */ one) => {
    let n = 0;
    for (const at of search.addresses(one.f)) if (state.has(at)) n++;
    return n;
  };
  const pick = (
    /** @type {string} */ type,
    /** @type {number} */ most,
    /** @type {(one: Facts) => boolean} */ test,
  ) =>
    typed(facts, type)
      .filter((one) => one.f !== malloc && one.f !== free && size(one.f) <= most && test(one))
      .sort((a, b) => shares(b) - shares(a) || callCount(search, b) - callCount(search, a))
      .slice(0, KIN_CANDIDATES)
      .map((one) => one.f);
  const clears = (/** @type {Facts} */ one) =>
    one.fills || one.loops > 0 || [...one.calls].some((f) => /^iii:i?$/.test(typeOf(module, f)));
  if (rust) {
    return {
      ...NO_KIN,
      rustAllocZeroed: pick('ii:i', MEDIUM, (one) => near.has(one.f) && clears(one)),
      rustRealloc: pick('iiii:i', LARGE, (one) => near.has(one.f)),
    };
  }
  return {
    ...NO_KIN,
    calloc: pick('ii:i', MEDIUM, (one) => near.has(one.f) && !frees.has(one.f) && clears(one)),
    calloc1: pick('i:i', MEDIUM, (one) => near.has(one.f) && !frees.has(one.f) && clears(one)),
    realloc: pick(
      'ii:i',
      LARGE,
      (one) => far.has(one.f) && (farFrees.has(one.f) || shares(one) >= 2),
    ),
    rustRealloc: pick('iiii:i', LARGE, (one) => near.has(one.f) && frees.has(one.f)),
    memalign: pick('ii:i', MEDIUM, (one) => far.has(one.f) && !frees.has(one.f)),
    posixMemalign: pick('iii:i', MEDIUM, (one) => far.has(one.f)),
  };
}
