/** What this package needs from a descriptor: every name it reads, checked once, as offsets that
 *  later code adds to an address.  No offset is written down in this package. */

import { Group, Type, badField, fieldEnd, versionError } from './descriptor.js';
import { badDescriptor } from './errors.js';

/** @typedef {import('./descriptor.js').Descriptor} Descriptor */
/** @typedef {import('./descriptor.js').Field} Field */

/** Meaning of the structures that this package was written for (LAYOUT_VERSION in C). */
const LAYOUT_VERSION = 1;

const { U16, U32, U64, STRUCT } = Type;

const CONSTANTS = /** @type {const} */ ([
  'layout_version', 'page_bytes', 'pool_bytes', 'classes', 'alignment', 'page_header',
  'pool_descriptor', 'space_bytes', 'heap_bytes', 'space_magic', 'heap_magic', 'page_magic',
  'kind_foreign', 'kind_free', 'kind_raw', 'kind_table', 'kind_pool', 'state_usable', 'state_full',
]);
const SPACE = /** @type {const} */ ({
  magic: U32, version: U32, first_heap: U32, page_table: U32, page_table_len: U32,
  pages_owned: U32, pages_owned_peak: U32, pages_free: U32, pages_pool: U32, pages_raw: U32,
  heaps: U32, event_seq: U32, grows: U64, grow_failures: U64,
});
const HEAP = /** @type {const} */ ({
  magic: U32, id: U32, next: U32, soft: U32, hard: U32, pool_pages: U32, arenas: U32,
  arenas_peak: U32, arenas_total: U64, pools_used: U32, raw_segments: U32, raw_bytes: U32,
  raw_free: U32, raw_chunks: U32,
});
const HEAP_ARRAYS = /** @type {const} */ ({
  pools: U32, pools_peak: U32, mem_mallocs: U64, mem_frees: U64, obj_mallocs: U64, obj_frees: U64,
  sampled: U32, sampled_bytes: U32,
});
const DOMAIN = /** @type {const} */ ({
  raw_live: U32, peak: U32, soft: U32, hard: U32, raw_mallocs: U64, raw_frees: U64, raw_bytes: U64,
  failures: U64,
});
const EVENT = /** @type {const} */ ({
  seq: U32, kind: U16, domain: U16, heap: U32, bytes: U32, pages_before: U32, pages_after: U32,
});
const PAGE = /** @type {const} */ ({ heap: U32, unused: U32, number: U32, magic: U32 });
const POOL = /** @type {const} */ ({ until: U16, size: U16, cap: U16, state: U16, index: U16 });

/** @template {string} K  @typedef {Readonly<Record<K, number>>} Offsets */
/** An array inside a structure.
 *  @typedef {object} Span
 *  @property {number} offset
 *  @property {number} stride
 *  @property {number} count */

/** @typedef {object} Layout
 *  @property {Offsets<typeof CONSTANTS[number]>} constants
 *  @property {number} poolsPerPage
 *  @property {Offsets<keyof typeof SPACE>} space
 *  @property {Span} events
 *  @property {Offsets<keyof typeof HEAP>} heap
 *  @property {Readonly<Record<keyof typeof HEAP_ARRAYS, Span>>} arrays
 *  @property {readonly import('./stats.js').ClassStats[]} unusedClasses  what a class reads as that
 *    never served a block
 *  @property {Span} domains
 *  @property {Offsets<keyof typeof DOMAIN>} domain
 *  @property {Offsets<keyof typeof EVENT>} event
 *  @property {Offsets<keyof typeof PAGE>} page
 *  @property {Offsets<keyof typeof POOL>} pool */

/** Checks that every field this package reads is there, has its type and lies inside its structure.
 *  @param {Descriptor} descriptor
 *  @returns {Layout}
 *  @throws {import('./errors.js').PymallocTypeError} BAD_DESCRIPTOR, VERSION */
export function layoutOf(descriptor) {
  const constants = readConstants(descriptor);
  const { page_bytes, pool_bytes, space_bytes, heap_bytes, classes, page_header, pool_descriptor }
    = constants;
  const fields = (/** @type {number} */ group) => descriptor.groups.get(group) ?? new Map();
  const [space, heap] = [fields(Group.SPACE), fields(Group.HEAP)];
  const perClass = (/** @type {number} */ type, /** @type {string} */ name) =>
    span(heap, name, type, classes + 1, heap_bytes);

  return Object.freeze({
    constants,
    poolsPerPage: page_bytes / pool_bytes,
    space: offsets(space, SPACE, space_bytes),
    events: structs(space, 'events', fields(Group.EVENT), Group.EVENT, 1, space_bytes),
    heap: offsets(heap, HEAP, heap_bytes),
    arrays: mapValues(HEAP_ARRAYS, perClass),
    unusedClasses: Array.from({ length: classes },
      (_, i) => unusedClass((i + 1) * constants.alignment)),
    domains: structs(heap, 'domains', fields(Group.DOMAIN), Group.DOMAIN, 4, heap_bytes),
    domain: offsets(fields(Group.DOMAIN), DOMAIN, heap_bytes),
    event: offsets(fields(Group.EVENT), EVENT, space_bytes),
    page: offsets(fields(Group.PAGE), PAGE, page_header),
    pool: offsets(fields(Group.POOL), POOL, pool_descriptor),
  });
}

/** @param {Descriptor} descriptor  @returns {Layout['constants']} */
function readConstants(descriptor) {
  const out = /** @type {Record<typeof CONSTANTS[number], number>} */ ({});
  for (const name of CONSTANTS) {
    const value = descriptor.constants.get(name);
    if (value === undefined) throw badDescriptor(`the constant ${name} is missing`);
    out[name] = value;
  }
  if (out.layout_version !== LAYOUT_VERSION) {
    throw versionError('layout', out.layout_version, LAYOUT_VERSION);
  }
  const { page_bytes: page, pool_bytes: pool, classes, alignment } = out;
  const { page_header: ofPage, pool_descriptor: ofPool } = out;
  // A page's unused pools are bits of one u32, so a page has at most 32 of them.
  const sound = page === 65536 && pool >= 256 && page % pool === 0 && page / pool <= 32
    && ofPage <= 4096 && ofPool <= 4096 && classes >= 1 && classes <= 4096
    && alignment >= 1 && alignment * classes < pool;
  if (!sound) {
    throw badDescriptor(`sizes that cannot be: pages of ${page}, pools of ${pool}, `
      + `${classes} classes in steps of ${alignment}, descriptors of ${ofPage} and ${ofPool}`);
  }
  return out;
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
  if (field.of !== group || (field.count > 1 && field.stride < size)
    || field.offset + (field.count - 1) * field.stride + size > bytes) {
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

/** @param {number} blockSize  @returns {import('./stats.js').ClassStats} */
function unusedClass(blockSize) {
  return Object.freeze({ blockSize, liveBlocks: 0, totalBlocks: 0, pools: 0, peakPools: 0,
    roundingEstimate: 0 });
}
