/** Runs of pages that are not the allocator's, as a bar of the map. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Code } from '../../js/page/src/ui/palette.js';
import { neighbourOf } from '../../js/page/src/ui/geometry.js';
import { PER_ARENA, foldOf } from '../../js/page/src/ui/fold.js';

/** Arenas of memory, each of one code.  @param {number[]} arenas */
const memory = (arenas) =>
  Uint8Array.from(
    { length: arenas.length * PER_ARENA },
    (_, i) => arenas[Math.floor(i / PER_ARENA)],
  );
const F = Code.FOREIGN;
const P = Code.POOL;
const arenasOf = (codes) =>
  Array.from({ length: codes.length / PER_ARENA }, (_, i) => codes[i * PER_ARENA]);

test('a long run is one arena of the map, a short one is left alone', () => {
  const codes = memory([P, F, F, F, F, F, P, F, F, F, P + 1, F, F, F, F]);
  const fold = foldOf(codes, new Set());
  assert.deepEqual(fold.runs, [
    { from: 1, to: 6, place: 1 },
    { from: 11, to: 15, place: 7 },
  ]);
  assert.deepEqual(arenasOf(fold.apply(codes)), [P, F, P, F, F, F, P + 1, F]);
});

test('each unit has a place, and what is at a place is a unit', () => {
  const codes = memory([F, F, F, F, P, P, F, F, F, F, F, F, P]);
  const fold = foldOf(codes, new Set());
  const shown = fold.apply(codes);
  for (let unit = 0; unit < codes.length; unit++) {
    const place = fold.placeOf(unit);
    assert.equal(shown[place], codes[unit], `unit ${unit}`);
    if (!fold.runOf(unit)) assert.equal(fold.unitAt(place), unit);
    else assert.equal(fold.unitAt(place), fold.runOf(unit).from * PER_ARENA);
  }
  assert.equal(fold.placeOf(codes.length - 1), shown.length - 1);
});

test('a run that a person opened stays open, and one foreign page less is no run', () => {
  const codes = memory([P, F, F, F, F]);
  assert.deepEqual(foldOf(codes, new Set([1])).runs, []);
  assert.equal(foldOf(codes, new Set([1])).apply(codes), codes);
  codes[3 * PER_ARENA + 5] = Code.FREE;
  assert.deepEqual(foldOf(codes, new Set()).runs, []);
});

test('an arrow leaves a bar at once', () => {
  const fold = foldOf(memory([F, F, F, F, F, P, P]), new Set());
  const { place, inBar } = fold.startOf(0, 'ArrowRight');
  assert.equal(inBar, true);
  const next = neighbourOf(place, 'ArrowRight', {
    byPage: true,
    columns: 8,
    places: 3 * PER_ARENA,
  });
  assert.equal(fold.unitAt(next), 5 * PER_ARENA);
  assert.deepEqual(fold.startOf(5 * PER_ARENA, 'ArrowRight'), { place: PER_ARENA, inBar: false });
});

test('nothing at all is nothing', () => {
  const none = new Uint8Array(0);
  assert.deepEqual(foldOf(none, new Set()).apply(none), none);
});
