/** The line of figures above the map. */

import { byId, setText } from './dom.js';
import { liveBlocks, liveBytes } from './describe.js';
import { bytes, count, percent, plural } from './format.js';

/** @typedef {import('../../../src/index.js').HeapStats} HeapStats */
/** @typedef {import('../protocol.js').Cost} Cost */

const CELLS = ['total-linear', 'total-pages', 'total-live', 'total-blocks', 'total-requested', 'total-rounding',
  'total-free', 'total-free-note', 'total-peak', 'total-refused', 'total-cost', 'total-frames'];

/** @param {HeapStats | null} stats  @param {Cost | null} cost
 *  @param {{fps: number, drawMs: number}} drawing */
export function showTotals(stats, cost, { fps, drawMs }) {
  if (!stats || !cost) {
    for (const id of CELLS) setText(byId(id), id.match(/linear|live|requested|free$|peak|cost/) ? '–' : '');
    return;
  }
  const { pages, pageBytes, lost, growth, domains: { raw, mem, object } } = stats;
  const live = liveBytes(stats);
  const linear = pages.memory * pageBytes;
  const free = lost.freeChunks + lost.freePoolSpace;
  const refused = raw.failures + mem.failures + object.failures;
  const put = (/** @type {string} */ id, /** @type {string} */ text) => setText(byId(id), text);
  put('total-linear', bytes(linear));
  put('total-pages', `${plural(pages.memory, 'page')}, grew ${growth.grows === 1 ? 'once' : `${count(growth.grows)} times`}`);
  put('total-live', bytes(live));
  put('total-blocks', `${plural(liveBlocks(stats), 'block')}, ${percent(live, linear)}`);
  put('total-requested', bytes(Math.max(0, live - lost.rounding)));
  put('total-rounding', `${bytes(lost.rounding)} rounded up`);
  put('total-free', bytes(free));
  put('total-free-note', `${bytes(lost.freePoolSpace)} of it in pools`);
  put('total-peak', bytes(raw.peakBytes + mem.peakBytes + object.peakBytes));
  put('total-refused', refused > 0 ? `${plural(refused, 'request')} refused` : 'no request refused');
  put('total-cost', percent(cost.share, 1));
  put('total-frames', `${fps} frames/s, drawn in ${drawMs.toFixed(1)} ms`);
}
