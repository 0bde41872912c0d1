import assert from 'node:assert/strict';
import { test } from 'node:test';

import { descriptorOf, parseDescriptor } from '../../js/src/index.js';
import { layoutOf } from '../../js/src/layout.js';
import { code } from './lib/heaps.js';
import { encode, layOut, moduleWith, recordsOf } from './lib/image.js';

const records = (change = (r) => r) => change(recordsOf(layOut()));
const layout = (list, options) => layoutOf(parseDescriptor(encode(list, options)));

test('a descriptor yields the constants and the offsets it was written with', () => {
  const made = layOut((name) => (name.length % 3) * 8);
  const read = layoutOf(parseDescriptor(encode(recordsOf(made))));
  assert.equal(read.constants.page_bytes, 65536);
  assert.equal(read.heap.raw_free, made.groups.heap.raw_free.offset);
  assert.equal(read.arrays.frees.offset, made.groups.heap.frees.offset);
  assert.equal(read.domains.stride, made.sizes.domain);
  assert.equal(read.event.pages_after, made.groups.event.pages_after.offset);
});

test('the section is found in a module', () => {
  const { constants } = descriptorOf(moduleWith(encode(records())));
  assert.equal(constants.get('pool_bytes'), 4096);
});

test('a view into a larger buffer is parsed from its own start', () => {
  const bytes = encode(records());
  const larger = new Uint8Array(bytes.length + 100);
  larger.set(bytes, 50);
  assert.equal(
    parseDescriptor(larger.subarray(50, 50 + bytes.length)).constants.get('classes'),
    64,
  );
});

test('fields, groups, types and bytes that a later version appended are passed over', () => {
  const list = records();
  list.push(
    { name: 'shiny', group: 2, type: 4, of: 0, count: 1, stride: 8, value: 0 },
    { name: 'shinier', group: 2, type: 99, of: 0, count: 1, stride: 8, value: 0 },
    { name: 'other', group: 77, type: 3, of: 0, count: 1, stride: 4, value: 12 },
    { name: 'number', group: 0, type: 3, of: 0, count: 1, stride: 4, value: 12 },
  );
  const bytes = encode(list, { recordBytes: 44 });
  const longer = new Uint8Array(bytes.length + 33);
  longer.set(bytes);
  assert.equal(layoutOf(parseDescriptor(longer)).constants.alignment, 8);
});

test('a module of before threads were counted is read, and says nothing of them', () => {
  assert.ok(layout(records()).threads > 0);
  assert.equal(
    layout(records((all) => all.filter(({ name }) => name !== 'threads'))).threads,
    null,
  );
});

test('a module without the section is told what to link', () => {
  assert.throws(
    () => descriptorOf(moduleWith([], 'else')),
    code('NO_DESCRIPTOR', /libpymalloc\.a.*pymalloc::pymalloc/),
  );
});

test('bytes in place of a module are told how to compile them', () => {
  assert.throws(
    () => descriptorOf(new Uint8Array(8)),
    code('BAD_ARGUMENT', /WebAssembly\.compile/),
  );
});

test('every truncation of a descriptor is a typed error', () => {
  const bytes = encode(records());
  for (let n = 0; n < bytes.length; n++) {
    assert.throws(() => parseDescriptor(bytes.subarray(0, n)), code('BAD_DESCRIPTOR'));
  }
});

test('a wrong magic is a damaged descriptor', () => {
  assert.throws(() => layout(records(), { magic: 'PYMALLOX' }), code('BAD_DESCRIPTOR'));
});

test('a newer section asks for a newer package', () => {
  assert.throws(() => layout(records(), { version: 4 }), code('VERSION', /update this package/));
});

test('a newer layout asks for a newer package', () => {
  const list = records();
  list.find((r) => r.name === 'layout_version').value = 4;
  assert.throws(() => layout(list), code('VERSION', /update this package/));
});

test('a module of the layout before is to be linked again', () => {
  assert.throws(() => layout(records(), { version: 2 }), code('VERSION', /link the module again/));
});

test('a name that occurs twice in a group is refused', () => {
  const list = records();
  assert.throws(() => layout([...list, list.at(-1)]), code('BAD_DESCRIPTOR', /twice/));
});

test('every record that the reader needs is missed by name', () => {
  const unread = new Set();
  const list = records();
  let missed = 0;
  for (const record of list) {
    try {
      layout(list.filter((r) => r !== record));
    } catch (error) {
      code('BAD_DESCRIPTOR', new RegExp(`${record.name} is missing`))(error);
      missed++;
      continue;
    }
    unread.add(record.name);
  }
  assert.ok(missed > 50, `${missed} of ${list.length}; not needed: ${[...unread].join(' ')}`);
});

for (const [what, name, group, change] of [
  ['outside its structure', 'raw_free', 2, { value: 0x7ffffff0 }],
  ['whose end wraps around 2^32', 'raw_free', 2, { value: 0xffffffff }],
  ['of another type', 'grows', 1, { type: 3 }],
  ['with too few elements', 'frees', 2, { count: 129 }],
  ['with elements that overlap', 'frees', 2, { stride: 4 }],
  ['whose elements are of another group', 'domains', 2, { of: 4 }],
  ['with too few structures', 'domains', 2, { count: 2 }],
  ['with a list too few', 'lists', 2, { count: 129 }],
  ['with a leaf too few', 'leaves', 1, { count: 1023 }],
  ['whose structures overlap', 'events', 1, { stride: 8 }],
  ['whose last structure sticks out', 'events', 1, { value: layOut().sizes.space - 31 * 24 - 8 }],
]) {
  test(`a field ${what} is refused`, () => {
    const list = records();
    Object.assign(
      list.find((r) => r.name === name && r.group === group),
      change,
    );
    assert.throws(() => layout(list), code('BAD_DESCRIPTOR', new RegExp(name)));
  });
}

for (const [name, value] of [
  ['page_bytes', 0],
  ['pool_bytes', 0],
  ['pool_bytes', 64],
  ['pool_bytes', 5000],
  ['pool_bytes', 131072],
  ['arena_bytes', 0],
  ['arena_bytes', 65537],
  ['classes', 0],
  ['classes', 256],
  ['classes', 0xffffffff],
  ['alignment', 0],
  ['classes', 510],
  ['pool_header', 0],
  ['pool_header', 17],
  ['pool_header', 1 << 20],
  ['pool_room', 511],
  ['pool_room', 4073],
  ['leaf_pools', 0],
  ['leaf_pools', 1000],
  ['leaf_pools', 131072],
  ['leaf_pools', 512],
  ['link_max', 0],
  ['link_max', 4094],
  ['link_max', 2047],
  ['link_max', 0x1ffff],
  ['segment_header', 4],
  ['segment_header', 1 << 20],
  ['raw_header', 4],
  ['raw_header', 17],
  ['raw_flags', 0],
  ['raw_flags', 14],
  ['raw_flags', 0xffffffff],
  ['raw_in_use', 0],
  ['raw_in_use', 16],
  ['raw_domain_shift', 3],
  ['raw_domain_shift', 30],
  ['heap_bytes', 8],
  ['space_bytes', 0],
]) {
  test(`the constant ${name} = ${value} is refused`, () => {
    const list = records();
    list.find((r) => r.name === name).value = value;
    assert.throws(() => layout(list), code('BAD_DESCRIPTOR'));
  });
}

test('an entry of the pool table that is too long is refused', () => {
  const list = records();
  const entry = (value) => ({ name: 'far', group: 6, type: 2, of: 0, count: 1, stride: 2, value });
  assert.equal(layout([...list, entry(62)]).poolStride, 64);
  assert.throws(() => layout([...list, entry(64)]), code('BAD_DESCRIPTOR', /pool table/));
});

test('what is no section is refused', () => {
  for (const value of [undefined, null, 'PYMALLOC', [1, 2], new ArrayBuffer(8)]) {
    assert.throws(() => parseDescriptor(value), code('BAD_ARGUMENT'));
  }
  const gone = new Uint8Array(100);
  structuredClone(0, { transfer: [gone.buffer] });
  assert.throws(() => parseDescriptor(gone), code('BAD_DESCRIPTOR'));
});
