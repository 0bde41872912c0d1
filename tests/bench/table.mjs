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

/** A row an allocator, a column each of `columns`; `cell` gives the text. */
function table(columns, cell, rows = allocators) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...columns.map(([title]) => title)]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map((allocator) =>
      line([ALLOCATORS[allocator], ...columns.map(([, of]) => cell(of, allocator))])),
  ].join('\n');
}

const ratio = (x) => Number.isFinite(x) ? x.toFixed(x < 10 ? 2 : 0) : '–';
const short = (engine) => engine.replace(/^(\S+) ([\d.]+) \((.*)\)$/, '$3').replace(/^(.*js128.*)$/,
  'SpiderMonkey 128');
const byTrace = traces.map((trace) => [trace, trace]);
const mean = long.length > 1 ? [['mean', undefined]] : [];

const text = [
  results.versions.map(([name, value]) => `${name} ${value}`).join(' · '),
  `Net time against Emscripten's dlmalloc, geometric mean over ${long.join(', ')}:`,
  table(engines.map((e) => [short(e), e]), (e, a) => ratio(results.ratio('net', e, undefined, a))),
  `Net time against Emscripten's dlmalloc, ${first}; \`mean\` is that of the long traces:`,
  table([...byTrace, ...mean], (t, a) => ratio(results.ratio('net', first, t, a))),
  'Net time in ns per operation, the same run:',
  table(byTrace, (t, a) => results.get('net', first, t, a).toFixed(2)),
  'Net time against Emscripten\'s mimalloc, the same run:',
  table([...byTrace, ...mean], (t, a) => ratio(results.ratio('net', first, t, a, 'em-mimalloc')),
    allocators.filter((a) => a !== 'em-mimalloc')),
  'Growth of linear memory in MB:',
  table(byTrace, (t, a) => (results.get('growth', first, t, a) / 1e6).toFixed(2)),
  'Growth against Emscripten\'s dlmalloc; `mean` is that of the traces where it is over 1 MiB:',
  table([...byTrace, ...mean], (t, a) => ratio(results.ratio('growth', first, t, a)),
    allocators.filter((a) => a !== BASE)),
  'Wasm instructions per operation (the first million of each trace), and bytes of code and data:',
  table([...results.counted.map((t) => [t, t]), ['code and data', null]], (t, a) => t === null ?
    String(results.get('size', '', '', a)) :
    (results.get('instructions', 'WasmEdge', t, a) ?? NaN).toFixed(1)),
].join('\n\n');

if (!file) {
  console.log(text);
} else {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN), end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} lacks "${BEGIN}" ... "${END}"`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${old.slice(end)}`);
}
