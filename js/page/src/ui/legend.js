/** What the colours of the map mean. */

import { make } from './dom.js';
import { svgElement } from './chart.js';
import { rampColour } from './palette.js';

/** @typedef {import('./palette.js').MapColours} MapColours */
/** @typedef {'map' | 'blocks' | 'difference' | 'held'} Kind */

/** @param {HTMLElement} list  @param {Kind} kind  @param {MapColours} c */
export function showLegend(list, kind, c) {
  list.replaceChildren(
    ...{ map: mapItems, blocks: blockItems, difference: differenceItems, held: heldItems }[kind](c),
  );
}

/** @param {MapColours} c  @returns {HTMLElement[]} */
function mapItems(c) {
  return [
    item('pool, by its live blocks', ramp(c.pool, 5)),
    item('raw blocks, by share', ramp(c.raw, 4)),
    item('free', [box(0, c.free, c.ink)]),
    item('not the allocator’s', [box(0, c.foreign), ...hatch(c.grid)]),
    item('damaged', [box(0, c.damaged), ...cross(c.damagedInk)]),
  ];
}

/** @param {MapColours} c  @returns {HTMLElement[]} */
function blockItems(c) {
  return [
    item('live block', [box(0, c.pool[1])]),
    item('free, cached for the next request', [box(0, c.pool[0], c.pool[1])]),
    item('free block', [
      svgElement('rect', { x: '5', y: '4', width: '4', height: '4', fill: c.pool[1] }),
    ]),
    item('raw block', [box(0, c.raw[1])]),
    item('raw, cached', [box(0, c.raw[0], c.raw[1])]),
    item('the library’s own', [box(0, c.ink)]),
    item('free memory', [box(0, c.free, c.ink)]),
  ];
}

/** @param {MapColours} c  @returns {HTMLElement[]} */
function differenceItems(c) {
  return [
    item('more in use', ramp(c.more, 4)),
    item('less in use', ramp(c.less, 4)),
    item('as it was', [box(0, c.same)]),
  ];
}

/** @param {MapColours} c  @returns {HTMLElement[]} */
function heldItems(c) {
  return [
    item('pool, by its part of this size, or raw block', ramp(c.more, 4)),
    item('others’', [box(0, c.same)]),
  ];
}

/** @param {string} text  @param {SVGElement[]} shapes  @returns {HTMLElement} */
function item(text, shapes) {
  const last = Math.max(1, shapes.filter((s) => s.dataset['box']).length);
  const svg = svgElement('svg', { width: String(last * 14), height: '12', 'aria-hidden': 'true' });
  svg.append(...shapes);
  return make('li', {}, svg, text);
}

/** @param {number} at  @param {string} fill  @param {string} [stroke]  @returns {SVGElement} */
function box(at, fill, stroke) {
  const rect = svgElement('rect', {
    x: String(at * 14 + 0.5),
    y: '0.5',
    width: '13',
    height: '11',
    rx: '1.5',
    fill,
    stroke: stroke ?? fill,
    'stroke-opacity': stroke ? '0.6' : '1',
  });
  rect.dataset['box'] = '1';
  return rect;
}

/** @param {readonly [string, string]} colours  @param {number} steps  @returns {SVGElement[]} */
function ramp(colours, steps) {
  return Array.from({ length: steps }, (_, i) => box(i, rampColour(colours, i, steps)));
}

/** @param {string} stroke  @returns {SVGElement[]} */
function hatch(stroke) {
  return [2, 8, 14].map((x) =>
    svgElement('line', {
      x1: String(x - 4),
      y1: '12',
      x2: String(x + 4),
      y2: '0',
      stroke,
      'stroke-opacity': '0.6',
    }),
  );
}

/** @param {string} stroke  @returns {SVGElement[]} */
function cross(stroke) {
  return [svgElement('path', { d: 'M2 1l10 10M12 1L2 11', stroke, 'stroke-width': '1.5' })];
}
