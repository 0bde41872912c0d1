// The tables of docs/benchmarks.md, from the CSV file of a run:
//
//   node tests/bench/table.mjs CSV             prints them
//   node tests/bench/table.mjs CSV FILE.md     puts them between the marks of FILE.md
import { readFileSync, writeFileSync } from 'node:fs';
import { ALLOCATORS, BASE, Results } from './results.mjs';

const BEGIN = '<!-- figures: tests/bench/table.mjs -->';
const END = '<!-- end of figures -->';
const [csv, file] = process.argv.slice(2);
const results = new Results(csv);
const { allocators, engines, long, traces } = results;
const [first] = engines;

/** A table: [title, key] of each row and column; `cell` gives the text. */
function table(rows, columns, cell) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...columns.map(([title]) => title)]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map(([title, row]) => line([title, ...columns.map(([, column]) => cell(row, column))])),
  ].join('\n');
}

const ratio = (x) => Number.isFinite(x) ? x.toFixed(x < 10 ? 2 : 0) : '–';
const short = (engine) => /\((.*)\)/.exec(engine)[1].replace('js', 'SpiderMonkey ');
const plain = (names) => names.map((name) => [name, name]);
const mean = long.length > 1 ? [['mean', undefined]] : [];
const but = (base) => plain(allocators.filter((name) => name !== base));
const against = (metric, base) =>
  table([...plain(traces), ...mean], but(base), (trace, allocator) =>
    ratio(results.ratio(metric, first, trace, allocator, base)));

const text = [
  results.versions.map(([name, value]) => `${name} ${value}`).join(' · '),
  `Net time against Emscripten's dlmalloc, geometric mean over the long traces (${long.length}):`,
  table(allocators.map((name) => [`\`${name}\`: ${ALLOCATORS[name]}`, name]),
    engines.map((engine) => [short(engine), engine]),
    (allocator, engine) => ratio(results.ratio('net', engine, undefined, allocator))),
  `By trace, from here on: ${first}. Net time in ns per operation:`,
  table(plain(traces), plain(allocators),
    (trace, allocator) => results.get('net', first, trace, allocator).toFixed(2)),
  `Net time against \`${BASE}\`:`,
  against('net', BASE),
  'Net time against `mimalloc`:',
  against('net', 'mimalloc'),
  'Growth of linear memory in MB:',
  table(plain(traces), plain(allocators),
    (trace, allocator) => (results.get('growth', first, trace, allocator) / 1e6).toFixed(2)),
  `Growth against \`${BASE}\`; the mean is that of the traces where it is over 1 MiB:`,
  against('growth', BASE),
  'Wasm instructions per operation; bytes of code and data:',
  table([...plain(results.counted), ['code and data', null]], plain(allocators),
    (trace, allocator) => trace === null ? String(results.get('size', '', '', allocator)) :
      results.get('instructions', 'WasmEdge', trace, allocator).toFixed(1)),
].join('\n\n');

if (!file) {
  console.log(text);
} else {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN), end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} lacks "${BEGIN}" ... "${END}"`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${old.slice(end)}`);
}
