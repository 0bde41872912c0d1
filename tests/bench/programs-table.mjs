// Tables of programs.mjs's results, from the CSV file of a run:
//
//   node tests/bench/programs-table.mjs CSV [FILE.md]            docs/benchmarks.md's
//   node tests/bench/programs-table.mjs --short CSV [FILE.md]    README.md's
//   node tests/bench/programs-table.mjs --python CSV [FILE.md]   examples/cpython/README.md's
//
// prints them, or puts them between the marks of FILE.md.
import { geomean, readCsv } from './lib.mjs';
import { fill, fixed, plain, shortEngine, table } from './markdown.mjs';
import { BASE, GROUPS, PEERS, PROGRAMS } from './programs-list.mjs';

const args = process.argv.slice(2);
const form = args[0].startsWith('--') ? args.shift() : '--long';
const [csv, file] = args;
const rows = readCsv(csv);
const cells = new Map(rows.map((r) => [[r.metric, r.engine, r.trace, r.allocator].join('|'), r]));
const get = (metric, engine, program, allocator) =>
  cells.get([`program ${metric}`, engine, program, allocator].join('|'));
const value = (...which) => Number(get(...which)?.value ?? NaN);

const distinct = (column) => [
  ...new Set(rows.filter((r) => r.metric === 'program ratio').map((r) => r[column])),
];
const engines = distinct('engine');
const nodes = engines.filter((engine) => engine.includes('Node'));
const programs = PROGRAMS.map(({ group, name }) => ({ group, name: `${group}/${name}` })).filter(
  ({ name }) => distinct('trace').includes(name),
);
const groups = Object.keys(GROUPS).filter((group) => programs.some((p) => p.group === group));
const measured = distinct('allocator');
const peers = Object.keys(PEERS).filter((name) => measured.includes(name) && name !== BASE);

/** A memory or time ratio to BASE of a program in an engine. */
const ratio = (metric, engine, program, allocator) =>
  metric === 'memory'
    ? value(metric, engine, program, allocator) / value(metric, engine, program, BASE)
    : value('ratio', engine, program, allocator);
/** Over programs and engines; NaN where the allocator was not measured. */
function mean(metric, over, names, allocator) {
  const all = over
    .flatMap((engine) => names.map(({ name }) => ratio(metric, engine, name, allocator)))
    .filter(Number.isFinite);
  return all.length ? geomean(all) : NaN;
}
const of = (group) => programs.filter((p) => p.group === group);
const count = (group) => `${GROUPS[group]} (${of(group).length})`;
/** The groups, and all programs: what an allocator was not measured with counts in no mean. */
const groupRows = [...groups.map((group) => [count(group), of(group)]), ['mean', programs]];
const columns = peers.map((name) => [`\`${name}\``, name]);

const versions = rows
  .filter((r) => r.metric === 'version')
  .map((r) => `${r.allocator} ${r.value}`)
  .join(' · ');
const nodeNames = (nodes.length ? nodes : engines).map(shortEngine).join(', ');
const over = nodes.length ? nodes : engines;

function shortText() {
  const time = ['pym', 'mimalloc', 'dlmalloc', 'emmalloc'].filter((name) => peers.includes(name));
  const titles = {
    pym: 'this library',
    mimalloc: 'mimalloc 3.4.1',
    dlmalloc: 'Emscripten dlmalloc',
    emmalloc: 'emmalloc',
  };
  const memory = time.filter((name) => name === 'pym' || name === 'mimalloc');
  const command = rows.find((r) => r.allocator === 'command')?.value;
  return `${nodeNames}; \`${command}\`:\n\n${table(
    groupRows,
    [
      ...time.map((name) => [titles[name], { metric: 'time', name }]),
      ...memory.map((name) => [`memory, ${titles[name]}`, { metric: 'memory', name }]),
    ],
    (names, { metric, name }) => fixed(mean(metric, over, names, name), 2),
  )}`;
}

/** The highest ratio of an allocator: `0.97 json`. */
function highest(names, allocator) {
  const all = names
    .map(({ name }) => [mean('time', over, [{ name }], allocator), name.split('/')[1]])
    .filter(([x]) => Number.isFinite(x))
    .sort(([a], [b]) => b - a);
  return all.length ? `${fixed(all[0][0], 2)} ${all[0][1]}` : '–';
}

const quartiles = (engine) => (program, allocator) => {
  const found = get('ratio', engine, program, allocator);
  return found
    ? `${fixed(Number(found.value), 3)} (${fixed(Number(found.min), 2)}–`
        + `${fixed(Number(found.max), 2)})`
    : '–';
};

const longText = () =>
  [
    versions,
    `Time against \`${BASE}\`, geometric mean over the programs and over ${nodeNames}:`,
    table(groupRows, columns, (names, allocator) => fixed(mean('time', over, names, allocator), 3)),
    'The program of each that gains least, or loses most:',
    table(groupRows, columns, (names, allocator) => highest(names, allocator)),
    `Time against \`${BASE}\`, mean over all programs that the engine runs:`,
    table(
      engines.map((engine) => [shortEngine(engine), engine]),
      columns,
      (engine, allocator) => fixed(mean('time', [engine], programs, allocator), 3),
    ),
    `Linear memory against \`${BASE}\`, geometric mean:`,
    table(groupRows, columns, (names, allocator) =>
      fixed(mean('memory', over, names, allocator), 3),
    ),
    ...engines.flatMap((engine) => [
      `${engine}: milliseconds on \`${BASE}\`; the others' time against it, median (quartiles):`,
      table(
        plain(programs.map((p) => p.name)).filter(([name]) => get('time', engine, name, BASE)),
        [[`\`${BASE}\``, BASE], ...columns],
        (program, allocator) =>
          allocator === BASE
            ? fixed(value('time', engine, program, BASE), 0)
            : quartiles(engine)(program, allocator),
      ),
    ]),
    `Linear memory in MB, ${shortEngine(over[0])}:`,
    table(
      plain(programs.map((p) => p.name)),
      [[`\`${BASE}\``, BASE], ...columns],
      (program, allocator) => fixed(value('memory', over[0], program, allocator) / 1e6, 2),
    ),
  ].join('\n\n');

/** CPython's programs: time and memory to upstream's build, mean over the Node.js versions. */
function pythonText() {
  const shown = ['pym', 'both', 'own', 'mimalloc'];
  const titles = {
    pym: 'library',
    both: 'library, malloc too',
    own: 'own pymalloc',
    mimalloc: 'mimalloc 3.4.1',
  };
  const mine = of('cpython');
  return [
    `Time against upstream's build, mean of ${nodeNames}, and linear memory:`,
    table(
      [...mine.map((p) => [p.name.split('/')[1], [p]]), ['geometric mean', mine]],
      ['time', 'memory'].flatMap((metric) =>
        shown.map((name) => [
          metric === 'time' ? titles[name] : `memory, ${titles[name]}`,
          { metric, name },
        ]),
      ),
      (names, { metric, name }) => fixed(mean(metric, over, names, name), 3),
    ),
  ].join('\n\n');
}

const TEXTS = { '--short': shortText, '--python': pythonText, '--long': longText };
fill(file, 'programs', TEXTS[form]());
