/** Pictures of a recorded run: live bytes over the calls, and the map of the heap at a moment of it;
 *  as one SVG, or as a page with a scrubber. */

import { PageKind } from '../map.js';
import { bytesText, count } from '../text.js';

/** @typedef {import('./analyse.js').TraceReport} TraceReport */
/** @typedef {import('../map.js').HeapMap} HeapMap */

/** Colours of what 4 KiB of memory hold, by code: foreign, free, raw, a pool from nearly empty to
 *  full. */
const COLOURS = Object.freeze([
  '#d5d5d0',
  '#f3f2ec',
  '#8a6fae',
  '#cfe3f5',
  '#93c0e6',
  '#4f94cd',
  '#1f5f99',
]);
const POOL = 3;
const POOL_LEVELS = COLOURS.length - POOL;
const WIDTH = 960;
const CHART = 200;
const CELL = 7.5;
const COLUMNS = WIDTH / CELL;

/** @param {string} text  @returns {string} for SVG and HTML */
const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** @param {HeapMap} map  @returns {Uint8Array} a code for each 4 KiB of memory */
export function unitsOf({ pages, firstPool, pools, pageBytes, poolBytes }) {
  const each = pageBytes / poolBytes;
  const units = new Uint8Array(pages.length * each);
  pages.forEach((kind, p) => {
    const code = kind === PageKind.FOREIGN ? 0 : kind === PageKind.FREE ? 1 : 2;
    units.fill(code, p * each, (p + 1) * each);
    for (let k = Number(firstPool[p]); k < Number(firstPool[p + 1]); k++) {
      const used = Number(pools.blocks[k]) / Math.max(Number(pools.capacity[k]), 1);
      units[Number(pools.address[k]) / poolBytes] =
        POOL + Math.min(Math.floor(used * POOL_LEVELS), POOL_LEVELS - 1);
    }
  });
  return units;
}

/** @param {TraceReport} report  @returns {string} points of the line of live bytes */
function line({ course: { call, bytes }, calls, peak }) {
  const points = Array.from(
    call,
    (c, i) =>
      `${((c / Math.max(calls, 1)) * WIDTH).toFixed(1)},`
      + `${(CHART - (Number(bytes[i]) / Math.max(peak.bytes, 1)) * CHART).toFixed(1)}`,
  );
  return `0,${CHART} ${points.join(' ')} ${WIDTH},${CHART}`;
}

const LEGEND = Object.freeze([
  "not the allocator's",
  'free',
  'raw blocks',
  'pools, nearly empty',
  '',
  '',
  'pools, full',
]);

/** @param {string} title  @param {TraceReport} report  @param {number} moment  calls made
 *  @param {HeapMap | undefined} map  of that moment
 *  @returns {string} an SVG file */
export function svgOf(title, report, moment, map) {
  const units = map ? unitsOf(map) : new Uint8Array(0);
  const rows = Math.ceil(units.length / COLUMNS);
  const top = CHART + 90;
  const x = ((moment / Math.max(report.calls, 1)) * WIDTH).toFixed(1);
  const cells = COLOURS.map((colour, code) => {
    const path = Array.from(units, (unit, i) =>
      unit === code
        ? `M${(i % COLUMNS) * CELL} ${top + Math.floor(i / COLUMNS) * CELL}h${CELL - 1}v${CELL - 1}h-${CELL - 1}z`
        : '',
    ).join('');
    return path && `<path fill="${colour}" d="${path}"/>`;
  });
  const legend = LEGEND.map(
    (text, code) =>
      text
      && `<rect x="${code * 130}" y="${CHART + 60}" `
        + `width="10" height="10" fill="${COLOURS[code]}"/><text x="${code * 130 + 14}" `
        + `y="${CHART + 69}">${escaped(text)}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -40 ${WIDTH + 40} `
    + `${top + rows * CELL + 60}" font-family="sans-serif" font-size="12">
<rect x="-20" y="-40" width="100%" height="100%" fill="#fff"/>
<title>${escaped(title)}</title>
<text x="0" y="-20" font-size="15">${escaped(title)}: ${count(report.calls)} calls, peak ${bytesText(report.peak.bytes)}</text>
<polygon points="${line(report)}" fill="#93c0e6" stroke="#1f5f99"/>
<line x1="${x}" x2="${x}" y1="0" y2="${CHART}" stroke="#b3261e"/>
<text x="0" y="${CHART + 18}">bytes live, call by call; the map below is of this library's heap after call ${count(moment)}</text>
<text x="0" y="${CHART + 40}">${units.length} squares of 4 KiB</text>
${legend.join('')}
${cells.join('\n')}
</svg>
`
  );
}

/** @param {Uint8Array} units  @returns {string} runs of a code, as "code count" in base 36 */
function packed(units) {
  let out = '';
  for (let i = 0; i < units.length; ) {
    let end = i + 1;
    while (end < units.length && units[end] === units[i]) end++;
    out += `${units[i]}${(end - i).toString(36)},`;
    i = end;
  }
  return out;
}

/** @param {string} title  @param {TraceReport} report  @param {readonly number[]} calls
 *  @param {readonly HeapMap[]} maps  one for each of them
 *  @returns {string} an HTML file that needs nothing else */
export function pageOf(title, report, calls, maps) {
  const data = JSON.stringify({
    calls,
    maps: maps.map((map) => packed(unitsOf(map))),
    colours: COLOURS,
    columns: COLUMNS,
    cell: CELL,
    width: WIDTH,
    all: report.calls,
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>body{font:14px sans-serif;max-width:${WIDTH}px;margin:1em auto;color:#1b1b1b;background:#fff}
svg,canvas,input{width:100%;display:block;margin:0}canvas{image-rendering:pixelated}
i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}</style>
<h1 style="font-size:1.3em">${escaped(title)}</h1>
<p>${count(report.calls)} calls, peak ${bytesText(report.peak.bytes)} after call ${count(report.peak.call)}.</p>
<svg viewBox="0 0 ${WIDTH} ${CHART}" role="img" aria-label="Bytes live over the calls"><polygon points="${line(report)}" fill="#93c0e6" stroke="#1f5f99"/><line id="at" y1="0" y2="${CHART}" stroke="#b3261e" stroke-width="2"/></svg>
<label>Moment: <output id="call"></output><input id="scrub" type="range" min="0" max="${calls.length - 1}" value="0"></label>
<p>${LEGEND.map((text, code) => text && `<i style="background:${COLOURS[code]}"></i>${escaped(text)}`).join('')}</p>
<canvas id="map" role="img" aria-label="Map of the heap: a square for 4 KiB"></canvas>
<script>
const d = ${data.replaceAll('<', '\\u003c')};
const units = (text) => text.split(',').flatMap((run) => run ? Array(parseInt(run.slice(1), 36)).fill(+run[0]) : []);
const longest = d.maps.reduce((most, map) => Math.max(most, units(map).length), 0);
const [map, scrub, call, at] = ['map', 'scrub', 'call', 'at'].map((id) => document.getElementById(id));
map.width = d.width; map.height = Math.ceil(longest / d.columns) * d.cell;
const show = () => {
  const i = +scrub.value, g = map.getContext('2d'), x = d.calls[i] / d.all * d.width;
  g.clearRect(0, 0, map.width, map.height);
  units(d.maps[i]).forEach((code, k) => { g.fillStyle = d.colours[code];
    g.fillRect(k % d.columns * d.cell, Math.floor(k / d.columns) * d.cell, d.cell - 1, d.cell - 1); });
  call.value = 'after call ' + d.calls[i].toLocaleString('en-US'); at.setAttribute('x1', x); at.setAttribute('x2', x);
};
scrub.oninput = show; show();
</script>
</html>
`;
}
