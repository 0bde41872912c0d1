/** Heaps that no allocator made: images of linear memory, written field by field through a
 *  descriptor.  The names and types come from src/layout.h; the offsets are the test's own (C's,
 *  or with gaps), so a reader that knows an offset by heart fails. */

import { readFileSync } from 'node:fs';

const HEADER = new URL('../../../src/layout.h', import.meta.url);
const SIZES = { u8: 1, u16: 2, u32: 4, u64: 8 };
const TYPES = { u8: 1, u16: 2, u32: 3, u64: 4, struct: 5 };
const GROUPS = { space: 1, heap: 2, domain: 3, event: 4, page: 5, pool: 6 };
const CLASSES = 64;
const EVENTS = 32;

export const MAGIC = { space: 0x5ace5ace, heap: 0x4ea94ea9, page: 0x9a9e9a9e };
/** Not C's numbers, for the same reason. */
export const KIND = { foreign: 0, free: 9, raw: 8, table: 7, pool: 11 };
export const STATE = { usable: 21, full: 22 };

/** @returns {Record<string, {type: string, name: string, count: number}[]>} fields by group */
function fieldLists() {
  const text = readFileSync(HEADER, 'utf8').replace(/\\\n/g, ' ');
  const lists = {};
  for (const group of Object.keys(GROUPS)) {
    const body = new RegExp(`#define ${group.toUpperCase()}_FIELDS\\(X\\)(.*)`).exec(text)?.[1];
    if (!body) throw new Error(`src/layout.h has no ${group.toUpperCase()}_FIELDS`);
    lists[group] = [...body.matchAll(/X\((\w+), (\w+), (\w+),/g)].map(([, type, name, count]) =>
      ({ type, name, count: count === 'CLASS_SLOTS' ? CLASSES + 1 : Number(count) }));
  }
  return lists;
}

/** Offsets for all groups.
 *  @param {(name: string, group: string) => number} gap  bytes left free before a field, 8 * n */
export function layOut(gap = () => 0) {
  const lists = fieldLists();
  const groups = {};
  const sizes = {};
  const place = (group, extra = []) => {
    let at = 0;
    const fields = {};
    for (const { type, name, count, of = 0, stride = SIZES[type], align = stride } of
      [...lists[group], ...extra]) {
      at += gap(name, group);
      at = Math.ceil(at / align) * align;
      fields[name] = { type, offset: at, count, stride, of };
      at += count * stride;
    }
    groups[group] = fields;
    sizes[group] = Math.ceil(at / 8) * 8;
  };
  for (const group of ['domain', 'event', 'page', 'pool']) place(group);
  const struct = (name, group, count) =>
    ({ type: 'struct', name, count, of: GROUPS[group], stride: sizes[group], align: 8 });
  place('space', [struct('events', 'event', EVENTS)]);
  place('heap', [struct('domains', 'domain', 4)]);
  const constants = {
    layout_version: 1, page_bytes: 65536, pool_bytes: 4096, arena_bytes: 262144, classes: CLASSES,
    alignment: 8, events: EVENTS, page_header: sizes.page, pool_descriptor: sizes.pool,
    debug: 0, kind_foreign: KIND.foreign, kind_free: KIND.free, kind_raw: KIND.raw,
    kind_table: KIND.table, kind_pool: KIND.pool, state_usable: STATE.usable, state_full: STATE.full,
    space_bytes: sizes.space, heap_bytes: sizes.heap, space_magic: MAGIC.space,
    heap_magic: MAGIC.heap, page_magic: MAGIC.page,
  };
  return { groups, sizes, constants };
}

/** The records of a layout, as objects that a test may change before encode(). */
export function recordsOf({ groups, constants }) {
  const records = Object.entries(constants).map(([name, value]) =>
    ({ name, group: 0, type: 3, of: 0, count: 1, stride: 4, value }));
  for (const [group, fields] of Object.entries(groups)) {
    for (const [name, f] of Object.entries(fields)) {
      records.push({ name, group: GROUPS[group], type: TYPES[f.type], of: f.of, count: f.count,
        stride: f.stride, value: f.offset });
    }
  }
  return records;
}

/** @returns {Uint8Array} the custom section's contents */
export function encode(records, { version = 1, recordBytes = 36, magic = 'PYMALLOC' } = {}) {
  const bytes = new Uint8Array(16 + records.length * recordBytes);
  const view = new DataView(bytes.buffer);
  new TextEncoder().encodeInto(magic, bytes);
  view.setUint16(8, version, true);
  view.setUint16(10, recordBytes, true);
  view.setUint32(12, records.length, true);
  records.forEach((r, i) => {
    const at = 16 + i * recordBytes;
    new TextEncoder().encodeInto(r.name, bytes.subarray(at, at + 24));
    bytes.set([r.group, r.type, r.of, 0], at + 24);
    view.setUint16(at + 28, r.count, true);
    view.setUint16(at + 30, r.stride, true);
    view.setUint32(at + 32, r.value, true);
  });
  return bytes;
}

/** A module that holds nothing but the custom section. */
export function moduleWith(section, name = 'pymalloc') {
  const label = new TextEncoder().encode(name);
  const body = [...leb(label.length), ...label, ...section];
  return new WebAssembly.Module(new Uint8Array(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...leb(body.length), ...body]));
}

function leb(n) {
  const out = [];
  do {
    out.push((n & 127) | (n > 127 ? 128 : 0));
    n >>>= 7;
  } while (n > 0);
  return out;
}

/** A sound image: an empty default heap and a page table; everything else is the test's to write. */
export class Image {
  calls = [];

  /** @param {{pages?: number, maximum?: number, shared?: boolean, base?: number,
   *    gap?: (name: string) => number}} [options]  base: address of the root structure */
  constructor({ pages = 16, maximum = pages + 16, shared = false, base = 1024, gap } = {}) {
    this.layout = layOut(gap);
    this.module = moduleWith(encode(recordsOf(this.layout)));
    this.memory = new WebAssembly.Memory({ initial: pages, maximum, shared });
    this.root = base;
    this.heap = base + Math.ceil(this.layout.sizes.space / 4096) * 4096;
    this.table = this.heap + Math.ceil(this.layout.sizes.heap / 4096) * 4096;
    this.end = this.table + 262144;
    this.tableLength = pages;
    this.exports = { memory: this.memory };
    this.export('pym_root', () => this.root | 0);   // a guest returns an i32
    this.set('space', this.root, { magic: MAGIC.space, version: 1, first_heap: this.heap,
      page_table: this.table, page_table_len: pages, heaps: 1 });
    this.addHeap(this.heap, 1);
  }

  /** A guest function that notes its calls. */
  export(name, fn) {
    this.exports[name] = (...args) => {
      this.calls.push([name, ...args]);
      return fn(...args);
    };
  }

  /** What Heap.from takes as the instance. */
  get instance() { return { exports: this.exports }; }

  get view() { return new DataView(this.memory.buffer); }

  /** Writes fields of a structure; a value may be an object { index: value } for an array. */
  set(group, base, values) {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'object') {
        for (const [i, v] of Object.entries(value)) this.put(group, base, name, v, Number(i));
      } else {
        this.put(group, base, name, value);
      }
    }
  }

  put(group, base, name, value, index = 0) {
    const field = this.layout.groups[group][name];
    if (!field) throw new Error(`no field ${name} in ${group}`);
    const at = base + field.offset + index * field.stride;
    const { view } = this;
    if (field.type === 'u64') view.setBigUint64(at, BigInt(value), true);
    else if (field.type === 'u16') view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }

  /** Address of element i of an array of structures. */
  element(group, base, name, i) {
    const field = this.layout.groups[group][name];
    return base + field.offset + i * field.stride;
  }

  /** The n-th domain (0 raw, 1 mem, 2 object, 3 the library's own) of a heap. */
  domain(n, heap = this.heap) {
    return this.element('heap', heap, 'domains', n);
  }

  /** Counters of one class (block size 8 * slot) of a domain, 'mem' or 'obj'. */
  setClass(domain, slot, { mallocs, live }, heap = this.heap) {
    this.set('heap', heap, { [`${domain}_mallocs`]: { [slot]: mallocs },
      [`${domain}_frees`]: { [slot]: BigInt(mallocs) - BigInt(live) } });
  }

  addHeap(address, id, fields = {}) {
    this.set('heap', address, { magic: MAGIC.heap, id, next: 0, soft: 0xffffffff, hard: 0xffffffff,
      ...fields });
    for (let d = 0; d < 3; d++) {
      this.set('domain', this.domain(d, address), { soft: 0xffffffff, hard: 0xffffffff });
    }
  }

  /** Writes an entry of the page table. */
  setPage(page, entry) {
    this.view.setUint32(this.table + 4 * page, entry, true);
  }

  /** Where the descriptors of a page's pools lie: behind each other, from `end` on. */
  pools(page) {
    const { page_header: header, pool_descriptor: bytes } = this.layout.constants;
    return this.end + page % 16 * (header + 16 * bytes) + header;
  }

  /** Makes a page a pool page without pools.
   *  @returns {number} address of what describes the page */
  addPoolPage(page, heap = this.heap) {
    this.setPage(page, this.pools(page));
    const header = this.pools(page) - this.layout.constants.page_header;
    this.set('page', header, { heap, unused: 0xffff, number: page, magic: MAGIC.page });
    return header;
  }

  /** Puts a pool into a pool page.
   *  @returns {number} address of its descriptor */
  addPool(page, index, { size, cap, until, state }) {
    const { page_header: header, pool_descriptor: bytes } = this.layout.constants;
    const unused = this.pools(page) - header + this.layout.groups.page.unused.offset;
    this.view.setUint32(unused, this.view.getUint32(unused, true) & ~(1 << index), true);
    const address = this.pools(page) + index * bytes;
    this.set('pool', address, { size, cap, until, state, index });
    return address;
  }

  /** Writes event `seq` into its slot of the ring and makes it the newest. */
  addEvent(seq, fields) {
    const at = this.element('space', this.root, 'events', ((seq - 1) >>> 0) % EVENTS);
    this.set('event', at, { seq, kind: 1, domain: 2, heap: 1, bytes: 64, pages_before: 1,
      pages_after: 2, ...fields });
    this.set('space', this.root, { event_seq: seq });
  }
}

/** Small generator of numbers, the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * below);
  };
}
