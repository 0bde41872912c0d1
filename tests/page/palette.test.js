/** The page's colours: contrast as WCAG 2 computes it, and what colour-blind eyes tell apart. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Code,
  DIFF_LEVELS,
  POOL_LEVELS,
  RAW_LEVELS,
  THEMES,
  lookupTable,
  rgb,
} from '../../js/page/src/ui/palette.js';

const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const linearRgb = (colour) => rgb(colour).map((c) => linear(c / 255));
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a, b) {
  const [x, y] = [a, b].map((c) => luminance(linearRgb(c))).sort((m, n) => n - m);
  return (x + 0.05) / (y + 0.05);
}

/** Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB. */
const EYES = {
  usual: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanopia: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
};

/** @returns {number[]} OKLab of a colour as these eyes see it */
function seen(colour, m) {
  const c = linearRgb(colour);
  const [r, g, b] = [0, 3, 6].map((i) =>
    Math.min(1, Math.max(0, m[i] * c[0] + m[i + 1] * c[1] + m[i + 2] * c[2])),
  );
  const [l, s, t] = [
    0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
    0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
    0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
  ].map(Math.cbrt);
  return [
    0.2104542553 * l + 0.793617785 * s - 0.0040720468 * t,
    1.9779984951 * l - 2.428592205 * s + 0.4505937099 * t,
    0.0259040371 * l + 0.7827717662 * s - 0.808675766 * t,
  ];
}

/** @returns {number} distance; 2 is what one just sees side by side */
function distance(a, b, eyes) {
  const [x, y] = [seen(a, EYES[eyes]), seen(b, EYES[eyes])];
  return 100 * Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

for (const [name, { ui, map }] of Object.entries(THEMES)) {
  const grounds = ['page', 'card', 'sunken'];
  const texts = ['text', 'muted', 'accent', 'good', 'bad', 'warn', 'more', 'less'];
  for (const text of texts) {
    test(`${name}: text in ${text} has a contrast of 4.5 on every ground it stands on`, () => {
      for (const ground of grounds)
        assert.ok(
          contrast(ui[text], ui[ground]) >= 4.5,
          `${ground}: ${contrast(ui[text], ui[ground])}`,
        );
    });
  }
  for (const [text, ground] of [
    ['accent-text', 'accent'],
    ['text', 'accent-soft'],
    ['text', 'bad-soft'],
    ['bad', 'bad-soft'],
    ['text', 'warn-soft'],
    ['code-word', 'sunken'],
    ['code-text', 'sunken'],
    ['code-number', 'sunken'],
    ['code-comment', 'sunken'],
  ]) {
    test(`${name}: ${text} has a contrast of 4.5 on ${ground}`, () => {
      assert.ok(contrast(ui[text], ui[ground]) >= 4.5, String(contrast(ui[text], ui[ground])));
    });
  }
  for (const graphic of [
    'control',
    'focus',
    'raw',
    'mem',
    'object',
    'linear',
    'requested',
    'bad',
  ]) {
    test(`${name}: ${graphic} as a border, a line or a mark has a contrast of 3 on cards`, () => {
      assert.ok(contrast(ui[graphic], ui.card) >= 3, String(contrast(ui[graphic], ui.card)));
    });
  }
  const states = {
    foreign: map.foreign,
    'full raw': map.raw[1],
    'full pool': map.pool[1],
    damaged: map.damaged,
  };
  for (const [state, colour] of Object.entries(states)) {
    test(`${name}: ${state} memory has a contrast of 3 on the map's ground`, () => {
      assert.ok(contrast(colour, map.outside) >= 3, String(contrast(colour, map.outside)));
    });
  }
  test(`${name}: the mark of damage has a contrast of 3 on damaged memory, and the cursor on the map's ground`, () => {
    assert.ok(contrast(map.damagedInk, map.damaged) >= 3);
    assert.ok(contrast(map.cursor, map.outside) >= 3);
  });
  for (const eyes of Object.keys(EYES)) {
    test(`${name}, ${eyes}: no two states of memory look alike`, () => {
      const all = Object.entries({ ...states, free: map.free });
      all.forEach(([a, x], i) =>
        all
          .slice(i + 1)
          .forEach(([b, y]) =>
            assert.ok(
              distance(x, y, eyes) >= 10,
              `${a} and ${b}: ${distance(x, y, eyes).toFixed(1)}`,
            ),
          ),
      );
    });
    test(`${name}, ${eyes}: a full pool differs from an empty one, more in use from less`, () => {
      for (const [a, b] of [
        map.pool,
        map.raw,
        [map.more[1], map.less[1]],
        [map.more[0], map.less[0]],
        [map.same, map.more[1]],
        [map.same, map.less[1]],
      ]) {
        assert.ok(distance(a, b, eyes) >= 7, `${a} and ${b}: ${distance(a, b, eyes).toFixed(1)}`);
      }
    });
    test(`${name}, ${eyes}: no two lines of the chart look alike`, () => {
      const lines = ['raw', 'mem', 'object', 'requested', 'text'];
      lines.forEach((a, i) =>
        lines
          .slice(i + 1)
          .forEach((b) =>
            assert.ok(
              distance(ui[a], ui[b], eyes) >= 7,
              `${a} and ${b}: ${distance(ui[a], ui[b], eyes).toFixed(1)}`,
            ),
          ),
      );
    });
  }
  test(`${name}: a pool's colour gets steadily darker, or lighter, as it fills`, () => {
    const table = lookupTable(map);
    const light = (/** @type {number} */ code) => {
      const pixel = table[code];
      return luminance(
        [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255].map((c) => linear(c / 255)),
      );
    };
    const direction = Math.sign(light(Code.POOL + POOL_LEVELS - 1) - light(Code.POOL));
    for (let i = 1; i < POOL_LEVELS; i++) {
      assert.equal(
        Math.sign(light(Code.POOL + i) - light(Code.POOL + i - 1)),
        direction,
        `level ${i}`,
      );
    }
  });
}

test('codes of different meaning never overlap', () => {
  const spans = [
    [Code.OUTSIDE, 4],
    [Code.RAW, RAW_LEVELS],
    [Code.POOL, POOL_LEVELS],
    [Code.SAME, 1],
    [Code.LESS, DIFF_LEVELS],
    [Code.MORE, DIFF_LEVELS],
  ];
  spans.forEach(([from, n], i) =>
    assert.ok(i === 0 || from >= spans[i - 1][0] + spans[i - 1][1], `span ${i}`),
  );
  assert.ok(Code.MORE + DIFF_LEVELS <= 256);
});

test('memory beyond the end is transparent, everything else is not', () => {
  const table = lookupTable(THEMES.light.map);
  assert.equal(table[Code.OUTSIDE], 0);
  for (const code of [
    Code.FOREIGN,
    Code.FREE,
    Code.DAMAGED,
    Code.RAW,
    Code.POOL + 31,
    Code.LESS,
    Code.MORE + 15,
  ]) {
    assert.equal(table[code] >>> 24, 255, `code ${code}`);
  }
});
