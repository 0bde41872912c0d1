/** The command `trace`: a recorded run as text, as a picture, at any moment. */

import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { PymallocError } from '../errors.js';
import { createAllocatorSync } from '../index.node.js';
import { plain } from '../json.js';
import { bytesText, count, plural } from '../text.js';
import { SHORT_LIVED_BYTES, analyse } from '../trace/analyse.js';
import { pageOf, svgOf } from '../trace/draw.js';
import { Replay } from '../trace/replay.js';
import { readTrace } from '../trace/trace.js';
import { message, reason } from './module.js';
import { StartError } from './options.js';
import { writeAll } from './outputs.js';

/** @typedef {import('../trace/analyse.js').TraceReport} TraceReport */
/** @typedef {import('../trace/trace.js').Trace} Trace */

/** Moments of a page. */
const MOMENTS = 200;

/** @param {{file: string, svg: string | null, json: string | null, html: string | null,
 *    at: number | null}} options
 *  @returns {string} the report */
export function traceCommand({ file, svg, json, html, at }) {
  const trace = load(file);
  const report = analyse(trace);
  const moment = Math.min(at ?? report.peak.call + 1, trace.length);
  if (json !== null) save('--json', json, `${JSON.stringify(plain(report), null, 2)}\n`);
  if (svg !== null) {
    const [map] = mapsAt(trace, [moment]);
    save('--svg', svg, svgOf(file, report, moment, map));
  }
  if (html !== null) {
    const moments = Array.from({ length: MOMENTS }, (_, i) =>
      Math.round((trace.length * (i + 1)) / MOMENTS),
    );
    moments.push(report.peak.call + 1);
    const calls = [...new Set(moments)].sort((a, b) => a - b);
    save('--html', html, pageOf(file, report, calls, mapsAt(trace, calls)));
  }
  return reportText(file, report);
}

/** @param {string} file  @returns {Readonly<Trace>}  @throws {StartError} */
function load(file) {
  try {
    const bytes = readFileSync(file);
    return readTrace(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes);
  } catch (error) {
    if (error instanceof PymallocError) throw new StartError(`${file}: ${error.message}`);
    throw new StartError(reason(file, error));
  }
}

/** @param {Trace} trace  @param {readonly number[]} calls  ascending
 *  @returns {import('../map.js').HeapMap[]} of the heap after so many calls, in this library */
function mapsAt(trace, calls) {
  const replay = new Replay(trace, createAllocatorSync());
  try {
    return calls.map((call) => {
      replay.to(call);
      return replay.heap.map();
    });
  } catch (error) {
    throw new StartError(`the trace cannot be replayed: ${message(error)}`);
  }
}

/** @param {string} option  @param {string} path  @param {string} text */
function save(option, path, text) {
  try {
    if (path === '-') writeAll(1, text);
    else writeFileSync(path, text);
  } catch (error) {
    throw new StartError(`${option} ${reason(path, error)}`);
  }
}

/** @param {number} part  @param {number} whole  @returns {string} */
const share = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '-');

/** @param {string} file  @param {TraceReport} report  @returns {string} */
export function reportText(file, report) {
  const { calls, operations: o, peak, sizes, lifetimes, shortLived, reallocs, never } = report;
  const born = o.malloc + o.calloc + o.realloc - reallocs.calls;
  const dead = lifetimes.reduce((sum, { blocks }) => sum + blocks, 0);
  const row = (/** @type {string[]} */ ...cells) =>
    `  ${cells.map((c, i) => (i === 0 ? c.padEnd(14) : c.padStart(12))).join('')}`;
  const lines = [
    `${file}: ${plural(calls, 'call')}${report.finished ? '' : ', the program did not end by itself'}`,
    `malloc ${count(o.malloc)}, calloc ${count(o.calloc)}, realloc ${count(o.realloc)}, `
      + `free ${count(o.free)}`,
    `peak: ${bytesText(peak.bytes)} in ${plural(peak.blocks, 'block')}, after call `
      + `${count(peak.call)}: ${Object.entries(peak.domains)
        .filter(([, d]) => d.blocks > 0)
        .map(([name, d]) => `${name} ${bytesText(d.bytes)}`)
        .join(', ')}`,
    '',
    row('sizes to', 'blocks', 'bytes', 'never freed'),
    ...sizes.map((s) =>
      row(bytesText(s.size), count(s.blocks), bytesText(s.bytes), count(s.leftBlocks)),
    ),
    '',
    row('freed within', 'blocks', 'share'),
    ...lifetimes.map(({ bytes, blocks }) =>
      row(bytes === Infinity ? 'later' : bytesText(bytes), count(blocks), share(blocks, dead)),
    ),
    `lifetimes are bytes that were allocated meanwhile; short-lived, up to `
      + `${bytesText(SHORT_LIVED_BYTES)}: ${share(shortLived.blocks, born)} of all blocks`,
    '',
    `realloc: ${plural(reallocs.blocks, 'block')} in ${plural(reallocs.calls, 'call')}, `
      + `${count(reallocs.grown)} to a larger size, ${count(reallocs.shrunk)} to a smaller one; `
      + `the longest chain ${plural(reallocs.longest, 'call')}`,
    `never freed: ${plural(never.blocks, 'block')}, ${bytesText(never.bytes)}`,
  ];
  return `${lines.join('\n')}\n`;
}
