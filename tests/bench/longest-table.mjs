// The tables of longest.mjs's results, from the CSV file of a run:
//
//   node tests/bench/longest-table.mjs CSV [FILE.md]     prints them, or puts them into FILE.md
import { readCsv } from './lib.mjs';
import { fill, fixed, shortEngine, table } from './markdown.mjs';

const [csv, file] = process.argv.slice(2);
const rows = readCsv(csv).filter((r) => r.metric.startsWith('longest '));
const cells = new Map(
  rows.map((r) => [[r.metric, r.engine, r.trace, r.allocator].join('|'), Number(r.value)]),
);
const distinct = (list, column) => [...new Set(list.map((r) => r[column]))];
const OPERATIONS = ['malloc', 'realloc', 'free', 'heap_new', 'heap_destroy'];

function one(engine) {
  const mine = rows.filter((r) => r.engine === engine);
  const steps = engine === 'steps';
  const lines = distinct(mine, 'trace').flatMap((workload) =>
    distinct(
      mine.filter((r) => r.trace === workload),
      'allocator',
    ).map((name) => [`${workload}, \`${name}\``, { workload, name }]),
  );
  const columns = [...OPERATIONS, 'held', 'grown'].filter((op) =>
    mine.some((r) => r.metric === `longest ${op}`),
  );
  const title = (op) => (op === 'held' || op === 'grown' ? `${op}, MB` : op);
  const title2 = steps
    ? 'Basic blocks of the allocator in the longest call'
    : `Microseconds of the longest call, ${shortEngine(engine)}`;
  return [
    `${title2}; bytes held at the most and growth of linear memory:`,
    table(
      lines,
      columns.map((op) => [title(op), op]),
      ({ workload, name }, op) => {
        const x = cells.get([`longest ${op}`, engine, workload, name].join('|')) ?? NaN;
        if (op === 'held' || op === 'grown') return fixed(x / 1e6, 1);
        return Number.isFinite(x) && x >= 1000
          ? Math.round(x).toLocaleString('en')
          : fixed(x, steps ? 0 : 1);
      },
    ),
  ];
}

fill(file, 'longest', distinct(rows, 'engine').flatMap(one).join('\n\n'));
