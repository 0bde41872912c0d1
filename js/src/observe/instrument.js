/** Puts the recorder into a module.
 *
 *  Each function of the allocator moves to a new index, and a wrapper takes its old one:
 *
 *    malloc(n):  if depth > 0: return moved(n)          inside another function of the allocator
 *                if n > credit and not ask(n): return 0  the host counts, permits or refuses
 *                credit -= n
 *                r = moved(n)
 *                ring[pos..] = r | MALLOC, n             full: the host takes what is there
 *                return r
 *
 *  `credit` is the bytes that may be asked for before the host wants to look again, because of a
 *  limit or for a sample.  It falls with every request and never rises by itself, so that malloc
 *  compares and subtracts, and free does neither.
 *
 *  A record is one to three words: address | operation (blocks lie at multiples of 8), the size
 *  unless it is a free, the block so far if it is a realloc.
 *
 *  The ring is a block of the module's own malloc, taken at the first record.  The host is called
 *  through a slot of a table of its own; without a host, what the ring cannot hold is counted as
 *  lost. */

import { leb, sleb } from './binary.js';
import { KIND, typeOf } from './module.js';
import { Patch, bodyOf } from './patch.js';
import { OPERATION, ROLES } from './roles.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */
/** @typedef {import('./facts.js').Facts} Facts */
/** @typedef {import('./prove.js').Role} Role */

export const RING_BYTES = 65536;
const RING_ALIGNMENT = 8;
const RECORD_BYTES = 12;

/** Why the host is called. */
export const REASON = Object.freeze({ FULL: 1, ASK: 2, RECORD: 3 });
export const HOOK_TYPE = 'iiii:i';

/** What a rewritten module exports beside its own. */
export const EXPORT = Object.freeze({
  HOOK: 'pymalloc.hook',
  RING: 'pymalloc.ring',
  POSITION: 'pymalloc.position',
  CREDIT: 'pymalloc.credit',
  DEPTH: 'pymalloc.depth',
  LOST: 'pymalloc.lost',
  ID: 'pymalloc.id',
  MEMORY: 'pymalloc.memory',
});
export const EXPORT_PREFIX = 'pymalloc.';

// Instructions.
const VOID = 0x40,
  RETURN = [0x0f],
  DROP = [0x1a],
  EQZ = [0x45],
  ADD = [0x6a],
  SUB = [0x6b],
  AND = [0x71],
  OR = [0x72],
  GT_U = [0x4b],
  GE_U = [0x4f],
  SELECT = [0x1b],
  ELSE = [0x05],
  END = [0x0b],
  BLOCK = [0x02, VOID],
  IF = [0x04, VOID],
  IF_I32 = [0x04, 0x7f];
const get = (/** @type {number} */ i) => [0x20, ...leb(i)];
const set = (/** @type {number} */ i) => [0x21, ...leb(i)];
const tee = (/** @type {number} */ i) => [0x22, ...leb(i)];
const load = (/** @type {number} */ global) => [0x23, ...leb(global)];
const save = (/** @type {number} */ global) => [0x24, ...leb(global)];
const i32 = (/** @type {number} */ n) => [0x41, ...sleb(n)];
const call = (/** @type {number} */ f) => [0x10, ...leb(f)];
const store = (/** @type {number} */ offset) => [0x36, 2, ...leb(offset)];
const read = [0x28, 2, 0];
const br = (/** @type {number} */ label) => [0x0c, ...leb(label)];

/** Globals and functions that the wrappers share.
 *  @typedef {object} Shared
 *  @property {number} depth   1 while a function of the allocator runs
 *  @property {number} credit
 *  @property {number} position  where the next record goes
 *  @property {number} last      the last address where one fits
 *  @property {number} hook      function: (reason, a, b, c) -> i32
 *  @property {number} room      function: () -> where the next record goes, 0: nowhere */

/** @param {WasmModule} module  @param {readonly Role[]} roles  malloc among them
 *  @param {(f: number) => Facts | undefined} facts
 *  @param {number} id  that tells this module's instances from others
 *  @returns {Patch} */
export function instrument(module, roles, facts, id) {
  const patch = new Patch(module);
  const moved = new Map(roles.map(({ f }) => [f, patch.move(f)]));
  const malloc = /** @type {Role} */ (
    roles.find(({ role }) => role === 'malloc' || role === 'rustAlloc')
  );
  const alignment = malloc.role === 'malloc' ? [] : i32(RING_ALIGNMENT);
  const old = /** @type {number} */ (moved.get(malloc.f));
  const take = [...i32(RING_BYTES), ...alignment, ...call(old)];
  const shared = share(patch, take, id);
  const wrapped = new Set(moved.keys());
  for (const one of roles) {
    const to = /** @type {number} */ (moved.get(one.f));
    const nests = mayCall(one.f, wrapped, facts);
    patch.replace(one.f, wrapper(one, typeOf(module, one.f), to, shared, nests));
  }
  if (!module.exports.some(({ kind }) => kind === KIND.MEMORY)) {
    patch.export(EXPORT.MEMORY, KIND.MEMORY, 0);
  }
  return patch;
}

/** @param {number} f  @param {Set<number>} wrapped  @param {(f: number) => Facts | undefined} facts
 *  @returns {boolean} f may call one of `wrapped`, or through a table whatever there is */
function mayCall(f, wrapped, facts) {
  const seen = new Set();
  const stack = [f];
  for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    const known = facts(one);
    if (!known) continue; // an import
    if (known.indirect > 0 || [...known.calls].some((callee) => wrapped.has(callee))) return true;
    stack.push(...known.calls);
  }
  return false;
}

/** @param {Patch} patch  @param {number[]} take  pushes a block for the ring  @param {number} id
 *  @returns {Shared} */
function share(patch, take, id) {
  const depth = patch.global(0),
    credit = patch.global(-1),
    ring = patch.global(0);
  const position = patch.global(-1),
    last = patch.global(0),
    lost = patch.global(0);
  // Without a host everything is permitted, and what was recorded is lost.
  const nobody = patch.function(
    HOOK_TYPE,
    bodyOf(0, [
      ...get(0),
      ...i32(REASON.ASK),
      0x47,
      ...IF,
      ...load(lost),
      ...i32(1),
      ...ADD,
      ...save(lost),
      ...END,
      ...i32(1),
    ]),
  );
  const table = patch.table([nobody]);
  const hook = patch.function(
    HOOK_TYPE,
    bodyOf(0, [
      ...get(0),
      ...get(1),
      ...get(2),
      ...get(3),
      ...i32(0),
      0x11,
      ...leb(patch.type(HOOK_TYPE)),
      ...leb(table),
    ]),
  );
  const full = [
    ...i32(REASON.FULL),
    ...load(ring),
    ...load(position),
    ...load(ring),
    ...SUB,
    ...i32(0),
    ...call(hook),
    ...DROP,
    ...load(ring),
    ...save(position),
  ];
  // An allocator's malloc may be a call of its memalign.
  const begin = [
    ...i32(1),
    ...save(depth),
    ...take,
    ...i32(0),
    ...save(depth),
    ...tee(0),
    ...EQZ,
    ...IF,
    ...i32(0),
    ...RETURN,
    ...END,
    ...get(0),
    ...save(ring),
    ...get(0),
    ...save(position),
    ...get(0),
    ...i32(RING_BYTES - RECORD_BYTES),
    ...ADD,
    ...save(last),
  ];
  const room = patch.function(
    ':i',
    bodyOf(1, [...load(ring), ...IF, ...full, ...ELSE, ...begin, ...END, ...load(position)]),
  );
  const globals = {
    [EXPORT.RING]: ring,
    [EXPORT.POSITION]: position,
    [EXPORT.CREDIT]: credit,
    [EXPORT.DEPTH]: depth,
    [EXPORT.LOST]: lost,
    [EXPORT.ID]: patch.global(id),
  };
  for (const [name, global] of Object.entries(globals)) patch.export(name, KIND.GLOBAL, global);
  patch.export(EXPORT.HOOK, KIND.TABLE, table);
  return { depth, credit, position, last, hook, room };
}

/** @param {Role} one  @param {string} type  of the function  @param {number} old  its new index
 *  @param {Shared} shared  @param {boolean} nests  it may call other functions of the allocator
 *  @returns {Uint8Array} */
function wrapper({ role, prefix, least }, type, old, shared, nests) {
  const shape = ROLES[role];
  const params = type.indexOf(':');
  const [result, size, at] = [params, params + 1, params + 2];
  const args = Array.from({ length: params }, (_, i) => get(i)).flat();
  const before = shape.before === null ? i32(0) : shifted(get(shape.before), prefix);
  const { depth } = shared;
  const direct = [...load(depth), ...IF, ...args, ...call(old), ...RETURN, ...END];
  const asked = argumentsOf(params, shape.size, size, least);
  const outer = nests
    ? [...i32(1), ...save(depth), ...asked, ...call(old), ...i32(0), ...save(depth)]
    : [...asked, ...call(old)];
  if (shape.operation === OPERATION.FREE) {
    const code = note(
      shared,
      at,
      [...before, ...i32(-8), ...AND, ...i32(OPERATION.FREE), ...OR],
      [],
    );
    return bodyOf(3, [...direct, ...get(0), ...IF, ...code, ...END, ...outer]);
  }
  const after =
    shape.result === null
      ? shifted(get(result), prefix)
      : [
          ...get(result),
          ...EQZ,
          ...IF_I32,
          ...get(shape.result),
          ...read,
          ...ELSE,
          ...i32(0),
          ...END,
        ];
  const word = [...after, ...i32(-8), ...AND, ...i32(shape.operation), ...OR];
  const more = shape.operation === OPERATION.REALLOC ? [get(size), before] : [get(size)];
  return bodyOf(3, [
    ...direct,
    ...sizeOf(shape.size, prefix),
    ...set(size),
    ...get(size),
    ...load(shared.credit),
    ...GT_U,
    ...IF,
    ...i32(REASON.ASK),
    ...get(size),
    ...before,
    ...i32(shape.operation),
    ...call(shared.hook),
    ...EQZ,
    ...IF,
    ...i32(shape.refusal),
    ...RETURN,
    ...END,
    ...END,
    ...load(shared.credit),
    ...get(size),
    ...SUB,
    ...save(shared.credit),
    ...outer,
    ...set(result),
    ...note(shared, at, word, more),
    ...get(result),
  ]);
}

/** Arguments of a call, with sizes below `least` as that: an allocator whose smallest blocks lie at
 *  multiples of 4 gives blocks at multiples of 8 then.
 *  @param {number} params  @param {readonly number[]} factors  parameters whose product is the size
 *  @param {number} size  a local, the product  @param {number} least
 *  @returns {number[]} */
function argumentsOf(params, factors, size, least) {
  const [first, second] = factors;
  return Array.from({ length: params }, (_, i) => {
    if (least === 0 || (i !== first && i !== second)) return get(i);
    const other = i === first && second !== undefined ? 1 : least; // 1 * least
    return [...get(i), ...i32(other), ...get(size), ...i32(least), ...GE_U, ...SELECT];
  }).flat();
}

/** @param {number[]} address  @param {number} prefix
 *  @returns {number[]} where the block begins; 0 stays 0 */
function shifted(address, prefix) {
  if (prefix === 0) return address;
  return [...address, ...IF_I32, ...address, ...i32(prefix), ...SUB, ...ELSE, ...i32(0), ...END];
}

/** @param {readonly number[]} factors  parameters  @param {number} prefix
 *  @returns {number[]} their product, 2^32-1 if it is more */
function sizeOf(factors, prefix) {
  const [first = 0, second] = factors;
  if (second === undefined)
    return prefix === 0 ? get(first) : [...get(first), ...i32(prefix), ...ADD];
  const product = [...get(first), 0xad, ...get(second), 0xad, 0x7e]; // as i64
  return [
    ...product,
    0x42,
    32,
    0x88,
    0x50,
    ...IF_I32,
    ...product,
    0xa7,
    ...ELSE,
    ...i32(-1),
    ...END,
  ];
}

/** Writes a record.
 *  @param {Shared} shared  @param {number} at  a local  @param {number[]} word  the first one
 *  @param {readonly number[][]} more  further ones
 *  @returns {number[]} */
function note({ position, last, hook, room }, at, word, more) {
  const args = [word, more[0] ?? i32(0), more[1] ?? i32(0)].flat();
  return [
    ...BLOCK,
    ...load(position),
    ...tee(at),
    ...load(last),
    ...GT_U,
    ...IF,
    ...call(room),
    ...tee(at),
    ...EQZ,
    ...IF,
    ...i32(REASON.RECORD),
    ...args,
    ...call(hook),
    ...DROP,
    ...br(2),
    ...END,
    ...END,
    ...[word, ...more].flatMap((value, i) => [...get(at), ...value, ...store(4 * i)]),
    ...get(at),
    ...i32(4 + 4 * more.length),
    ...ADD,
    ...save(position),
    ...END,
  ];
}
