/** The limits of a heap: read from memory, set by a function of the guest. */

import { UNLIMITED, UNLIMITED_WIDE } from './constants.js';
import { badArgument, badMemory, checkNames } from './errors.js';
import { toLimit } from './limit.js';
import { call, need, word } from './program.js';
import { readLimit } from './stats.js';

/** @typedef {import('./program.js').Program} Program */

/** A limit pair in bytes; null is none.
 *  @typedef {object} Limit
 *  @property {number | null} soft  passing it is an event, nothing else
 *  @property {number | null} hard  above it an allocation returns NULL */
/** all: of every heap of the program together.
 *  @typedef {{all: Limit, heap: Limit, raw: Limit, mem: Limit, object: Limit}} Limits */
/** Limits as callers name them.
 *  @typedef {{[name in keyof Limits]?: Partial<Limit>}} SomeLimits */

/** As pym_limit_set numbers them. */
const WHICH = Object.freeze({ raw: 0, mem: 1, object: 2, heap: 3, all: 5 });

/** @param {DataView} view  @param {Program} program  its root is found sound
 *  @param {number} address  of the heap, found sound
 *  @returns {Readonly<Limits>} */
export function limitsIn(view, { root, layout }, address) {
  const { space, heap, domains, domain, wide } = layout;
  const at = (/** @type {number} */ base, /** @type {{soft: number, hard: number}} */ fields) =>
    Object.freeze({
      soft: readLimit(view, base + fields.soft, wide),
      hard: readLimit(view, base + fields.hard, wide),
    });
  const of = (/** @type {number} */ i) => at(address + domains.offset + i * domains.stride, domain);
  return Object.freeze({
    all: at(root, space),
    heap: at(address, heap),
    raw: of(WHICH.raw),
    mem: of(WHICH.mem),
    object: of(WHICH.object),
  });
}

/** @param {unknown} limits  that a caller passed
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function checkLimits(limits) {
  if (typeof limits === 'object' && limits !== null) return;
  throw badArgument('setLimits takes an object such as { heap: { hard: 67108864 } }', limits);
}

/** Sets none if one of them is not as it should be.
 *  @param {Program} program  @param {number} address  of the heap
 *  @param {Readonly<Limits>} before  what is in force
 *  @param {SomeLimits} limits
 *  @throws {import('./errors.js').PymallocError} as Heap.setLimits */
export function setLimits(program, address, before, limits) {
  const { exports, layout } = program;
  const bytes = (/** @type {number | null} */ limit, /** @type {string} */ name) =>
    limitWord(program, toLimit(limit, name, layout.wide));
  /** @type {[number, number | bigint, number | bigint][]} */
  const calls = [];
  for (const [name, limit] of Object.entries(limits)) {
    if (!Object.hasOwn(WHICH, name)) {
      throw badArgument(`no limit is called "${name}": there are ` + Object.keys(WHICH).join(', '));
    }
    const key = /** @type {keyof Limits} */ (name);
    if (typeof limit !== 'object' || limit === null) {
      throw badArgument(`the limit "${name}" must be an object such as { hard: 67108864 }`, limit);
    }
    checkNames(limit, ['soft', 'hard'], `limit of "${name}"`);
    const { soft = before[key].soft, hard = before[key].hard } = limit;
    calls.push([WHICH[key], bytes(soft, `${name}.soft`), bytes(hard, `${name}.hard`)]);
  }
  need(exports, 'pym_limit_set');
  for (const args of calls) {
    if (call(exports, 'pym_limit_set', word(program, address), ...args) !== 0) {
      throw badMemory('pym_limit_set refused a limit');
    }
  }
}

/** @param {Program} program  @param {number | null} limit
 *  @returns {number | bigint} as pym_limit_set has it */
function limitWord(program, limit) {
  if (limit !== null) return word(program, limit);
  return program.layout.wide ? UNLIMITED_WIDE : UNLIMITED;
}
