/** What this package needs from a descriptor: every name it reads, checked once, as offsets that
 *  later code adds to an address.  No offset is written down in this package, but that the header
 *  of a chunk is `check` and `head` (src/core/chunk_layout.h in C; headAt reads it), and that a link is the first word of
 *  a free block. */

import { Group, LAYOUT_VERSION, Type, badField, fieldEnd, versionError } from './descriptor.js';
import { badDescriptor } from './errors.js';

/** @typedef {import('./descriptor.js').Descriptor} Descriptor */
/** @typedef {import('./descriptor.js').Field} Field */

const { U16, U32, U64, U48, STRUCT } = Type;
/** An address or a count of bytes: a U64 where memory has 64-bit addresses, else a U32. */
const WORD = -1;

/** The domain behind raw, mem and object: what the library keeps for itself. */
export const INTERNAL = 3;
/** Bytes of an entry of the pool table, at the most. */
const ENTRY_MOST = 64;

const CONSTANTS = /** @type {const} */ ([
  'layout_version',
  'page_bytes',
  'pool_bytes',
  'arena_bytes',
  'classes',
  'alignment',
  'leaf_pools',
  'link_max',
  'pool_header',
  'pool_room',
  'segment_header',
  'raw_header',
  'raw_flags',
  'raw_in_use',
  'raw_domain_shift',
  'raw_cached_max',
  'space_bytes',
  'heap_bytes',
  'space_magic',
  'heap_magic',
]);
const SPACE = /** @type {const} */ ({
  magic: U32,
  version: U32,
  first_heap: WORD,
  raw_key: U32,
  link_key: U64,
  pages_owned: U32,
  event_seq: U32,
  grows: U64,
  grow_failures: U64,
  fault: U32,
  fault_at: WORD,
  soft: WORD,
  hard: WORD,
});
const THREADS = /** @type {const} */ ({ threads: U32 });
const HEAP = /** @type {const} */ ({
  magic: U32,
  id: U32,
  next: WORD,
  soft: WORD,
  hard: WORD,
  segments: WORD,
  raw_segments: U32,
  raw_bytes: WORD,
  raw_free: WORD,
  raw_cached: WORD,
  pools_used: U32,
  peak: WORD,
  peak_most: U64,
});
/** An element for each class; and one for each class of mem, then of object. */
const BY_CLASS = /** @type {const} */ ({
  pools: U32,
  pools_peak: U32,
  sampled: U64,
  sampled_bytes: U64,
});
const BY_DOMAIN = /** @type {const} */ ({
  filled: U64,
  frees: U64,
  reused: U64,
  current: U32,
  at_peak: U32,
});
const DOMAIN = /** @type {const} */ ({
  peak: WORD,
  soft: WORD,
  hard: WORD,
  raw_mallocs: U64,
  raw_frees: U64,
  raw_bytes: U64,
  raw_freed: U64,
  failures: U64,
  raw_at_peak: U32,
  raw_bytes_at_peak: WORD,
});
const EVENT = /** @type {const} */ ({
  seq: U32,
  kind: U16,
  domain: U16,
  heap: U32,
  bytes: WORD,
  pages_before: U32,
  pages_after: U32,
});
const SEGMENT = /** @type {const} */ ({ next: WORD, end: WORD });
const POOL = /** @type {const} */ ({ free: U16, left: U16, size: U16, heap: U16 });
const LIST = /** @type {const} */ ({ block: U32, count: U32 });
const WIDE_LIST = /** @type {const} */ ({ block: U48, count: U16 });

/** @template {string} K  @typedef {Readonly<Record<K, number>>} Offsets */
/** An array inside a structure.
 *  @typedef {object} Span
 *  @property {number} offset
 *  @property {number} stride
 *  @property {number} count */

/** @typedef {object} Layout
 *  @property {Offsets<typeof CONSTANTS[number]>} constants
 *  @property {boolean} wide  the memory has 64-bit addresses: so many bits have they, and counts of
 *    bytes
 *  @property {Offsets<keyof typeof SPACE>} space
 *  @property {number | null} threads  of the space; null: the module is older than this field
 *  @property {Span} events
 *  @property {Offsets<keyof typeof HEAP>} heap
 *  @property {Span} leaves  of the pool table
 *  @property {Readonly<Record<keyof typeof BY_CLASS | keyof typeof BY_DOMAIN, Span>>} arrays
 *  @property {readonly import('./stats.js').ClassStats[]} unusedClasses  what a class reads as that
 *    never served a block
 *  @property {Span} domains
 *  @property {Offsets<keyof typeof DOMAIN>} domain
 *  @property {Offsets<keyof typeof EVENT>} event
 *  @property {Offsets<keyof typeof SEGMENT>} segment
 *  @property {Offsets<keyof typeof POOL>} pool  an entry of the pool table
 *  @property {number} poolStride  bytes from one entry to the next
 *  @property {Uint16Array} capacity  blocks in a pool, by their size; 0: no class has that size
 *  @property {Span} lists  cached blocks of the current pools, by domain and class
 *  @property {Offsets<keyof typeof LIST>} list */

/** Checks that every field this package reads is there, has its type and lies inside its structure.
 *  @param {Descriptor} descriptor
 *  @returns {Layout}
 *  @throws {import('./errors.js').PymallocTypeError} BAD_DESCRIPTOR, VERSION */
export function layoutOf(descriptor) {
  const constants = readConstants(descriptor);
  const { space_bytes, heap_bytes, classes, segment_header } = constants;
  const wide = isWide(descriptor);
  const fields = (/** @type {number} */ group) => descriptor.groups.get(group) ?? new Map();
  const [space, heap] = [fields(Group.SPACE), fields(Group.HEAP)];
  const word = wide ? U64 : U32;
  /** @template {Readonly<Record<string, number>>} T  @param {number} group  @param {T} wanted
   *  @param {number} bytes  of the structure */
  const at = (group, wanted, bytes) =>
    offsets(
      fields(group),
      mapValues(wanted, (type) => (type === WORD ? word : type)),
      bytes,
    );
  const slots = classes + 1;
  const array =
    (/** @type {number} */ least) => (/** @type {number} */ type, /** @type {string} */ name) =>
      span(heap, name, type, least, heap_bytes);
  const leaves = Math.ceil(2 ** (wide ? 34 : 32) / (constants.leaf_pools * constants.pool_bytes));
  const poolStride = entryBytes(fields(Group.POOL));

  return Object.freeze({
    constants,
    wide,
    space: at(Group.SPACE, SPACE, space_bytes),
    threads: space.has('threads') ? offsets(space, THREADS, space_bytes).threads : null,
    events: structs(space, 'events', fields(Group.EVENT), Group.EVENT, 1, space_bytes),
    heap: at(Group.HEAP, HEAP, heap_bytes),
    leaves: span(space, 'leaves', word, leaves, space_bytes),
    arrays: Object.freeze({
      ...mapValues(BY_CLASS, array(slots)),
      ...mapValues(BY_DOMAIN, array(2 * slots)),
    }),
    unusedClasses: Array.from({ length: classes }, (_, i) =>
      unusedClass((i + 1) * constants.alignment),
    ),
    domains: structs(heap, 'domains', fields(Group.DOMAIN), Group.DOMAIN, INTERNAL + 1, heap_bytes),
    domain: at(Group.DOMAIN, DOMAIN, heap_bytes),
    event: at(Group.EVENT, EVENT, space_bytes),
    segment: at(Group.SEGMENT, SEGMENT, segment_header),
    pool: offsets(fields(Group.POOL), POOL, poolStride),
    poolStride,
    capacity: capacities(constants),
    lists: structs(heap, 'lists', fields(Group.LIST), Group.LIST, 2 * slots, heap_bytes),
    list: offsets(fields(Group.LIST), wide ? WIDE_LIST : LIST, heap_bytes),
  });
}

/** @param {Descriptor} descriptor  @returns {boolean} modules older than the constant have 32 bits */
function isWide({ constants }) {
  const memory64 = constants.get('memory64') ?? 0;
  if (memory64 > 1) throw badDescriptor(`the constant memory64 is ${memory64}`);
  return memory64 === 1;
}

/** @param {Descriptor} descriptor  @returns {Layout['constants']} */
function readConstants(descriptor) {
  const out = /** @type {Record<typeof CONSTANTS[number], number>} */ ({});
  for (const name of CONSTANTS) {
    const value = descriptor.constants.get(name);
    if (value === undefined) throw badDescriptor(`the constant ${name} is missing`);
    out[name] = value;
  }
  if (out.layout_version !== LAYOUT_VERSION) throw versionError(out.layout_version);
  checkSizes(out);
  return out;
}

/** What the walk over memory relies on: a chunk has room for its header and flags below its size, a
 *  pool for a block of any class, and a link reaches any block of a pool.
 *  @param {Layout['constants']} c */
function checkSizes(c) {
  const { page_bytes: page, pool_bytes: pool, arena_bytes: arena, classes, alignment } = c;
  const { leaf_pools: leaf, link_max: link, segment_header: ofSegment, raw_header: ofChunk } = c;
  const { pool_header: header, pool_room: room } = c;
  const unit = c.raw_flags + 1; // sizes of chunks are multiples of it
  const powerOf2 = (/** @type {number} */ n) => n > 0 && (n & (n - 1)) === 0;
  const sound =
    page === 65536
    && pool >= 256
    && pool <= page
    && powerOf2(pool)
    && arena > 0
    && arena % page === 0
    && classes >= 1
    && alignment >= 1
    && alignment * classes <= room
    && header >= 1
    && header + room + ofChunk <= pool
    && powerOf2(leaf)
    && leaf <= 65536
    && powerOf2(link + 1)
    && link < 65536
    && pool <= link + 1
    && powerOf2(unit)
    && unit <= 256
    && ofChunk >= 8
    && ofChunk <= unit
    && ofSegment <= 256
    && c.raw_in_use > 0
    && c.raw_in_use <= c.raw_flags
    && INTERNAL * 2 ** c.raw_domain_shift <= c.raw_flags;
  if (!sound) {
    throw badDescriptor(
      `sizes that cannot be: pages of ${page}, arenas of ${arena}, pools of `
        + `${pool} with ${header} of header and room for ${room}, ${leaf} to a leaf, with links up to ${link}, ${classes} classes in steps of `
        + `${alignment}, headers of ${ofSegment} and ${ofChunk}, flags ${c.raw_flags} `
        + `with the domain from bit ${c.raw_domain_shift} on`,
    );
  }
}

/** @template {Readonly<Record<string, number>>} T
 *  @param {ReadonlyMap<string, Field>} fields  @param {T} wanted  names and types
 *  @param {number} bytes  size of the structure
 *  @returns {Offsets<keyof T & string>} */
function offsets(fields, wanted, bytes) {
  return mapValues(wanted, (type, name) => span(fields, name, type, 1, bytes).offset);
}

/** @template {Readonly<Record<string, number>>} T  @template V
 *  @param {T} object  @param {(value: number, name: string) => V} fn
 *  @returns {Record<keyof T & string, V>} */
function mapValues(object, fn) {
  const out = /** @type {Record<string, V>} */ ({});
  for (const [name, value] of Object.entries(object)) out[name] = fn(value, name);
  return Object.freeze(/** @type {Record<keyof T & string, V>} */ (out));
}

/** @param {ReadonlyMap<string, Field>} fields  @param {string} name  @param {number} type
 *  @param {number} least  elements needed  @param {number} bytes  size of the structure
 *  @returns {Span} */
function span(fields, name, type, least, bytes) {
  const field = fields.get(name);
  if (!field) throw badDescriptor(`the field ${name} is missing`);
  if (field.type !== type || field.count < least || fieldEnd(field) > bytes) {
    throw badField(field, `type ${type}, at least ${least} of them, within ${bytes} bytes`);
  }
  return Object.freeze({ offset: field.offset, stride: field.stride, count: field.count });
}

/** An array of structures: their fields must lie within one stride.
 *  @param {ReadonlyMap<string, Field>} fields  @param {string} name
 *  @param {ReadonlyMap<string, Field>} inner  @param {number} group  of the elements
 *  @param {number} least  @param {number} bytes
 *  @returns {Span} */
function structs(fields, name, inner, group, least, bytes) {
  const out = span(fields, name, STRUCT, least, bytes);
  const field = /** @type {Field} */ (fields.get(name));
  const size = extent(inner);
  if (
    field.of !== group
    || (field.count > 1 && field.stride < size)
    || field.offset + (field.count - 1) * field.stride + size > bytes
  ) {
    throw badField(field, `elements of group ${group}, ${size} bytes each, within ${bytes} bytes`);
  }
  return out;
}

/** @param {ReadonlyMap<string, Field>} fields  @returns {number} where the last field ends */
function extent(fields) {
  let end = 0;
  for (const field of fields.values()) {
    if (field.type !== STRUCT) end = Math.max(end, fieldEnd(field));
  }
  return end;
}

/** @param {ReadonlyMap<string, Field>} fields  of an entry of the pool table
 *  @returns {number} bytes of it, as C lays a structure of numbers out */
function entryBytes(fields) {
  const plain = [...fields.values()].filter(({ type }) => type !== STRUCT);
  const align = Math.max(1, ...plain.map((field) => fieldEnd({ ...field, count: 1, offset: 0 })));
  const bytes = Math.ceil(extent(fields) / align) * align;
  if (bytes > ENTRY_MOST) throw badDescriptor(`entries of ${bytes} bytes in the pool table`);
  return bytes;
}

/** @param {Layout['constants']} constants  @returns {Uint16Array} blocks in a pool, by their size */
function capacities({ alignment, classes, pool_room }) {
  const out = new Uint16Array(alignment * classes + 1);
  for (let size = alignment; size < out.length; size += alignment) {
    out[size] = Math.floor(pool_room / size);
  }
  return out;
}

/** @param {number} blockSize  @returns {import('./stats.js').ClassStats} */
function unusedClass(blockSize) {
  return Object.freeze({
    blockSize,
    liveBlocks: 0,
    totalBlocks: 0,
    pools: 0,
    peakPools: 0,
    roundingEstimate: 0,
  });
}
