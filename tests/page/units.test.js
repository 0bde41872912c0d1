/** From a heap map to what is drawn: codes of units, pixels that changed, differences. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageKind, PoolState } from '../../js/src/index.js';
import {
  Code,
  DIFF_LEVELS,
  POOL_LEVELS,
  RAW_LEVELS,
  THEMES,
  lookupTable,
} from '../../js/page/src/ui/palette.js';
import { Pixels } from '../../js/page/src/ui/texture.js';
import { differenceOf, fillOf, level, unitsOf } from '../../js/page/src/ui/units.js';

/** @param {{kind: number, raw?: number, free?: number, pools?: [unit: number, blocks: number, capacity: number, state?: number][]}[]} pages */
function mapOf(pages) {
  const all = pages.flatMap(({ pools = [] }, p) => pools.map((pool) => [p, ...pool]));
  const firstPool = [0];
  for (let p = 0; p < pages.length; p++) firstPool.push(all.filter(([page]) => page <= p).length);
  return {
    pageBytes: 65536,
    poolBytes: 4096,
    pages: Uint8Array.from(pages, (p) => p.kind),
    firstPool: Uint32Array.from(firstPool),
    rawBytes: Uint32Array.from(pages, (p) => p.raw ?? 0),
    freeBytes: Uint32Array.from(pages, (p) => p.free ?? 0),
    pools: {
      address: Uint32Array.from(all, ([p, unit]) => p * 65536 + unit * 4096),
      blocks: Uint16Array.from(all, (pool) => pool[2]),
      capacity: Uint16Array.from(all, (pool) => pool[3]),
      blockSize: new Uint16Array(all.length).fill(32),
      state: Uint8Array.from(all, (pool) => pool[4] ?? PoolState.USABLE),
      owner: new Uint32Array(all.length),
    },
    totals: {},
    damage: new Uint32Array(0),
  };
}

test('each kind of page has its colour, and a pool its own within its page', () => {
  const codes = unitsOf(
    mapOf([
      { kind: PageKind.FOREIGN },
      { kind: PageKind.FREE, free: 65536 },
      { kind: PageKind.DAMAGED },
      { kind: PageKind.RAW, raw: 65536 },
      {
        kind: PageKind.POOL,
        raw: 30720,
        free: 30720,
        pools: [
          [2, 0, 126],
          [3, 126, 126, PoolState.FULL],
          [15, 60, 126],
        ],
      },
    ]),
  );
  assert.equal(codes.length, 5 * 16);
  assert.deepEqual(
    [0, 1, 2].map((p) => new Set(codes.subarray(p * 16, p * 16 + 16))),
    [new Set([Code.FOREIGN]), new Set([Code.FREE]), new Set([Code.DAMAGED])],
  );
  assert.equal(codes[3 * 16], Code.RAW + RAW_LEVELS - 1, 'all raw');
  assert.equal(codes[4 * 16 + 2], Code.POOL, 'no block live');
  assert.equal(codes[4 * 16 + 3], Code.POOL + POOL_LEVELS - 1, 'all blocks live');
  assert.ok(Math.abs(fillOf(codes[4 * 16 + 15]) - 60 / 126) < 0.05);
  assert.ok(
    codes[4 * 16] > Code.RAW && codes[4 * 16] < Code.RAW + RAW_LEVELS - 1,
    'what is no pool there is raw, in part',
  );
});

test('a pool whose entry was overwritten is damaged, not empty', () => {
  const codes = unitsOf(mapOf([{ kind: PageKind.POOL, pools: [[5, 0, 0, PoolState.DAMAGED]] }]));
  assert.equal(codes[5], Code.DAMAGED);
});

test('only nothing is empty and only everything is full', () => {
  for (const levels of [RAW_LEVELS, POOL_LEVELS, DIFF_LEVELS]) {
    assert.equal(level(0, 500, levels), 0);
    assert.equal(level(500, 500, levels), levels - 1);
    let last = 0;
    for (let n = 1; n < 500; n++) {
      const now = level(n, 500, levels);
      assert.ok(now >= Math.max(1, last) && now <= levels - 2, `${n} of 500: ${now}`);
      last = now;
    }
    assert.equal(last, levels - 2, 'every level is used');
  }
});

test('the array is used again, unless memory grew', () => {
  const one = mapOf([{ kind: PageKind.FREE, free: 65536 }]);
  const codes = unitsOf(one);
  assert.equal(unitsOf(one, codes), codes);
  assert.notEqual(unitsOf(mapOf([{ kind: PageKind.FREE }, { kind: PageKind.FREE }]), codes), codes);
});

test('a difference tells what is used more, less, the same, and what is new', () => {
  const full = Code.POOL + POOL_LEVELS - 1;
  const half = Code.POOL + POOL_LEVELS / 2;
  const codes = differenceOf(
    Uint8Array.of(Code.FREE, full, half, Code.FREE, Code.POOL),
    Uint8Array.of(full, Code.FREE, half, Code.FOREIGN, Code.DAMAGED, Code.RAW + RAW_LEVELS - 1),
  );
  assert.deepEqual(
    [...codes],
    [
      Code.MORE + DIFF_LEVELS - 1,
      Code.LESS + DIFF_LEVELS - 1,
      Code.SAME,
      Code.SAME,
      Code.DAMAGED,
      Code.MORE + DIFF_LEVELS - 1,
    ],
  );
});

test('a difference the other way round has the opposite sign', () => {
  const a = Uint8Array.from({ length: 256 }, (_, i) => Code.POOL + (i % POOL_LEVELS));
  const b = Uint8Array.from({ length: 256 }, (_, i) => Code.POOL + ((i * 7) % POOL_LEVELS));
  const [there, back] = [differenceOf(a, b), differenceOf(b, a)];
  there.forEach((code, i) =>
    assert.equal(
      back[i],
      code === Code.SAME
        ? code
        : code >= Code.MORE
          ? code - Code.MORE + Code.LESS
          : code - Code.LESS + Code.MORE,
    ),
  );
});

test('only rows that changed are painted again, and every pixel is what its unit is', () => {
  const table = lookupTable(THEMES.light.map);
  const pixels = new Pixels(table);
  const codes = new Uint8Array(64 * 16).fill(Code.FREE);
  assert.deepEqual(pixels.paint(codes, 8), { from: 0, to: 32 });
  assert.equal(pixels.paint(codes, 8), null);
  codes[8 * 16 + 5] = Code.DAMAGED; // second row of pages, second row of units
  assert.deepEqual(pixels.paint(codes, 8), { from: 5, to: 6 });
  assert.equal(pixels.data[5 * 32 + 1], table[Code.DAMAGED]);
  assert.equal(pixels.data.filter((p) => p === table[Code.FREE]).length, 64 * 16 - 1);
});

test('a new theme, more memory or other columns paint all of it again', () => {
  const pixels = new Pixels(lookupTable(THEMES.light.map));
  const codes = new Uint8Array(16 * 16).fill(Code.RAW);
  pixels.paint(codes, 4);
  assert.deepEqual(pixels.paint(codes, 8), { from: 0, to: 8 });
  pixels.table = lookupTable(THEMES.dark.map);
  assert.deepEqual(pixels.paint(codes, 8), { from: 0, to: 8 });
  assert.equal(pixels.data[0], lookupTable(THEMES.dark.map)[Code.RAW]);
  assert.deepEqual(pixels.paint(new Uint8Array(20 * 16), 8), { from: 0, to: 12 });
  assert.equal(pixels.data.length, 32 * 12);
});

test('pages that are missing in the last row stay transparent', () => {
  const pixels = new Pixels(lookupTable(THEMES.light.map));
  pixels.paint(new Uint8Array(5 * 16).fill(Code.FREE), 4);
  assert.equal(pixels.data[4 * 16 + 4], 0);
});
