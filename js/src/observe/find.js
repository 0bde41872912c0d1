/** Who allocates: candidates for malloc, free and their family, by names, by the letters of
 *  Emscripten's glue, and by what functions look like.  A candidate is a guess, prove.js decides. */

import { callersOf, leadingTo } from './facts.js';
import { KIND, namesOf, typeOf } from './module.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./facts.js').Facts} Facts */
/** @typedef {'export' | 'name' | 'glue' | 'shape'} How  a role was found: by an export, by the
 *    section `name`, by the glue's letters, by what the function looks like */
/** @typedef {{malloc: number, free: number, how: How}} Pair */

/** What is known of a module while its allocator is searched.
 *  @typedef {object} Search
 *  @property {WasmModule} module
 *  @property {(Facts | undefined)[]} facts
 *  @property {Map<number, Facts[]>} callers */

const MALLOC = Object.freeze(['malloc', 'dlmalloc', 'emscripten_builtin_malloc', 'mi_malloc']);
const FREE = Object.freeze(['free', 'dlfree', 'emscripten_builtin_free', 'mi_free']);

/** Types of the two.  Rust's have the size, or the alignment, beside the address. */
const MALLOC_TYPE = 'i:i', FREE_TYPE = 'i:';

/** @param {WasmModule} module  @param {(Facts | undefined)[]} facts  @returns {Search} */
export function searchOf(module, facts) {
  return { module, facts, callers: callersOf(facts) };
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
  const sources = [['export', () => exportedFunctions(module)],
    ['name', () => new Map([...namesOf(module)].map(([f, name]) => [name, f]))],
    ['glue', () => gluedFunctions(module, glue())]];
  for (const [how, functions] of sources) {
    const names = functions();
    const malloc = ofNames(search, names, MALLOC, MALLOC_TYPE);
    const free = ofNames(search, names, FREE, FREE_TYPE);
    if (malloc !== null && free !== null) return { malloc, free, how };
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
    const found = new RegExp(`(?:^|[^\\w$])_${name}["'\\]]*\\s*=[^;{}]{0,80}?`
      + '(?:\\.([\\w$]+)|\\[["\']([^"\']+)["\']\\])\\)?[;,\\n)]').exec(glue);
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
const CALLS_TO_GROWTH = 5;

/** @param {Search} search  @returns {Pair[]} */
function shapedPairs(search) {
  const { facts, callers } = search;
  const growing = leadingTo(growers(search), callers, CALLS_TO_GROWTH);
  const popular = (/** @type {Facts[]} */ list) => list
    .sort((a, b) => callCount(search, b) - callCount(search, a)).slice(0, CANDIDATES);
  const mallocs = popular(typed(facts, MALLOC_TYPE).filter((one) => growing.has(one.f)));
  const frees = popular(typed(facts, FREE_TYPE).filter((one) => one.accesses >= 4));
  const rated = mallocs.flatMap((malloc) => frees.map((free) => ({
    malloc: malloc.f, free: free.f, how: /** @type {How} */ ('shape'),
    rate: rating(search, malloc, free),
  })));
  rated.sort((a, b) => b.rate - a.rate);
  return rated.slice(0, PAIRS).map(({ malloc, free, how }) => ({ malloc, free, how }));
}

/** Functions with memory.grow, and imports that may grow memory: Emscripten's has this type.
 *  @param {Search} search  @returns {number[]} */
function growers({ module, facts }) {
  const own = facts.flatMap((one) => one?.grows ? [one.f] : []);
  if (own.length > 0) return own;
  return module.functions.flatMap((fn, f) =>
    fn.code === null && typeOf(module, f) === MALLOC_TYPE ? [f] : []);
}

/** @param {readonly (Facts | undefined)[]} facts  @param {string} type  @returns {Facts[]} */
function typed(facts, type) {
  return /** @type {Facts[]} */ (facts.filter((one) => one?.type === type));
}

/** @param {Search} search  @param {Facts} one
 *  @returns {number} functions that call it, or one that does nothing but to call it */
function callCount(search, one) {
  const callers = search.callers.get(one.f) ?? [];
  return callers.reduce((sum, caller) => sum + (forwardedTo(search, caller.f) === one.f
    ? search.callers.get(caller.f)?.length ?? 0 : 1), 0);
}

/** @param {Search} search  @param {Facts} malloc  @param {Facts} free  @returns {number} */
function rating(search, malloc, free) {
  return 2 * sharedAddresses(malloc, free)
    + Math.log2(1 + callCount(search, malloc)) + Math.log2(1 + callCount(search, free));
}

/** @param {Facts} a  @param {Facts} b  @returns {number} most of them in a window */
function sharedAddresses(a, b) {
  const shared = [...a.addresses].filter((at) => b.addresses.has(at) && at % 65536 !== 0)
    .sort((x, y) => x - y);
  let most = 0;
  for (let from = 0, to = 0; to < shared.length; to++) {
    const end = /** @type {number} */ (shared[to]);
    while (end - /** @type {number} */ (shared[from]) > WINDOW_BYTES) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

/** The rest of the family. */
/** @typedef {'calloc' | 'calloc1' | 'realloc' | 'rustRealloc' | 'memalign' | 'posixMemalign'} Kin */

const KIN_CANDIDATES = 24;
const SMALL = 100, MEDIUM = 450, LARGE = 900;

/** Candidates for the functions that allocate through malloc, or beside it.
 *  @param {Search} search  @param {Pair} pair
 *  @returns {Record<Kin, number[]>} the likeliest first */
export function kinOf(search, { malloc, free }) {
  const { module, facts, callers } = search;
  const size = (/** @type {number} */ f) => facts[f]?.instructions ?? 0;
  const near = leadingTo([malloc], callers, 1);
  const far = leadingTo([malloc], callers, 2);
  const frees = leadingTo([free], callers, 1);
  const state = facts[malloc]?.addresses ?? new Set();
  const shares = (/** @type {Facts} */ one) => {
    let n = 0;
    for (const at of one.addresses) if (state.has(at)) n++;
    return n;
  };
  const pick = (/** @type {string} */ type, /** @type {number} */ most,
    /** @type {(one: Facts) => boolean} */ test) => typed(facts, type)
    .filter((one) => one.f !== malloc && one.f !== free && size(one.f) <= most && test(one))
    .sort((a, b) => shares(b) - shares(a) || callCount(search, b) - callCount(search, a))
    .slice(0, KIN_CANDIDATES).map((one) => one.f);
  const clears = (/** @type {Facts} */ one) => one.fills || one.loops > 0
    || [...one.calls].some((f) => /^iii:i?$/.test(typeOf(module, f)));
  return {
    calloc: pick('ii:i', SMALL, (one) => near.has(one.f) && !frees.has(one.f) && clears(one)),
    calloc1: pick('i:i', SMALL, (one) => near.has(one.f) && !frees.has(one.f) && clears(one)),
    realloc: pick('ii:i', LARGE, (one) => near.has(one.f)
      && (frees.has(one.f) || shares(one) >= 2)),
    rustRealloc: pick('iiii:i', LARGE, (one) => near.has(one.f) && frees.has(one.f)),
    memalign: pick('ii:i', MEDIUM, (one) => far.has(one.f) && !frees.has(one.f)),
    posixMemalign: pick('iii:i', SMALL, (one) => far.has(one.f)),
  };
}
