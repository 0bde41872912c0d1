/** The calls of an allocator made with `debug`: every block is remembered with the place that asked
 *  for it, and what is no live block of the domain is refused before the allocator sees it. */

import { PymallocTypeError, hex } from './errors.js';
import { unsigned } from './memory.js';
import { OWN } from './own.js';

/** An address or a size: of a memory with 64-bit addresses a BigInt.
 *  @typedef {number | bigint} Word */

/** @typedef {object} LiveBlock
 *  @property {number} address
 *  @property {number} bytes    that were asked for
 *  @property {'malloc' | 'raw' | 'mem' | 'object' | 'heap'} domain  whose function allocated it
 *  @property {string} stack    of the call, innermost first */

/** Freed blocks that are remembered. */
const FREED_MOST = 4096;
/** What the functions of C, and those of the domains, are called by. */
const PREFIXES = /** @type {const} */ ({
  malloc: '',
  raw: 'pym_raw_',
  mem: 'pym_mem_',
  object: 'pym_obj_',
  heap: 'pym_heap_',
});

/** Blocks of one allocator. */
export class Blocks {
  /** @type {Map<number, LiveBlock>} */
  #live = new Map();
  /** @type {Map<number, string>} */
  #freed = new Map();

  /** @returns {LiveBlock[]} oldest first */
  get live() {
    return [...this.#live.values()];
  }

  /** @param {number} address  0: nothing was allocated  @param {number} bytes
   *  @param {LiveBlock['domain']} domain
   *  @returns {number} the address */
  made(address, bytes, domain) {
    if (address === 0) return 0;
    this.#freed.delete(address);
    this.#live.set(address, Object.freeze({ address, bytes, domain, stack: stackHere() }));
    return address;
  }

  /** @param {number} address  @param {LiveBlock['domain'] | null} domain  null: any
   *  @param {string} name  of the call
   *  @returns {LiveBlock}
   *  @throws {PymallocTypeError} BAD_POINTER */
  find(address, domain, name) {
    const block = this.#live.get(address);
    if (block && (domain === null || block.domain === domain)) return block;
    throw badPointer(`${name}(${hex(address)}): ${this.#why(address, block)}`);
  }

  /** @param {LiveBlock} block */
  gone({ address }) {
    this.#live.delete(address);
    this.#freed.set(address, stackHere());
    if (this.#freed.size <= FREED_MOST) return;
    for (const oldest of this.#freed.keys()) {
      this.#freed.delete(oldest);
      return;
    }
  }

  /** @param {LiveBlock} block  which a realloc did not move or free after all */
  back(block) {
    this.#freed.delete(block.address);
    this.#live.set(block.address, block);
  }

  /** @param {number} address  @param {LiveBlock | undefined} block  @returns {string} */
  #why(address, block) {
    if (block) return `a block of "${block.domain}", allocated\n${block.stack}`;
    const freed = this.#freed.get(address);
    if (freed) return `freed before,\n${freed}`;
    for (const one of this.#live.values()) {
      if (address > one.address && address < one.address + one.bytes) {
        return `${address - one.address} bytes into a block of ${one.bytes}, allocated\n${one.stack}`;
      }
    }
    return 'no block that this allocator handed out';
  }
}

/** @param {string} message  @returns {PymallocTypeError} */
export function badPointer(message) {
  return new PymallocTypeError('BAD_POINTER', message);
}

/** @returns {string} the calls that led here, without those of this package */
function stackHere() {
  const lines = new Error().stack?.split('\n') ?? [];
  const theirs = lines.filter((line) => !line.startsWith('Error') && !line.includes(OWN));
  return theirs.slice(0, 8).join('\n');
}

/** The functions of the allocator, checked: for JavaScript, and for wasm that imports them.
 *  @param {Readonly<Record<string, any>>} exports  of the guest
 *  @param {Blocks} blocks  to keep
 *  @returns {Record<string, any>} the same names */
export function checkedExports(exports, blocks) {
  const out = { ...exports };
  for (const [domain, prefix] of Object.entries(PREFIXES)) {
    Object.assign(
      out,
      checkedDomain(exports, blocks, /** @type {LiveBlock['domain']} */ (domain), prefix),
    );
  }
  out['malloc_usable_size'] = (/** @type {Word} */ p) => {
    if (unsigned(p) !== 0) blocks.find(unsigned(p), null, 'malloc_usable_size');
    return exports['malloc_usable_size'](p);
  };
  return out;
}

/** @param {Readonly<Record<string, any>>} exports  @param {Blocks} blocks
 *  @param {LiveBlock['domain']} domain  @param {string} prefix
 *  @returns {Record<string, Function>} */
function checkedDomain(exports, blocks, domain, prefix) {
  const heaped = domain === 'heap' ? 2 : 0; // (heap, domain, ...)
  const at = (/** @type {Word[]} */ args, /** @type {number} */ i) =>
    unsigned(args[heaped + i] ?? 0);
  const made = (/** @type {Word} */ block, /** @type {number} */ bytes) => {
    blocks.made(unsigned(block), bytes, domain);
    return block;
  };
  const fn = (/** @type {string} */ name) => exports[`${prefix}${name}`];
  const free =
    (/** @type {string} */ name) =>
    (/** @type {Word[]} */ ...args) => {
      if (at(args, 0) !== 0) blocks.gone(blocks.find(at(args, 0), domain, `${prefix}${name}`));
      fn(name)(...args);
    };
  /** @type {Record<string, Function>} */
  const all = {
    malloc: (/** @type {Word[]} */ ...args) => made(fn('malloc')(...args), at(args, 0)),
    calloc: (/** @type {Word[]} */ ...args) =>
      made(fn('calloc')(...args), at(args, 0) * at(args, 1)),
    aligned_alloc: (/** @type {Word[]} */ ...args) =>
      made(fn('aligned_alloc')(...args), at(args, 1)),
    realloc: (/** @type {Word[]} */ ...args) => {
      const p = at(args, 0);
      const before = p === 0 ? null : blocks.find(p, domain, `${prefix}realloc`);
      if (before) blocks.gone(before);
      const q = fn('realloc')(...args);
      if (unsigned(q) === 0 && before) blocks.back(before);
      return made(q, at(args, 1));
    },
    free: free('free'),
    free_sized: free('free_sized'),
  };
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name]) => fn(name))
      .map(([name, checked]) => [`${prefix}${name}`, checked]),
  );
}
