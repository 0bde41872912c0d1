// The tables of synthetic.sh's results in docs/benchmarks.md, from the CSV file of a run:
//
//   node tests/bench/synthetic-table.mjs CSV             prints them
//   node tests/bench/synthetic-table.mjs CSV FILE.md     puts them between the marks of FILE.md
import { readFileSync, writeFileSync } from 'node:fs';
import { geomean, readCsv } from './lib.mjs';
import { ALLOCATORS, BASE } from './results.mjs';

const BEGIN = '<!-- figures: tests/bench/synthetic-table.mjs -->';
const END = '<!-- end of synthetic figures -->';
const PAGE = 65536;
const [csv, file] = process.argv.slice(2);
const rows = readCsv(csv);
const key = (...parts) => parts.join('|');
const cells = new Map(rows.map((r) =>
  [key(r.metric, r.engine, r.trace, r.allocator), Number(r.value)]));

/** A figure, or NaN. */
const get = (...parts) => cells.get(key(...parts)) ?? NaN;
const distinct = (column, metric) =>
  [...new Set(rows.filter((r) => r.metric === metric).map((r) => r[column]))];
/** Allocators that have such a figure, in the order of all tables. */
const allocatorsOf = (metric) => {
  const found = distinct('allocator', metric);
  return Object.keys(ALLOCATORS).filter((name) => found.includes(name));
};

/** A table: [title, key] of each row and column; `cell` gives the text. */
function table(head, body, cell) {
  const line = (texts) => `| ${texts.join(' | ')} |`;
  return [
    line(['', ...head.map(([title]) => title)]),
    line(['---', ...head.map(() => '---:')]),
    ...body.map(([title, row]) => line([title, ...head.map(([, column]) => cell(row, column))])),
  ].join('\n');
}

const fixed = (x, digits) => Number.isFinite(x) ? x.toFixed(digits) : '–';
const same = (names) => names.map((name) => [name, name]);
const short = (engine) => /\((.*)\)/.exec(engine)[1].replace('js', 'SpiderMonkey ');
const engineColumns = (metric) => distinct('engine', metric).map((name) => [short(name), name]);

function kindTables() {
  const kinds = distinct('trace', 'kind net');
  const allocators = allocatorsOf('kind net');
  const [first] = distinct('engine', 'kind net');
  const mean = (engine, allocator) => geomean(kinds.map((kind) =>
    get('kind net', engine, kind, allocator) / get('kind net', engine, kind, BASE)));
  const byKind = (metric, engine, digits, unit = 1) => table(same(allocators), same(kinds),
    (kind, allocator) => fixed(get(metric, engine, kind, allocator) / unit, digits));
  const text = [
    `Kinds, net time against \`${BASE}\`, geometric mean:`,
    table(engineColumns('kind net'), allocators.map((name) => [`\`${name}\``, name]),
      (allocator, engine) => fixed(mean(engine, allocator), 2)),
    `Kinds, net time in ns per operation, ${first}:`,
    byKind('kind net', first, 2),
    'Kinds, linear memory above static data and stack in MB:',
    byKind('kind memory', first, 2, 1e6),
  ];
  if (distinct('trace', 'kind instructions').length > 0) {
    text.push('Kinds, wasm instructions per operation:',
      byKind('kind instructions', 'WasmEdge', 1));
  }
  return text;
}

function liveTables() {
  const [engine] = distinct('engine', 'live net');
  const metrics = [
    ['live instructions', 'WasmEdge', 'instructions', (x) => fixed(x, 1)],
    ['live net', engine, 'ns', (x) => fixed(x, 2)],
    ['live beyond', 'WasmEdge', 'bytes beyond', (x) => Number(x).toLocaleString('en')],
  ];
  const columns = metrics.flatMap(([metric, of, title, text]) =>
    allocatorsOf(metric).map((name) => [`${title}, ${name}`, { metric, of, name, text }]));
  const lives = distinct('trace', 'live net');
  const size = (live) => `${Number(live.slice(5)).toLocaleString('en')} bytes`;
  const small = 'live-100000';
  const used = (name) => `\`${name}\` ${get('live pages', 'WasmEdge', small, name)} pages, ` +
    `${get('live used', 'WasmEdge', small, name).toLocaleString('en')} bytes`;
  return [
    `Heaps of every size: wasm instructions and net time (${engine}) per operation, and linear ` +
      'memory above static data and stack beyond the bytes alive:',
    table(columns, lives.map((live) => [size(live), live]),
      (live, { metric, of, name, text }) => text(get(metric, of, live, name))),
    `The module with 100,000 bytes alive, in pages and in bytes from the end of its static data ` +
      `and stack (a page is ${PAGE}): ${allocatorsOf('live used').map(used).join('; ')}.`,
  ];
}

function programTables() {
  const programs = distinct('trace', 'program ratio');
  const [first] = distinct('engine', 'program ratio');
  const lines = programs.flatMap((program) => allocatorsOf('program ratio')
    .map((name) => [`${program}, \`${name}\``, { program, name }]));
  return [
    'Whole programs, time against `libc`; linear memory in MB:',
    table([...engineColumns('program ratio'), ['memory', null]], lines,
      ({ program, name }, engine) => engine === null ?
        fixed(get('program memory', first, program, name) / 1e6, 2) :
        fixed(get('program ratio', engine, program, name), 2)),
  ];
}

const text = [...kindTables(), ...liveTables(), ...programTables()].join('\n\n');
if (!file) {
  console.log(text);
} else {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN), end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} lacks "${BEGIN}" ... "${END}"`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${old.slice(end)}`);
}
