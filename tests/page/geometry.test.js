/** Where memory lies on the page's map, and how one moves over it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  between,
  blockGrid,
  centredOn,
  clampView,
  columnsFor,
  detailAt,
  fitScale,
  fitView,
  maxScale,
  planeOf,
  positionOf,
  scaleInto,
  stretchOf,
  unitAt,
  zoomAt,
} from '../../js/page/src/ui/geometry.js';
import { blockAt, poolInset, sightOf } from '../../js/page/src/ui/paint.js';

const canvas = { width: 900, height: 400 };
const near = (a, b, message) =>
  assert.ok(Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b)), message ?? `${a} is not ${b}`);

test('every unit has a place of its own, and the unit at its place is itself', () => {
  const seen = new Set();
  for (let unit = 0; unit < 50 * 16; unit++) {
    const { x, y } = positionOf(unit, 8);
    seen.add(`${x},${y}`);
    assert.equal(unitAt(x + 0.99, y + 0.01, 8, 50), unit);
  }
  assert.equal(seen.size, 50 * 16);
});

test('beside the plane and behind the last page there is no unit', () => {
  for (const [x, y] of [
    [-0.1, 0],
    [0, -0.1],
    [32, 0],
    [31, 28],
    [8, 24],
  ])
    assert.equal(unitAt(x, y, 8, 50), -1, `${x}, ${y}`);
  assert.ok(unitAt(7.9, 24, 8, 50) >= 0);
});

test('columns are whole arenas, and no other number of them shows pages larger', () => {
  for (const pages of [1, 3, 17, 256, 4096, 16384, 65536]) {
    const columns = columnsFor(pages, canvas);
    assert.equal(columns % 4, 0);
    const best = fitScale(planeOf(pages, columns), canvas);
    for (let other = 4; other <= Math.min(pages + 3, 1024); other += 4) {
      assert.ok(
        fitScale(planeOf(pages, other), canvas) <= best * 1.0000001,
        `${pages} pages: ${other} columns are better than ${columns}`,
      );
    }
  }
});

test('memory that grows keeps its columns until others are a quarter better', () => {
  let columns = columnsFor(16, canvas);
  let changes = 0;
  for (let pages = 16; pages <= 16384; pages++) {
    const next = columnsFor(pages, canvas, columns);
    if (next !== columns) changes++;
    columns = next;
    assert.ok(
      fitScale(planeOf(pages, columns), canvas) * 1.25
        >= fitScale(planeOf(pages, columnsFor(pages, canvas)), canvas),
    );
  }
  assert.ok(changes < 25, `${changes} changes`);
});

test('all of a gigabyte is in sight, each page at least 4 pixels wide', () => {
  const plane = planeOf(16384, columnsFor(16384, canvas));
  const { scale, x, y } = fitView(plane, canvas);
  assert.ok(scale * 4 >= 4, `${scale * 4} pixels`);
  assert.ok(
    x >= 0
      && y >= 0
      && plane.width * scale <= canvas.width + 1e-9
      && plane.height * scale <= canvas.height + 1e-9,
  );
});

test('the point that one zooms at stays where it is', () => {
  const view = { x: -30, y: 12, scale: 3 };
  const at = { x: 200, y: 150 };
  const zoomed = zoomAt(view, at, 2.5, planeOf(1000, 40), canvas);
  assert.equal(zoomed.scale, 7.5);
  near((at.x - zoomed.x) / zoomed.scale, (at.x - view.x) / view.scale);
  near((at.y - zoomed.y) / zoomed.scale, (at.y - view.y) / view.scale);
});

test('zooming further than one may moves nothing', () => {
  const plane = planeOf(1000, 40);
  const closest = { x: -5000, y: -700, scale: maxScale(canvas) };
  assert.deepEqual(zoomAt(closest, { x: 450, y: 200 }, 1.6, plane, canvas), closest);
  const all = fitView(plane, canvas);
  assert.deepEqual(
    clampView(zoomAt(all, { x: 10, y: 10 }, 0.5, plane, canvas), plane, canvas),
    all,
  );
});

test('a view never leaves the plane, never shows less than it could, never looks closer than a pool', () => {
  const plane = planeOf(1000, 40);
  for (const scale of [0.01, 2, 20, 1e6]) {
    for (const [x, y] of [
      [0, 0],
      [1e5, 1e5],
      [-1e7, -1e7],
      [50, -300],
    ]) {
      const view = clampView({ x, y, scale }, plane, canvas);
      assert.ok(
        view.scale >= fitScale(plane, canvas) - 1e-9 && view.scale <= maxScale(canvas) + 1e-9,
      );
      const wide = plane.width * view.scale;
      if (wide > canvas.width)
        assert.ok(view.x <= 1e-6 && view.x + wide >= canvas.width - 1e-6, `${scale} ${x}`);
      else near(view.x, (canvas.width - wide) / 2);
    }
  }
});

test('going in leads from memory to a page and from a page to a pool, and no further', () => {
  const page = scaleInto(1, canvas);
  assert.ok(
    page * 4 <= canvas.height && page * 4 > canvas.height / 2,
    'a page fills most of the canvas',
  );
  const pool = scaleInto(page, canvas);
  assert.ok(pool <= canvas.height && pool > canvas.height / 2, 'a pool fills most of the canvas');
  assert.equal(scaleInto(pool, canvas), pool);
  assert.equal(detailAt(pool), 'blocks');
  assert.deepEqual([0.5, 2, 10].map(detailAt), ['memory', 'pages', 'pools']);
});

test('a glide begins and ends where it should and changes its scale evenly', () => {
  const from = { x: 10, y: 5, scale: 1 };
  const to = centredOn({ x: 100, y: 20 }, 64, canvas);
  assert.deepEqual(between(from, to, 1), to);
  near(between(from, to, 0).x, from.x);
  near(between(from, to, 0.5).scale, 8);
  assert.ok(Number.isFinite(between(from, { ...from, x: 50 }, 0.5).x), 'also without zooming');
});

test('what is in sight is what lies within the canvas', () => {
  const codes = new Uint8Array(64 * 16);
  const scene = {
    view: { x: 0, y: 0, scale: 50 },
    size: { width: 400, height: 200 },
    columns: 8,
    codes,
  };
  assert.deepEqual(sightOf(scene), { x0: 0, x1: 8, y0: 0, y1: 4 });
  assert.deepEqual(sightOf({ ...scene, view: { x: -475, y: -60, scale: 50 } }), {
    x0: 9,
    x1: 18,
    y0: 1,
    y1: 6,
  });
  assert.deepEqual(sightOf({ ...scene, view: { x: -1e6, y: 0, scale: 50 } }), {
    x0: 32,
    x1: 32,
    y0: 0,
    y1: 4,
  });
});

test('every block of a pool is found where it is drawn', () => {
  for (const capacity of [1, 7, 8, 84, 508]) {
    for (const side of [60, 150, 400]) {
      const { columns, rows } = blockGrid(capacity);
      assert.ok(columns * rows >= capacity && (columns - 1) * rows < capacity + rows);
      const inset = poolInset(side);
      for (let i = 0; i < capacity; i++) {
        const x = inset.side + (((i % columns) + 0.5) * (side - inset.side * 2)) / columns;
        const y =
          inset.top + ((Math.floor(i / columns) + 0.5) * (side - inset.top - inset.side)) / rows;
        assert.equal(
          blockAt(x / side, y / side, side, capacity),
          i,
          `${i} of ${capacity} at ${side}`,
        );
      }
      assert.equal(blockAt(0, 0, side, capacity), -1, 'the margin is no block');
      const last = { x: 1 - (1.5 * inset.side) / side, y: 1 - (1.5 * inset.side) / side };
      assert.equal(
        blockAt(last.x, last.y, side, capacity),
        columns * rows === capacity ? capacity - 1 : -1,
        'behind the last one',
      );
    }
  }
});

test('the map fills its canvas: 95 % of it for most sizes of memory, half with a handful of pages', () => {
  const shares = Array.from({ length: 1000 }, (_, i) => {
    const plane = planeOf(i + 8, columnsFor(i + 8, canvas));
    const stretch = stretchOf(plane, canvas);
    assert.ok(stretch >= 0.5 && stretch <= 2);
    const { scale } = fitView(plane, { ...canvas, height: canvas.height / stretch });
    return (plane.width * scale * plane.height * scale * stretch) / (canvas.width * canvas.height);
  });
  assert.ok(shares.every((share) => share > 0.5 && share < 1.001));
  assert.ok(shares.filter((share) => share > 0.95).length > 900);
});
