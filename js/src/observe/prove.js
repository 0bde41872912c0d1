/** Proof of the candidates on scratch instances: what does not behave as malloc, free or one of
 *  their family is not touched. */

import { PymallocTypeError } from '../errors.js';
import { kinOf, rustPairs } from './find.js';
import { KIND, typeOf } from './module.js';
import { ROLES } from './roles.js';
import { Scratch } from './scratch.js';

/** @typedef {import('./find.js').Search} Search */
/** @typedef {import('./find.js').Pair} Pair */
/** @typedef {import('./roles.js').RoleName} RoleName */

/** One function of the allocator.
 *  @typedef {object} Role
 *  @property {RoleName} role
 *  @property {number} f       index of the function
 *  @property {number} prefix  bytes before the address that it takes and returns, that the block
 *    has more
 *  @property {number} least   bytes that it is asked for at the least, whatever the program asks */

/** An allocator whose functions are known.
 *  @typedef {object} Allocating
 *  @property {import('./find.js').How | 'table'} how
 *  @property {Role[]} roles  malloc and free first */

/** @param {Search} search  @param {readonly Pair[]} pairs  the likeliest first
 *  @returns {Allocating}
 *  @throws {PymallocTypeError} NOT_PROVEN, NO_ALLOCATOR */
export function prove(search, pairs) {
  const found = firstProven(search, pairs);
  if (found) return found;
  const named = pairs.find(({ how }) => how !== 'shape');
  if (named) {
    throw new PymallocTypeError(
      'NOT_PROVEN',
      'the module names a malloc and a free that do not '
        + 'behave as such on an instance of their own (position-independent code, or a build with a '
        + 'sanitizer?): use it as it is',
    );
  }
  const rust = firstProven(search, rustPairs(search));
  if (rust) return rust;
  throw new PymallocTypeError(
    'NO_ALLOCATOR',
    'no malloc and free were found in the module: it has '
      + 'a garbage collector or an allocator that is not known here. Use it as it is; for a module of '
      + 'Emscripten, its JavaScript may name them: pass it as the option glue',
  );
}

/** @param {Search} search  @param {readonly Pair[]} pairs  the likeliest first
 *  @returns {Allocating | null} null: none of them is one */
function firstProven(search, pairs) {
  for (const pair of pairs) {
    const scratch = scratchFor(search, pair, pair === pairs[0]);
    if (!scratch) continue;
    const { malloc, free, how, rust, least } = pair;
    return {
      how,
      roles: [
        { role: rust ? 'rustAlloc' : 'malloc', f: malloc, prefix: 0, least },
        { role: rust ? 'rustDealloc' : 'free', f: free, prefix: 0, least: 0 },
        ...kin(search, pair, scratch),
      ],
    };
  }
  return null;
}

/** @param {Search} search  @param {Pair} pair  becomes the innermost pair: the module itself may
 *    call what lies behind the named functions
 *  @param {boolean} likely  its scratch instances have the code of all that may belong to it; that of
 *    a pair which is not is compiled when the pair works
 *  @returns {Scratch | null} in which the pair works; null: in none */
function scratchFor(search, pair, likely) {
  const before = constructorsOf(search);
  const options = [{}, { grow: true }, ...(before.length > 0 ? [{ grow: true, before }] : [])];
  const familyOf = () => Object.values(kinOf(search, pair)).flat();
  for (const option of options) {
    const { malloc, free } = pair;
    const functions = [malloc, free, ...inner(search, malloc), ...inner(search, free)];
    const family = likely ? familyOf() : [];
    const scratch = attempt(() => new Scratch(search, functions, { ...option, kin: family }));
    const least = scratch && LEAST.find((bytes) => works(scratch, { ...pair, least: bytes }));
    if (!scratch || least === undefined || least === null) continue;
    pair.least = least;
    for (const which of /** @type {const} */ (['malloc', 'free'])) {
      const f = inner(search, pair[which]).find((one) => works(scratch, { ...pair, [which]: one }));
      if (f !== undefined) return scratchFor(search, Object.assign(pair, { [which]: f }), true);
    }
    if (likely) return scratch;
    const whole = attempt(
      () => new Scratch(search, [malloc, free], { ...option, kin: familyOf() }),
    );
    return whole && works(whole, pair) ? whole : null;
  }
  return null;
}

/** @param {Search} search  @param {number} f
 *  @returns {number[]} functions of the same type that it calls */
function inner({ module, facts }, f) {
  return [...(facts[f]?.calls ?? [])].filter(
    (callee) => callee !== f && facts[callee] && typeOf(module, callee) === typeOf(module, f),
  );
}

/** Functions that prepare an instance: emmalloc has a constructor.
 *  @param {Search} search  @returns {number[]} */
function constructorsOf({ module }) {
  const functions = module.exports.filter(
    ({ kind, index }) => kind === KIND.FUNCTION && typeOf(module, index) === ':',
  );
  const named = functions.find(
    ({ name }) => name === '__wasm_call_ctors' || name === '_initialize',
  );
  const first = named ?? functions[0]; // Emscripten's, with minified names
  return first ? [first.index] : [];
}

/** @template T
 *  @param {() => T} trial  @returns {T | null} null: it trapped, or the host refused the module */
function attempt(trial) {
  try {
    return trial();
  } catch {
    return null; // whatever a wrong guess led to
  }
}

/** Bytes to ask for at the least: mimalloc has blocks of 4 bytes, at multiples of 4. */
const LEAST = [0, 8];
const RUST_ALIGNMENT = 8;

/** @typedef {{malloc: (n: number) => number, free: (at: number, size?: number) => unknown}} Calls */

/** @param {Scratch} scratch  @param {Pair} pair  @returns {Calls} with the types of C */
function callsOf(scratch, { malloc, free, rust, least }) {
  const take = scratch.call(malloc);
  const give = scratch.call(free);
  if (!rust) return { malloc: (n) => take(Math.max(n, least)), free: (at) => give(at) };
  /** @type {Map<number, number>} */
  const sizes = new Map();
  return {
    malloc: (n) => {
      const at = take(n, RUST_ALIGNMENT);
      sizes.set(at, n);
      return at;
    },
    free: (at, size = sizes.get(at) ?? 0) => give(at, size, RUST_ALIGNMENT),
  };
}

const SIZES = [1, 8, 24, 100, 600, 5000];
const BLOCKS = 60;
const ROUNDS = 300;
/** Addresses that blocks of one size may take in turn while each is freed before the next: mimalloc
 *  uses 4 KiB of blocks first. */
const ADDRESSES = 120;

/** @param {Scratch} scratch  @param {Pair} pair  @returns {boolean} */
function works(scratch, pair) {
  return (
    attempt(() => {
      scratch.reset();
      const { malloc, free } = callsOf(scratch, pair);
      const blocks = new Blocks(scratch);
      for (let i = 0; i < BLOCKS; i++) {
        const size = /** @type {number} */ (SIZES[i % SIZES.length]);
        if (!blocks.add(malloc(size), size)) return false;
      }
      if (!recycles(() => malloc(3000), free)) return false;
      scratch.keep(blocks.highest());
      for (const at of blocks.drop(9)) free(at);
      for (let i = 0; i < 9; i++) if (!blocks.fits(malloc(40), 40)) return false;
      return blocks.intact();
    }) ?? false
  );
}

/** Does memory that is freed come back?
 *  @param {() => number} take  @param {(at: number) => unknown} free  @returns {boolean} */
function recycles(take, free) {
  const seen = new Set();
  for (let i = 0; i < ROUNDS; i++) {
    const at = take();
    if (at === 0) return false;
    seen.add(at);
    free(at);
  }
  return seen.size <= ADDRESSES;
}

/** Blocks of an instance, each filled with a number of its own. */
class Blocks {
  #scratch;
  #count = 0;
  /** @type {{at: number, size: number, mark: number}[]} */ #live = [];

  /** @param {Scratch} scratch */
  constructor(scratch) {
    this.#scratch = scratch;
  }

  /** @param {number} at  @param {number} size
   *  @returns {boolean} a sound address for a block, apart from all that live */
  fits(at, size) {
    if (at === 0 || at % 8 !== 0 || at + size > this.#scratch.memory.buffer.byteLength)
      return false;
    return this.#live.every((one) => at >= one.at + one.size || at + size <= one.at);
  }

  /** @param {number} at  @param {number} size  @returns {boolean} */
  add(at, size) {
    if (!this.fits(at, size)) return false;
    const mark = ++this.#count;
    this.#live.push({ at, size, mark });
    this.#scratch.bytes().fill(mark, at, at + size);
    return true;
  }

  /** @param {number} n  @returns {number[]} addresses of the oldest, which are no longer looked at */
  drop(n) {
    return this.#live.splice(0, n).map(({ at }) => at);
  }

  /** @returns {number} */
  highest() {
    return Math.max(...this.#live.map(({ at, size }) => at + size));
  }

  /** @returns {boolean} every block still holds its number */
  intact() {
    const bytes = this.#scratch.bytes();
    return this.#live.every(
      ({ at, size, mark }) => bytes[at] === mark && bytes[at + size - 1] === mark,
    );
  }
}

/** Prefixes that inlined wrappers keep before a block. */
const PREFIXES = [0, 8, 16, 4];

/** @typedef {Calls & {scratch: Scratch, tried: (...args: number[]) => number}} Trial */

/** @param {Search} search  @param {Pair} pair  @param {Scratch} scratch
 *  @returns {Role[]} those that were proven; of functions that call each other the innermost */
function kin(search, pair, scratch) {
  const candidates = kinOf(search, pair);
  const begin = (/** @type {number} */ f) => {
    scratch.reset();
    return { ...callsOf(scratch, pair), scratch, tried: scratch.call(f) };
  };
  const proven = (
    /** @type {RoleName} */ role,
    /** @type {number[]} */ list,
    /** @type {(trial: Trial, prefix: number) => boolean} */ test,
    prefixes = [0],
  ) =>
    list.flatMap((f) => {
      const prefix = prefixes.find((p) => attempt(() => test(begin(f), p)));
      return prefix === undefined ? [] : [{ role, f, prefix, least: pair.least }];
    });
  const found = [
    ...proven('realloc', candidates.realloc, reallocates, PREFIXES),
    ...proven('rustRealloc', candidates.rustRealloc, reallocatesRust),
    ...proven('memalign', candidates.memalign, (trial) => aligns(trial, false)),
    ...proven('memalignSwapped', candidates.memalign, (trial) => aligns(trial, true)),
    ...proven('posixMemalign', candidates.posixMemalign, alignsPosix),
    ...proven('calloc', candidates.calloc, (trial) => clears(trial, () => trial.tried(30, 8))),
    ...proven('calloc1', candidates.calloc1, (trial) => clears(trial, () => trial.tried(240))),
    ...proven('rustAllocZeroed', candidates.rustAllocZeroed, (trial) =>
      clears(trial, () => trial.tried(240, RUST_ALIGNMENT)),
    ),
  ];
  return withoutOuter(search, found);
}

/** @param {Search} search  @param {Role[]} roles
 *  @returns {Role[]} without those that call another one of their sort: what that does is recorded
 *    there */
function withoutOuter({ facts }, roles) {
  /** @type {Map<number, Role>} */
  const all = new Map();
  for (const role of roles) if (!all.has(role.f)) all.set(role.f, role);
  return [...all.values()].filter(({ role, f }) => {
    const { operation } = ROLES[role];
    return ![...(facts[f]?.calls ?? [])].some((callee) => {
      const called = callee === f ? undefined : all.get(callee);
      return called !== undefined && ROLES[called.role].operation === operation;
    });
  });
}

/** @param {Scratch} scratch  @param {number} at  @param {number} size  @param {number} value
 *  @returns {boolean} */
function holds(scratch, at, size, value) {
  return scratch
    .bytes()
    .subarray(at, at + size)
    .every((byte) => byte === value);
}

/** @param {Trial} trial  @param {number} prefix  @returns {boolean} */
function reallocates({ scratch, malloc, free, tried }, prefix) {
  const size = 40 + prefix;
  const p = malloc(size),
    other = malloc(size);
  scratch
    .bytes()
    .fill(7, p, p + size)
    .fill(9, other, other + size);
  const q = tried(p + prefix, 4000);
  if (q === 0 || (q - prefix) % 8 !== 0 || !holds(scratch, q, 40, 7)) return false;
  if (q - prefix < other + size && q + 4000 > other) return false;
  scratch.bytes().fill(8, q, q + 4000);
  if (!holds(scratch, other, size, 9)) return false;
  if (prefix === 0) {
    const fresh = tried(0, 64);
    if (fresh === 0 || fresh % 8 !== 0) return false;
  }
  const round = () => {
    const from = malloc(size);
    const to = tried(from + prefix, 2000);
    if (to !== 0) free(to - prefix);
    return to === 0 ? 0 : from;
  };
  return recycles(round, () => 0);
}

/** @param {Trial} trial  @returns {boolean} */
function reallocatesRust({ scratch, malloc, free, tried }) {
  const p = malloc(40);
  malloc(40);
  scratch.bytes().fill(7, p, p + 40);
  const q = tried(p, 40, RUST_ALIGNMENT, 4000);
  if (q === 0 || q % 8 !== 0 || !holds(scratch, q, 40, 7)) return false;
  return recycles(
    () => {
      const from = malloc(40);
      const to = tried(from, 40, RUST_ALIGNMENT, 2000);
      if (to !== 0) free(to, 2000);
      return to === 0 ? 0 : from;
    },
    () => 0,
  );
}

const ALIGNMENTS = /** @type {const} */ ([
  [256, 100],
  [4096, 50],
  [64, 640],
  [1024, 24],
]);

/** @param {Trial} trial  @param {boolean} swapped  the size comes first  @returns {boolean} */
function aligns({ scratch, malloc, free, tried }, swapped) {
  const blocks = new Blocks(scratch);
  const take = (/** @type {number} */ align, /** @type {number} */ size) =>
    swapped ? tried(size, align) : tried(align, size);
  for (const [align, size] of ALIGNMENTS) {
    const guard = malloc(24);
    if (!blocks.add(guard, 24)) return false;
    // Two of them: the second one would lie within the first if that had another size.
    for (let i = 0; i < 2; i++) {
      const at = take(align, size);
      if (at % align !== 0 || !blocks.add(at, size)) return false;
    }
  }
  return blocks.intact() && recycles(() => take(256, 1000), free);
}

/** @param {Trial} trial  @returns {boolean} */
function alignsPosix({ scratch, malloc, free, tried }) {
  const out = malloc(16);
  const take = (/** @type {number} */ align, /** @type {number} */ size) => {
    new DataView(scratch.memory.buffer).setUint32(out, 0, true);
    if (tried(out, align, size) !== 0) return 0;
    return new DataView(scratch.memory.buffer).getUint32(out, true);
  };
  const blocks = new Blocks(scratch);
  for (const [align, size] of ALIGNMENTS) {
    for (let i = 0; i < 2; i++) {
      const at = take(align, size);
      if (at % align !== 0 || !blocks.add(at, size)) return false;
    }
  }
  return blocks.intact() && recycles(() => take(256, 1000), free);
}

/** Blocks to ask for until one is a block that was freed. */
const CLEARED = 40;

/** @param {Trial} trial  @param {() => number} take  a block of 240 bytes that should be zeros
 *  @returns {boolean} */
function clears({ scratch, malloc, free }, take) {
  const dirty = Array.from({ length: 8 }, () => malloc(240));
  for (const at of dirty) scratch.bytes().fill(9, at, at + 240);
  malloc(8);
  for (const at of dirty) free(at);
  const blocks = new Blocks(scratch);
  let again = 0;
  for (let i = 0; i < CLEARED && again === 0; i++) {
    const at = take();
    if (at === 0 || !holds(scratch, at, 240, 0) || !blocks.add(at, 240)) return false;
    if (dirty.includes(at)) again++;
  }
  return again > 0 && recycles(take, (at) => free(at, 240));
}
