// The tables of the replay, from the CSV file of a run:
//
//   node tests/bench/table.mjs CSV [FILE.md]             docs/benchmarks.md's
//   node tests/bench/table.mjs --short CSV [FILE.md]     README.md's
//
// prints them, or puts them between the marks of FILE.md.
import { fill, fixed, plain, shortEngine, table } from './markdown.mjs';
import { ALLOCATORS, BASE, Results } from './results.mjs';

const args = process.argv.slice(2);
const short = args[0] === '--short' && Boolean(args.shift());
const [csv, file] = args;
const results = new Results(csv);
const { allocators, engines, long, traces } = results;
const [first] = engines;

const ratio = (x) => fixed(x, x < 10 ? 2 : 0);
const mean = long.length > 1 ? [['mean', undefined]] : [];
const but = (base) => plain(allocators.filter((name) => name !== base));
const against = (metric, base) =>
  table([...plain(traces), ...mean], but(base), (trace, allocator) =>
    ratio(results.ratio(metric, first, trace, allocator, base)),
  );

/** Means against dlmalloc, in every engine: time in both modes, and memory. */
function shortText() {
  const shown = ['pym', 'mimalloc', 'obmalloc'].filter((name) => allocators.includes(name));
  const lines = shown.flatMap((name) =>
    [
      ['net', 'one word touched'],
      ['block net', 'whole block'],
    ].map(([metric, mode]) => [`${ALLOCATORS[name]}, ${mode}`, { name, metric }]),
  );
  return [
    `Geometric means over ${long.length} traces:`,
    table(
      lines,
      engines.map((engine) => [shortEngine(engine), engine]),
      ({ name, metric }, engine) => ratio(results.ratio(metric, engine, undefined, name)),
    ),
    `Growth of linear memory, mean of the ratios: ${shown
      .map(
        (name) => `${ALLOCATORS[name]} ${ratio(results.ratio('growth', first, undefined, name))}`,
      )
      .join('; ')}.`,
  ].join('\n\n');
}

const longText = () =>
  [
    results.versions.map(([name, value]) => `${name} ${value}`).join(' · '),
    "One word of a block touched. Net time against Emscripten's dlmalloc, geometric mean over the "
      + `long traces (${long.length}):`,
    table(
      allocators.map((name) => [`\`${name}\`: ${ALLOCATORS[name]}`, name]),
      engines.map((engine) => [shortEngine(engine), engine]),
      (allocator, engine) => ratio(results.ratio('net', engine, undefined, allocator)),
    ),
    `By trace, from here on: ${first}. Net time in ns per operation:`,
    table(plain(traces), plain(allocators), (trace, allocator) =>
      results.get('net', first, trace, allocator).toFixed(2),
    ),
    `Net time against \`${BASE}\`:`,
    against('net', BASE),
    `Every word of a block touched. Net time against \`${BASE}\`, geometric mean:`,
    table(
      allocators.map((name) => [`\`${name}\``, name]),
      engines.map((engine) => [shortEngine(engine), engine]),
      (allocator, engine) => ratio(results.ratio('block net', engine, undefined, allocator)),
    ),
    `The same by trace, ${shortEngine(first)}:`,
    against('block net', BASE),
    'One word. Net time against `mimalloc`:',
    against('net', 'mimalloc'),
    'Growth of linear memory in MB:',
    table(plain(traces), plain(allocators), (trace, allocator) =>
      (results.get('growth', first, trace, allocator) / 1e6).toFixed(2),
    ),
    `Growth against \`${BASE}\`; the mean is that of the traces where it is over 1 MiB:`,
    against('growth', BASE),
    'Wasm instructions per operation; bytes of code and data:',
    table(
      [...plain(results.counted), ['code and data', null]],
      plain(allocators),
      (trace, allocator) =>
        trace === null
          ? String(results.get('size', '', '', allocator))
          : results.get('instructions', 'WasmEdge', trace, allocator).toFixed(1),
    ),
  ].join('\n\n');

fill(file, 'replay', short ? shortText() : longText());
