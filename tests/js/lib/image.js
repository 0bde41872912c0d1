/** Heaps that no allocator made: images of linear memory, written field by field through a
 *  descriptor.  The names and types come from src/core/layout.h; the offsets are the test's own (C's,
 *  or with gaps), so a reader that knows an offset by heart fails.  PYM_IMAGES=wide in the environment
 *  makes them those of memories with 64-bit addresses. */

import { readFileSync } from 'node:fs';

import { leb } from '../../../js/src/observe/binary.js';

const HEADER = new URL('../../../src/core/layout.h', import.meta.url);
export const VERSION = 3;
export const WIDE = process.env.PYM_IMAGES === 'wide';
const SIZES = { u8: 1, u16: 2, u32: 4, u64: 8, u48: 8 };
const TYPES = { u8: 1, u16: 2, u32: 3, u64: 4, struct: 5, u48: 6 };
/** What C calls the type of an address, and of a count of bytes. */
const WORDS = ['addr', 'usize'];
const GROUPS = { space: 1, heap: 2, domain: 3, event: 4, segment: 5, pool: 6, list: 7 };
const CLASSES = 64;
const SLOTS = CLASSES + 1;
const LEAVES = 1024;
const WIDE_LEAVES = 4096;
const LEAF_POOLS = 1024;
/** Of arrays, as src/core/layout.h names them. */
const COUNTS = { 1: 1, CLASS_SLOTS: SLOTS, BY_DOMAIN: 2 * SLOTS, LEAVES };
/** C has bit fields there. */
const WIDE_LIST = [{ type: 'u48', name: 'block', count: 1 }];
const EVENTS = 32;

/** Not C's numbers, for the same reason. */
export const MAGIC = { space: 0x5ace5ace, heap: 0x4ea94ea9 };
export const KEY = { raw: 0x1badf00d, link: 0xfee1dead1badcafen };
/** Low bits of a chunk's head: in use, the chunk before is free, of the library's own domain. */
export const FLAG = { inUse: 2, prevFree: 1, internal: 12 };

/** @param {boolean} wide
 *  @returns {Record<string, {type: string, name: string, count: number}[]>} fields by group */
function fieldLists(wide) {
  const word = wide ? 'u64' : 'u32';
  const counts = { ...COUNTS, LEAVES: wide ? WIDE_LEAVES : LEAVES };
  const text = readFileSync(HEADER, 'utf8').replace(/\\\n/g, ' ');
  const lists = {};
  for (const group of [...Object.keys(GROUPS), 'hot']) {
    const body = new RegExp(`#define ${group.toUpperCase()}_FIELDS\\(X\\)(.*)`).exec(text)?.[1];
    if (!body) throw new Error(`src/core/layout.h has no ${group.toUpperCase()}_FIELDS`);
    lists[group] = [...body.matchAll(/X\((\w+), (\w+), (\w+),/g)].map(([, type, name, count]) => ({
      type: WORDS.includes(type) ? word : type,
      name,
      count: counts[count],
    }));
  }
  if (wide) lists.list = WIDE_LIST;
  lists.heap.push(...lists.hot);
  return lists;
}

/** Offsets for all groups.
 *  @param {(name: string, group: string) => number} gap  bytes left free before a field, 8 * n
 *  @param {boolean} wide  of a memory with 64-bit addresses */
export function layOut(gap = () => 0, wide = WIDE) {
  const lists = fieldLists(wide);
  const groups = {};
  const sizes = {};
  const place = (group, extra = []) => {
    let at = 0;
    const fields = {};
    for (const { type, name, count, of = 0, stride = SIZES[type], align = stride } of [
      ...lists[group],
      ...extra,
    ]) {
      at += gap(name, group);
      at = Math.ceil(at / align) * align;
      fields[name] = { type, offset: at, count, stride, of };
      at += count * stride;
    }
    groups[group] = fields;
    sizes[group] = group === 'pool' ? at : Math.ceil(at / 8) * 8;
  };
  for (const group of ['domain', 'event', 'segment', 'pool', 'list']) place(group);
  if (wide) {
    const { block } = groups.list;
    groups.list.count = { type: 'u16', offset: block.offset + 6, count: 1, stride: 2, of: 0 };
  }
  const struct = (name, group, count) => ({
    type: 'struct',
    name,
    count,
    of: GROUPS[group],
    stride: sizes[group],
    align: 8,
  });
  place('space', [struct('events', 'event', EVENTS)]);
  place('heap', [struct('domains', 'domain', 4), struct('lists', 'list', 2 * SLOTS)]);
  const constants = {
    layout_version: VERSION,
    page_bytes: 65536,
    pool_bytes: 4096,
    arena_bytes: 262144,
    classes: CLASSES,
    alignment: 8,
    events: EVENTS,
    debug: 0,
    leaf_pools: LEAF_POOLS,
    link_max: 0xffff,
    pool_header: FIRST,
    pool_room: 4096 - 8 - FIRST,
    raw_header: 8,
    segment_header: 8 + Math.ceil((sizes.segment - 8) / 16) * 16, // chunks begin 8 mod 16
    raw_flags: 15,
    raw_in_use: FLAG.inUse,
    raw_domain_shift: 2,
    raw_cached_max: 2048,
    space_bytes: sizes.space,
    heap_bytes: sizes.heap,
    domain_bytes: sizes.domain,
    event_bytes: sizes.event,
    space_magic: MAGIC.space,
    heap_magic: MAGIC.heap,
    memory64: wide ? 1 : 0,
    link_shift: wide ? 3 : 0,
  };
  return { groups, sizes, constants, wide };
}

/** The records of a layout, as objects that a test may change before encode(). */
export function recordsOf({ groups, constants }) {
  const records = Object.entries(constants).map(([name, value]) => ({
    name,
    group: 0,
    type: 3,
    of: 0,
    count: 1,
    stride: 4,
    value,
  }));
  for (const [group, fields] of Object.entries(groups)) {
    for (const [name, f] of Object.entries(fields)) {
      records.push({
        name,
        group: GROUPS[group],
        type: TYPES[f.type],
        of: f.of,
        count: f.count,
        stride: f.stride,
        value: f.offset,
      });
    }
  }
  return records;
}

/** @returns {Uint8Array} the custom section's contents */
export function encode(records, { version = VERSION, recordBytes = 36, magic = 'PYMALLOC' } = {}) {
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
  return new WebAssembly.Module(
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...leb(body.length), ...body]),
  );
}

/** Where the first block lies in a pool, and how many there are. */
const FIRST = 16;
export const capacityOf = (size) => Math.floor((4096 - 8 - FIRST) / size);

/** A sound image: an empty default heap and a pool table; everything else is the test's to write. */
export class Image {
  calls = [];

  /** @param {{pages?: number, maximum?: number, shared?: boolean, base?: number,
   *    gap?: (name: string) => number, wide?: boolean}} [options]  base: address of the root
   *    structure */
  constructor({ pages = 16, maximum = pages + 16, shared = false, base = 1024, gap, wide } = {}) {
    this.layout = layOut(gap, wide);
    this.unlimited = this.layout.wide ? 2n ** 64n - 1n : 0xffffffff;
    this.module = moduleWith(encode(recordsOf(this.layout)));
    this.memory = new WebAssembly.Memory({ initial: pages, maximum, shared });
    this.root = base;
    this.heap = base + Math.ceil(this.layout.sizes.space / 4096) * 4096;
    this.table = this.heap + Math.ceil(this.layout.sizes.heap / 4096) * 4096 + 8;
    const leafBytes = LEAF_POOLS * this.layout.sizes.pool;
    const leaves = Math.ceil((pages * 16) / LEAF_POOLS);
    this.end = this.table - 8 + Math.ceil((leaves * leafBytes + 8) / 4096) * 4096;
    this.exports = { memory: this.memory };
    // A guest returns an i32, or an i64.
    this.export('pym_root', () => (this.layout.wide ? BigInt(this.root) : this.root | 0));
    this.set('space', this.root, {
      magic: MAGIC.space,
      version: VERSION,
      first_heap: this.heap,
      raw_key: KEY.raw,
      link_key: KEY.link,
      heaps: 1,
      soft: this.unlimited,
      hard: this.unlimited,
    });
    for (let i = 0; i < leaves; i++) {
      this.set('space', this.root, { leaves: { [i]: this.table + i * leafBytes } });
    }
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
  get instance() {
    return { exports: this.exports };
  }

  get view() {
    return new DataView(this.memory.buffer);
  }

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
    else if (field.type === 'u48') {
      view.setUint32(at, value, true);
      view.setUint16(at + 4, Math.floor(value / 2 ** 32), true);
    } else view.setUint32(at, value, true);
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

  /** Counters of one class (block size 8 * slot) of a domain, 'mem' or 'obj'; of its blocks `reused`
   *  were freed into the list, so that malloc had them once more. */
  setClass(domain, slot, { mallocs, live, cached = 0, reused = 0 }, heap = this.heap) {
    const i = domain === 'mem' ? slot : SLOTS + slot,
      taken = BigInt(mallocs) - BigInt(reused);
    this.set('heap', heap, {
      filled: { [i]: taken + BigInt(cached) },
      frees: { [i]: taken - BigInt(live) },
      reused: { [i]: BigInt(reused) },
      pools_peak: { [slot]: 1 },
    });
    this.set('list', this.list(domain, slot, heap), { count: cached });
  }

  addHeap(address, id, fields = {}) {
    this.set('heap', address, {
      magic: MAGIC.heap,
      id,
      next: 0,
      soft: this.unlimited,
      hard: this.unlimited,
      ...fields,
    });
    for (let d = 0; d < 3; d++) {
      const none = { soft: this.unlimited, hard: this.unlimited };
      this.set('domain', this.domain(d, address), none);
    }
  }

  /** Writes the header of a chunk that its heap finds sound. */
  setChunk(at, head, heap = this.heap) {
    if (this.layout.wide) {
      const [a, h] = [BigInt(at), BigInt(head)];
      const both = h ^ a;
      const check = ((both >> 30n) << 20n) ^ both ^ BigInt.asUintN(32, BigInt(heap ^ KEY.raw));
      this.view.setBigUint64(at, BigInt.asUintN(64, check << 34n) | h, true);
      return;
    }
    this.view.setUint32(at, head ^ at ^ heap ^ KEY.raw, true);
    this.view.setUint32(at + 4, head, true);
  }

  /** Makes [from, end) the newest segment of a heap and fills it with chunks.
   *  @param {[bytes: number, kind: 'free' | 'raw' | 'own' | 'pool'][]} chunks  sizes with headers;
   *    own: the library's; what they leave becomes one more free chunk
   *  @returns {number[]} addresses of the chunks, and of the header that ends them */
  addSegment(from, end, chunks = [], heap = this.heap) {
    const next = this.layout.groups.heap.segments.offset + heap;
    this.set('segment', from, { next: this.view.getUint32(next, true), end });
    this.view.setUint32(next, from, true);
    const addresses = [];
    let at = from + this.layout.constants.segment_header;
    let flags = 0;
    const put = (size, kind) => {
      const own = kind === 'own' || kind === 'pool' ? FLAG.internal : 0;
      this.setChunk(at, kind === 'free' ? size : size | FLAG.inUse | own | flags, heap);
      flags = kind === 'free' ? FLAG.prevFree : 0;
      addresses.push(at);
      at += size;
    };
    for (const [size, kind] of chunks) put(size, kind);
    if (at < end - 8) put(end - 8 - at, 'free');
    put(0, 'end');
    return addresses;
  }

  /** Where the pool table has the entry for an address. */
  entry(at) {
    const { view } = this;
    const unit = Math.floor(at / 4096);
    const leaf = view.getUint32(
      this.element('space', this.root, 'leaves', Math.floor(unit / LEAF_POOLS)),
      true,
    );
    return leaf + (unit % LEAF_POOLS) * this.layout.sizes.pool;
  }

  /** Puts a pool at a multiple of 4096; the chunk that it is, is the test's.  Its own list holds the
   *  last blocks, all that are not used.
   *  @param {{size: number, used: number}} pool  used: live, or in a list
   *  @returns {number} its address */
  addPool(at, { size, used }, heap = this.heap) {
    const capacity = capacityOf(size);
    const first = at + FIRST;
    const id = this.view.getUint32(heap + this.layout.groups.heap.id.offset, true);
    this.set('pool', this.entry(at), { size, heap: id & 0xffff });
    this.setFree(
      at,
      Array.from({ length: capacity - used }, (_, i) => first + (used + i) * size),
    );
    if (used === capacity) this.set('pool', this.entry(at), { left: 1 });
    return at;
  }

  /** Makes these blocks the pool's own list. */
  setFree(at, blocks) {
    const { size } = this.readPool(at);
    const first = this.setLinks(at, blocks);
    this.set('pool', this.entry(at), {
      free: first & 0xffff,
      left: capacityOf(size) - blocks.length,
    });
  }

  readPool(at) {
    const field = (name) =>
      this.view.getUint16(this.entry(at) + this.layout.groups.pool[name].offset, true);
    return { free: field('free'), left: field('left'), size: field('size'), heap: field('heap') };
  }

  /** Makes the pool current and these blocks the list of cached blocks of its class in a domain,
   *  'mem' or 'obj'; they are in no other list. */
  setCached(domain, at, blocks, heap = this.heap) {
    const slot = this.readPool(at).size / 8;
    this.set('heap', heap, { current: { [domain === 'mem' ? slot : SLOTS + slot]: at / 4096 } });
    this.set('list', this.list(domain, slot, heap), {
      block: this.setLinks(at, blocks),
      count: blocks.length,
    });
  }

  /** Address of the list of one class (block size 8 * slot) of a domain, 'mem' or 'obj'. */
  list(domain, slot, heap = this.heap) {
    return this.element('heap', heap, 'lists', domain === 'mem' ? slot : SLOTS + slot);
  }

  /** Links blocks of the pool at `at`.
   *  @returns {number} the first; the pool's base if there is none */
  setLinks(at, blocks) {
    blocks.forEach((block, i) => this.setLink(block, blocks[i + 1] ?? at));
    return blocks[0] ?? at;
  }

  /** Makes a block free whose next one is `next`; the pool's base: it is the last. */
  setLink(block, next) {
    this.view.setBigUint64(block, BigInt(next & 0xffff) ^ KEY.link, true);
  }

  /** Writes event `seq` into its slot of the ring and makes it the newest. */
  addEvent(seq, fields) {
    const at = this.element('space', this.root, 'events', ((seq - 1) >>> 0) % EVENTS);
    this.set('event', at, {
      seq,
      kind: 1,
      domain: 2,
      heap: 1,
      bytes: 64,
      pages_before: 1,
      pages_after: 2,
      ...fields,
    });
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
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}
