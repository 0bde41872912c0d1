/** The line of figures above the map. */

import { byId, setFigure, setText } from './dom.js';
import { liveBlocks, liveBytes } from './describe.js';
import { bytes, count, percent, plural } from './format.js';

/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */
/** @typedef {import('../protocol.js').Cost} Cost */

const CELLS = [
  'total-linear',
  'total-pages',
  'total-live',
  'total-blocks',
  'total-requested',
  'total-rounding',
  'total-free',
  'total-free-note',
  'total-peak',
  'total-refused',
  'total-cost',
  'total-frames',
];

/** @param {HeapStats | null} stats  @param {Cost | null} cost
 *  @param {{fps: number, drawMs: number}} drawing */
export function showTotals(stats, cost, { fps, drawMs }) {
  if (!stats || !cost) {
    for (const id of CELLS)
      setText(byId(id), id.match(/linear|live|requested|free$|peak|cost/) ? '–' : '');
    return;
  }
  const {
    pages,
    pageBytes,
    lost,
    growth,
    domains: { raw, mem, object },
  } = stats;
  const live = liveBytes(stats);
  const linear = pages.memory * pageBytes;
  const free = lost.freeChunks + lost.freePoolSpace;
  const refused = raw.failures + mem.failures + object.failures;
  const put = (/** @type {string} */ id, /** @type {string} */ text) => setText(byId(id), text);
  const figure = (
    /** @type {string} */ id,
    /** @type {string} */ text,
    /** @type {number} */ value,
  ) => setFigure(byId(id), text, value);
  figure('total-linear', bytes(linear), linear);
  put('total-pages', `${plural(pages.memory, 'page')}, grew ${count(growth.grows)}×`);
  figure('total-live', bytes(live), live);
  put('total-blocks', `${plural(liveBlocks(stats), 'block')}, ${percent(live, linear)}`);
  const requested = Math.max(0, live - lost.rounding);
  figure('total-requested', bytes(requested), requested);
  put('total-rounding', `${bytes(lost.rounding)} rounded up`);
  figure('total-free', bytes(free), free);
  put('total-free-note', `${bytes(lost.freePoolSpace)} of it in pools`);
  const peak = raw.peakBytes + mem.peakBytes + object.peakBytes;
  figure('total-peak', bytes(peak), peak);
  put(
    'total-refused',
    refused > 0 ? `${plural(refused, 'request')} refused` : 'no request refused',
  );
  figure('total-cost', percent(cost.share, 1), cost.share);
  put(
    'total-frames',
    fps > 0 ? `${fps} fps, ${drawMs.toFixed(1)} ms each` : `drawn in ${drawMs.toFixed(1)} ms`,
  );
}
