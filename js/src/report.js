/** The memory report of the command line: text from statistics, nothing else. */

import { hex } from './errors.js';
import { bytesText as bytes, count, plural } from './text.js';

/** @typedef {import('./stats.js').HeapStats} HeapStats */
/** @typedef {import('./stats.js').ClassStats} ClassStats */
/** @typedef {import('./stats.js').DomainStats} DomainStats */
/** @typedef {import('./observe/watch.js').ObservedStats} ObservedStats */

/** @typedef {object} ReportOptions
 *  @property {string} [title]   what ran, for the first line
 *  @property {number} [width]   columns, at least 80 (default 96)
 *  @property {number} [rows]    size classes shown at the most (default 16)
 *  @property {readonly HeapStats[]} [heaps]  other heaps of the program
 *  @property {number} [missedEvents]  events that newer ones had overwritten before they were read */

const INDENT = '  ';

/** Statistics as text, as the command line prints them.
 *
 *  @example
 *  console.log(memoryReport(heap.stats(), { title: 'lua.wasm' }));
 *
 *  @param {HeapStats | ObservedStats} stats  of a Heap or of a Watch
 *  @param {ReportOptions} [options]
 *  @returns {string} lines of plain text, each ended by a newline */
export function memoryReport(stats, options = {}) {
  const width = Math.max(80, options.width ?? 96);
  const rows = options.rows ?? 16;
  const lines =
    'complete' in stats ? observedLines(stats, width, rows) : heapLines(stats, width, rows);
  return [
    `memory report${options.title ? `: ${options.title}` : ''}`,
    ...lines,
    ...heapTable(options.heaps ?? []),
    ...missedLine(options.missedEvents ?? 0),
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** @param {HeapStats} stats  @param {number} width  @param {number} rows  @returns {string[]} */
function heapLines(stats, width, rows) {
  return [
    peakLine(stats),
    ...boundLine(stats),
    ...atPeakLine(stats, width),
    ...allHeapsLine(stats),
    ...faultLine(stats),
    '',
    ...domainTable(stats),
    '',
    ...memoryTable(stats, width),
    '',
    ...lossTable(stats, width),
    '',
    ...classChart(stats, width, rows),
  ];
}

/** What is known of a module that does not link the library.
 *  @param {ObservedStats} stats  @param {number} width  @param {number} rows  @returns {string[]} */
function observedLines(stats, width, rows) {
  const {
    domains: { malloc },
    pages,
    pageBytes,
    classes,
  } = stats;
  const memory = pages.memory * pageBytes;
  const largest = Math.max(...classes.map((c) => c.liveBytes));
  const shown = classes.filter((c) => c.liveBytes >= largest / 100).slice(-rows);
  const head = {
    cells: ['size to', 'live', 'blocks', 'blocks ever'],
    value: 0,
    note: 'bytes live',
  };
  const chart = [
    head,
    ...shown.map((c) => ({
      cells: [count(c.blockSize), bytes(c.liveBytes), count(c.liveBlocks), count(c.totalBlocks)],
      value: c.liveBytes,
      note: '',
    })),
  ];
  return [
    `peak: ${bytes(malloc.peakBytes)} asked for; linear memory has ${plural(pages.memory, 'page')} `
      + `of 64 KiB, ${bytes(memory)}, ${count(pages.memory - pages.atStart)} more than at the start`,
    ...(stats.complete
      ? []
      : [
          `not exact: ${plural(stats.unknownFrees, 'free')} of unknown blocks, `
            + `${plural(stats.doubledAddresses, 'block')} at an address in use, `
            + `${plural(stats.lostRecords, 'record')} lost`,
        ]),
    '',
    ...domainTable(stats),
    '',
    ...(shown.length > 0
      ? ['blocks by size:', ...bars(chart, largest, width)]
      : ['blocks by size: none was ever handed out']),
  ];
}

/** @param {readonly HeapStats[]} heaps  @returns {string[]} */
function heapTable(heaps) {
  if (heaps.length === 0) return [];
  const rows = heaps.map(
    ({ heap, domains: { raw, mem, object }, raw: { bytes: taken }, ...limits }) => {
      const sum = (/** @type {(d: DomainStats) => number} */ of) => of(raw) + of(mem) + of(object);
      return [
        `heap ${heap}`,
        bytes(sum((d) => d.liveBytes)),
        count(sum((d) => d.liveBlocks)),
        bytes(taken),
        count(sum((d) => d.failures)),
        limitText(limits),
      ];
    },
  );
  return [
    '',
    `other heaps, whose memory is the default heap's: ${count(heaps.length)}`,
    ...table([['heap', 'live', 'blocks', 'memory', 'refused', 'limit'], ...rows]),
  ];
}

/** @param {number} missed  @returns {string[]} */
function missedLine(missed) {
  return missed === 0
    ? []
    : ['', `${plural(missed, 'event')} were overwritten before they were read`];
}

/** @param {HeapStats} stats  @returns {string[]} */
function faultLine({ fault }) {
  return fault ? [`corruption found: ${fault.cause}, at ${hex(fault.address)}`] : [];
}

/** How well the memory taken was used when most was live.
 *  @param {HeapStats} stats  @returns {string} */
function peakLine({ atPeak, pages, pageBytes }) {
  const taken = pages.owned * pageBytes; // never falls
  return (
    `peak: ${bytes(atPeak.bytes)} in blocks, ${bytes(taken)} of linear memory taken for them `
    + `(${percent(atPeak.bytes, taken) || '-'})`
  );
}

/** @param {HeapStats} stats  @returns {string[]} */
function boundLine({ atPeak: { bytes: peak, atMost } }) {
  return atMost > peak ? [`the true peak may be up to ${bytes(atMost - peak)} higher`] : [];
}

/** What lived at the peak: the size classes with most bytes, and what is larger; as many as fit.
 *  @param {HeapStats} stats  @param {number} width  @returns {string[]} */
function atPeakLine({ atPeak: { bytes: peak, classes, large } }, width) {
  if (peak === 0) return [];
  const parts = [
    ...classes.map(({ blockSize, mem, object, bytes: n }) => ({
      n,
      text: `${count(mem + object)} of ${blockSize} bytes`,
    })),
    { n: large.bytes, text: `${count(large.blocks)} larger` },
  ];
  let line = 'blocks at the peak:';
  for (const { n, text } of parts.sort((a, b) => b.n - a.n)) {
    const more = `${line.endsWith(':') ? '' : ','} ${text} ${percent(n, peak)}`;
    if (n <= peak / 100 || line.length + more.length > width) break;
    line += more;
  }
  return [line];
}

/** @param {HeapStats} stats  @returns {string[]} */
function allHeapsLine({ allHeaps }) {
  const counted = allHeaps.softLimit === 0; // --exact-peak
  const limit = limitText(counted ? { ...allHeaps, softLimit: null } : allHeaps);
  return [
    ...(counted ? ['each call was counted: the peak is exact'] : []),
    ...(limit === 'none' ? [] : [`limit of all heaps: ${limit}`]),
  ];
}

/** @param {HeapStats | ObservedStats} stats  @returns {string[]} */
function domainTable(stats) {
  const domains = /** @type {[string, DomainStats][]} */ (Object.entries(stats.domains));
  const limits = [...domains.map(([, d]) => d), stats].some((d) => limitText(d) !== 'none');
  const head = ['domain', 'live', 'blocks', 'peak', 'ever', 'blocks', 'refused'];
  const rows = domains.map(([name, d]) => [
    name,
    bytes(d.liveBytes),
    count(d.liveBlocks),
    bytes(d.peakBytes),
    bytes(d.totalBytes),
    count(d.totalBlocks),
    count(d.failures),
    limitText(d),
  ]);
  const sum = (/** @type {(d: DomainStats) => number} */ of) =>
    domains.reduce((total, [, d]) => total + of(d), 0);
  if (domains.length > 1)
    rows.push([
      'all',
      bytes(sum((d) => d.liveBytes)),
      count(sum((d) => d.liveBlocks)),
      'atPeak' in stats ? bytes(stats.atPeak.bytes) : '',
      bytes(sum((d) => d.totalBytes)),
      count(sum((d) => d.totalBlocks)),
      count(sum((d) => d.failures)),
      limitText(stats),
    ]);
  return table(limits ? [[...head, 'limit'], ...rows] : [head, ...rows.map((r) => r.slice(0, -1))]);
}

/** @param {{softLimit: number | null, hardLimit: number | null}} d  @returns {string} */
function limitText({ softLimit, hardLimit }) {
  const parts = [];
  if (softLimit !== null) parts.push(`soft ${bytes(softLimit)}`);
  if (hardLimit !== null) parts.push(bytes(hardLimit));
  return parts.length > 0 ? parts.join(', ') : 'none';
}

/** @param {HeapStats} stats  @param {number} width  @returns {string[]} */
function memoryTable({ heap, pageBytes, poolBytes, pages, pools, raw, growth }, width) {
  const memory = pages.memory * pageBytes;
  const rows = /** @type {[string, number, string][]} */ ([
    ['pools of small blocks', pools * poolBytes, plural(pools, 'pool')],
    [
      'raw blocks',
      raw.bytes - raw.freeBytes - raw.cachedBytes - pools * poolBytes,
      `${plural(raw.chunks, 'block')} in ${plural(raw.segments, 'segment')}`,
    ],
    ['free, for either', raw.freeBytes + raw.cachedBytes, ''],
    heap === 1
      ? ["not the allocator's", memory - raw.bytes, 'data, stack, other allocators']
      : ["not this heap's", memory - raw.bytes, ''],
  ]);
  const grown = `${plural(growth.grows, 'growth')}, ${count(growth.failures)} refused`;
  return [
    `linear memory: ${plural(pages.memory, 'page')} of 64 KiB, ${bytes(memory)}; ${grown}`,
    ...bars(
      rows
        .filter(([, n]) => n > 0)
        .map(([name, n, note]) => ({
          cells: [name, bytes(n), percent(n, memory)],
          value: n,
          note,
        })),
      memory,
      width,
    ),
  ];
}

/** What the heap's memory is filled with.
 *  @param {HeapStats} stats  @param {number} width  @returns {string[]} */
function lossTable({ domains, lost }, width) {
  const live = domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;
  const rounding = Math.min(lost.rounding, live);
  const rows = /** @type {[string, number][]} */ ([
    ['asked for by the program', live - rounding],
    ['rounding up (estimate)', rounding],
    ["the library's own blocks", lost.bookkeeping],
    ['headers', lost.headers],
    ['free space in pools', lost.freePoolSpace],
    ['free raw memory', lost.freeChunks],
  ]);
  const whole = rows.reduce((sum, [, n]) => sum + Math.max(n, 0), 0);
  return [
    `where the allocator's ${bytes(whole)} are now:`,
    ...bars(
      rows
        .filter(([, n]) => Math.round(n) !== 0)
        .map(([name, n]) => ({ cells: [name, bytes(n), percent(n, whole)], value: n, note: '' })),
      whole,
      width,
    ),
  ];
}

/** Bars: memory held now while much is live, else what each class held at its own peak.  Classes
 *  that hold next to nothing are summed up in the last line.
 *  @param {HeapStats} stats  @param {number} width  @param {number} most
 *  @returns {string[]} */
function classChart({ classes, poolBytes }, width, most) {
  const used = classes.filter((c) => c.totalBlocks > 0);
  if (used.length === 0) return ['size classes: no small block was ever allocated'];
  const live = used.reduce((total, c) => total + c.liveBlocks * c.blockSize, 0);
  const peak = used.reduce((total, c) => total + c.peakPools * poolBytes, 0);
  const now = live > peak / 8;
  const value = (/** @type {ClassStats} */ c) =>
    now ? c.liveBlocks * c.blockSize : c.peakPools * poolBytes;
  const largest = Math.max(...used.map(value));
  const shown = new Set(
    [...used]
      .sort((a, b) => value(b) - value(a))
      .slice(0, most)
      .filter((c) => value(c) >= largest / 100),
  );
  const rest = used.filter((c) => !shown.has(c));
  const rows = used
    .filter((c) => shown.has(c))
    .map((c) => ({
      cells: [
        count(c.blockSize),
        bytes(c.liveBlocks * c.blockSize),
        bytes(c.peakPools * poolBytes),
        bytes(c.totalBlocks * c.blockSize),
        count(c.totalBlocks),
      ],
      value: value(c),
      note: '',
    }));
  const head = {
    cells: ['block size', 'live', 'at peak', 'ever', 'blocks'],
    value: 0,
    note: now ? 'bytes live' : 'memory at peak',
  };
  const lines = bars([head, ...rows], largest, width);
  const title =
    `size classes, mem and object domains: ${count(used.length)} of `
    + `${count(classes.length)} used`;
  if (rest.length === 0) return [`${title}:`, ...lines];
  const sum = rest.reduce((total, c) => total + value(c), 0);
  return [
    `${title}:`,
    ...lines,
    `${INDENT}and ${plural(rest.length, 'other')}: ${bytes(sum)} ${now ? 'live' : 'at peak'}`,
  ];
}

/** Rows of right-aligned cells (the first one left-aligned unless it is a number) and a bar.
 *  @param {{cells: string[], value: number, note: string}[]} rows
 *  @param {number} full  value of the longest bar  @param {number} width
 *  @returns {string[]} */
function bars(rows, full, width) {
  const lines = table(rows.map((r) => r.cells));
  const used = Math.max(...lines.map((line) => line.length)) + 2;
  const notes = Math.max(...rows.map((r) => (r.value > 0 ? r.note.length : 0)));
  const room = Math.max(8, width - used - (notes > 0 ? notes + 2 : 0));
  return rows.map((row, i) => {
    const line = (lines[i] ?? '').padEnd(used);
    const bar = barOf(row.value, full, room);
    if (!row.note) return line + bar;
    return (line + (row.value > 0 ? bar.padEnd(room + 2) : '') + row.note).slice(0, width);
  });
}

/** @param {number} value  @param {number} full  @param {number} room  @returns {string} */
function barOf(value, full, room) {
  if (!(value > 0) || !(full > 0)) return '';
  const n = Math.round(Math.min(value / full, 1) * room);
  return n > 0 ? '#'.repeat(n) : '.';
}

/** @param {string[][]} rows  @returns {string[]} columns aligned, the first one to the left unless
 *    all of its cells below the head are numbers */
function table(rows) {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  const numbers = rows.slice(1).every((r) => /^[\d,]+$/.test(r[0] ?? ''));
  return rows.map(
    (row) =>
      INDENT
      + row
        .map((cell, i) =>
          i === 0 && !numbers ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
        )
        .join('  '),
  );
}

/** @param {number} part  @param {number} whole  @returns {string} */
function percent(part, whole) {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '';
}
