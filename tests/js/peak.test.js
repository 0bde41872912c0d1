/** stats().atPeak: what it is kept from one reading to the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compileModule, createAllocatorSync, descriptorOf } from '../../js/src/index.node.js';
import { layoutOf } from '../../js/src/layout.js';
import { code } from './lib/heaps.js';

const of = (atPeak) => ({
  bytes: atPeak.bytes,
  classes: atPeak.classes.map(({ blockSize, mem, object }) => [blockSize, mem, object]),
  large: { ...atPeak.large },
});

/** What lives now, as atPeak tells it. */
const wanted = (sizes, large) => ({
  bytes: sizes.reduce((sum, [size, mem, object]) => sum + size * (mem + object), large.bytes),
  classes: sizes,
  large,
});

test('each reading has the peak as it is then', () => {
  const allocator = createAllocatorSync();
  allocator.heap.setLimits({ all: { soft: 0 } }); // the peak is exact to the byte
  const none = { bytes: 0, blocks: 0 };
  const peak = () => of(allocator.heap.stats().atPeak);
  const small = Array.from({ length: 3 }, () => allocator.malloc(100));
  assert.deepEqual(peak(), wanted([[112, 0, 3]], none));
  allocator.free(small.pop());
  assert.deepEqual(peak(), wanted([[112, 0, 3]], none), 'it stays where less lives');
  assert.equal(allocator.heap.stats().atPeak.classes, allocator.heap.stats().atPeak.classes);
  const mem = allocator.mem.malloc(300);
  assert.deepEqual(peak().bytes, 2 * 112 + 304, 'more lives than ever, of other classes');
  allocator.mem.free(mem);
  const raw = allocator.raw.malloc(3000);
  const { bytes, blocks } = allocator.heap.stats().atPeak.large;
  assert.deepEqual([bytes >= 3000, blocks], [true, 1]);
  allocator.raw.free(raw);
  assert.deepEqual(
    peak(),
    wanted([[112, 0, 2]], { bytes, blocks: 1 }),
    'it moved between readings',
  );
});

test('a peak whose parts were overwritten is found, though it was read before', async () => {
  const allocator = createAllocatorSync();
  for (let i = 0; i < 1000; i++) allocator.malloc(100);
  const { heap, memory } = allocator;
  heap.stats();
  const { arrays } = layoutOf(descriptorOf(await compileModule()));
  const at = heap.address + arrays.at_peak.offset + 3 * arrays.at_peak.stride;
  new DataView(memory.buffer).setUint32(at, 77777, true);
  assert.throws(() => heap.stats(), code('BAD_MEMORY', /a peak of \d+ bytes made of \d+/));
});
