// The tables of synthetic.sh's results in docs/benchmarks.md, from the CSV file of a run:
//
//   node tests/bench/synthetic-table.mjs CSV             prints them
//   node tests/bench/synthetic-table.mjs CSV FILE.md     puts them between the marks of FILE.md
import { geomean, readCsv } from './lib.mjs';
import {
  fill,
  fixed,
  plain as same,
  shortEngine as short,
  table as rowsFirst,
} from './markdown.mjs';
import { ALLOCATORS, BASE } from './results.mjs';

const PAGE = 65536;
const [csv, file] = process.argv.slice(2);
const rows = readCsv(csv);
const key = (...parts) => parts.join('|');
const cells = new Map(
  rows.map((r) => [key(r.metric, r.engine, r.trace, r.allocator), Number(r.value)]),
);

/** A figure, or NaN. */
const get = (...parts) => cells.get(key(...parts)) ?? NaN;
const distinct = (column, metric) => [
  ...new Set(rows.filter((r) => r.metric === metric).map((r) => r[column])),
];
/** Allocators that have such a figure, in the order of all tables. */
const allocatorsOf = (metric) => {
  const found = distinct('allocator', metric);
  return Object.keys(ALLOCATORS).filter((name) => found.includes(name));
};

const table = (head, body, cell) => rowsFirst(body, head, cell);
const engineColumns = (metric) => distinct('engine', metric).map((name) => [short(name), name]);

function kindTables() {
  const kinds = distinct('trace', 'kind net');
  const allocators = allocatorsOf('kind net');
  const [first] = distinct('engine', 'kind net');
  const mean = (engine, allocator) =>
    geomean(
      kinds.map(
        (kind) => get('kind net', engine, kind, allocator) / get('kind net', engine, kind, BASE),
      ),
    );
  const byKind = (metric, engine, digits, unit = 1) =>
    table(same(allocators), same(kinds), (kind, allocator) =>
      fixed(get(metric, engine, kind, allocator) / unit, digits),
    );
  const text = [
    `Kinds, net time against \`${BASE}\`, geometric mean:`,
    table(
      engineColumns('kind net'),
      allocators.map((name) => [`\`${name}\``, name]),
      (allocator, engine) => fixed(mean(engine, allocator), 2),
    ),
    `Kinds, net time in ns per operation, ${first}:`,
    byKind('kind net', first, 2),
    'Kinds, linear memory above static data and stack in MB:',
    byKind('kind memory', first, 2, 1e6),
  ];
  if (distinct('trace', 'kind instructions').length > 0) {
    text.push(
      'Kinds, wasm instructions per operation:',
      byKind('kind instructions', 'WasmEdge', 1),
    );
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
    allocatorsOf(metric).map((name) => [`${title}, ${name}`, { metric, of, name, text }]),
  );
  const lives = distinct('trace', 'live net');
  const size = (live) => `${Number(live.slice(5)).toLocaleString('en')} bytes`;
  const small = 'live-100000';
  const used = (name) =>
    `\`${name}\` ${get('live pages', 'WasmEdge', small, name)} pages, `
    + `${get('live used', 'WasmEdge', small, name).toLocaleString('en')} bytes`;
  return [
    `Heaps of every size: wasm instructions and net time (${engine}) per operation, and linear `
      + 'memory above static data and stack beyond the bytes alive:',
    table(
      columns,
      lives.map((live) => [size(live), live]),
      (live, { metric, of, name, text }) => text(get(metric, of, live, name)),
    ),
    `The module with 100,000 bytes alive, in pages and in bytes from the end of its static data `
      + `and stack (a page is ${PAGE}): ${allocatorsOf('live used').map(used).join('; ')}.`,
  ];
}

fill(file, 'synthetic', [...kindTables(), ...liveTables()].join('\n\n'));
