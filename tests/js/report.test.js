import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Heap, memoryReport } from '../../js/src/index.js';
import { Image } from './lib/image.js';

function stats(change = () => {}) {
  const image = new Image({ pages: 100 });
  image.set('space', image.root, { pages_owned: 80, grows: 12 });
  image.set('heap', image.heap, {
    pools_used: 900,
    raw_segments: 2,
    raw_free: 80000,
    raw_bytes: 900 * 4096 + 400000 + 1104 + 12 * 8 + 80000 + 2 * 16,
    pools: { 3: 700, 4: 200 },
    pools_peak: { 3: 800, 4: 300 },
  });
  image.setClass('obj', 3, { mallocs: 1000000, live: 100000 });
  image.setClass('obj', 4, { mallocs: 200000, live: 20000 });
  image.set('domain', image.domain(3), { raw_bytes: 1104, raw_mallocs: 11 });
  image.set('domain', image.domain(2), { peak: 5000000, raw_bytes: 400000, raw_mallocs: 1 });
  change(image);
  return Heap.from(image.module, image.instance).stats();
}

const lines = (snapshot, options) => memoryReport(snapshot, options).split('\n');

test('no line is longer than the width', () => {
  for (const width of [80, 96, 100]) {
    for (const line of lines(stats(), { width, title: 'lua.wasm, exit code 0, 1.23 s' })) {
      assert.ok(line.length <= width, `${line.length} of ${width}: ${line}`);
    }
  }
});

test('what lived at the peak has a line, and how far off it may be another', () => {
  const text = memoryReport(
    stats((image) => {
      image.set('heap', image.heap, { peak: 2400 + 300 + 5600, peak_most: 12000 });
      image.set('heap', image.heap, { at_peak: { 3: 100, [65 + 1]: 0 } });
      image.set('domain', image.domain(2), { raw_at_peak: 2, raw_bytes_at_peak: 5900 });
      image.setClass('obj', 3, { mallocs: 1000000, live: 0 });
      image.setClass('obj', 4, { mallocs: 200000, live: 0 });
      image.set('domain', image.domain(2), { raw_bytes: 400000, raw_freed: 400000, raw_frees: 1 });
      image.set('domain', image.domain(3), { raw_bytes: 1104 });
    }),
  );
  assert.match(text, /^peak: 8\.11 KiB in blocks/m);
  assert.match(text, /^the true peak may be up to 3\.61 KiB higher$/m);
  assert.match(text, /^blocks at the peak: 2 larger 71\.1 %, 100 of 24 bytes 28\.9 %$/m);
});

test('a peak that does not add up is noticed', () => {
  assert.throws(() => stats((image) => image.set('heap', image.heap, { peak: 5 })), {
    code: 'BAD_MEMORY',
  });
});

test('limits of all heaps have a line', () => {
  const text = memoryReport(stats((image) => image.set('space', image.root, { hard: 8 << 20 })));
  assert.match(text, /^limit of all heaps: 8\.00 MiB$/m);
});

test('the report is plain ASCII without trailing blanks', () => {
  for (const line of lines(stats())) {
    assert.match(line, /^[\x20-\x7e]*$/);
    assert.equal(line, line.trimEnd());
  }
});

test('every domain, use of memory and loss has its line', () => {
  const text = memoryReport(stats());
  for (const word of [
    'raw',
    'mem',
    'object',
    'pools of small blocks',
    'raw blocks',
    '900 pools',
    '12 blocks in 2 segments',
    'free, for either',
    "not the allocator's",
    'asked for by the program',
    'rounding up',
    "the library's own blocks",
    'headers',
    'free space in pools',
    'free raw memory',
    '12 growths',
  ]) {
    assert.ok(text.includes(word), word);
  }
});

test('the report of a further heap does not say whose the rest of the memory is', () => {
  const text = memoryReport({ ...stats(), heap: 2 });
  assert.match(text, /not this heap's/);
  assert.doesNotMatch(text, /not the allocator's/);
});

test('the longest bar is that of the class with most live bytes', () => {
  const bar = (size) =>
    lines(stats())
      .find((line) => new RegExp(`^ +${size} `).test(line))
      ?.split(' ')
      .at(-1) ?? '';
  assert.ok(bar(24).length > bar(32).length && bar(32).length > 0);
});

test('when nothing is live the bars show what was held at peak', () => {
  const text = memoryReport(
    stats((image) => {
      image.setClass('obj', 3, { mallocs: 1000000, live: 0 });
      image.setClass('obj', 4, { mallocs: 200000, live: 0 });
    }),
  );
  assert.match(text, /memory at peak/);
  assert.match(text, / 24 .*####/);
});

test('damage that the library found is said', () => {
  const text = memoryReport(
    stats((image) => image.set('space', image.root, { fault: 10, fault_at: 4096 })),
  );
  assert.match(text, /corruption found: double free, at 0x1000\n/);
});

test('limits have a column only when one is set', () => {
  assert.doesNotMatch(memoryReport(stats()), /limit/);
  assert.match(
    memoryReport(stats((image) => image.set('heap', image.heap, { hard: 64 << 20 }))),
    /limit\n(.*\n)*.*64\.0 MiB/,
  );
});

test('a heap that was never used has a report too', () => {
  const image = new Image();
  const text = memoryReport(Heap.from(image.module, image.instance).stats());
  assert.match(text, /no small block was ever allocated/);
  assert.doesNotMatch(text, /NaN|Infinity|undefined/);
});

test('many classes are cut down to the largest', () => {
  const text = memoryReport(
    stats((image) => {
      for (let slot = 1; slot <= 64; slot++)
        image.setClass('obj', slot, { mallocs: 1000, live: 1000 });
    }),
    { rows: 5 },
  );
  assert.equal(text.split('\n').filter((l) => /^ +\d+ .*#/.test(l)).length, 5);
  assert.match(text, /and 59 others: /);
});

test('numbers are written with three digits and a unit', () => {
  const { domains, ...rest } = stats();
  const written = (liveBytes) => {
    const text = memoryReport({
      ...rest,
      domains: { ...domains, raw: { ...domains.raw, liveBytes } },
    });
    return text.match(/^ *raw +([\d.]+ \w+)/m)?.[1];
  };
  assert.deepEqual([0, 1, 1023, 1024, 10240, 1048576 * 99.95, 5e9].map(written), [
    '0 B',
    '1 B',
    '1023 B',
    '1.00 KiB',
    '10.0 KiB',
    '100 MiB',
    '4.66 GiB',
  ]);
});
