/** The stock npm package of Pyodide against the same with attach(): time and linear memory.
 *
 *  node tests/bench/pyodide.mjs [--release 314] [--runs 5] [--rounds 9] [PROGRAM...]
 *
 *  Each run is a process of its own, stock and attached in turn; medians over the runs. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const RUNNER = fileURLToPath(new URL('pyodide-runner.mjs', import.meta.url));
/** Programs of examples/cpython, with a size that takes some tenths of a second. */
const SIZES = {
  binary_trees: 13,
  churn: 80000,
  graphs: 20,
  json_texts: 25,
  pickles: 60,
  regexes: 15,
  richards: 14,
  texts: 60,
};
const MODES = ['stock', 'attached'];
const MIB = 2 ** 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    release: { type: 'string', default: '314' },
    runs: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '9' },
  },
});
const programs = positionals.length ? positionals : Object.keys(SIZES);

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const row = (name, ...cells) => console.log(name.padEnd(14), ...cells.map((c) => c.padStart(10)));

row('', 'stock ms', 'attached', 'faster', 'stock MiB', 'attached', 'more');
let sum = 0;
for (const program of programs) {
  const results = { stock: [], attached: [] };
  for (let run = 0; run < Number(values.runs); run++) {
    for (const mode of run % 2 ? [...MODES].reverse() : MODES) {
      results[mode].push(
        JSON.parse(
          execFileSync(
            process.execPath,
            [
              '--no-warnings',
              RUNNER,
              values.release,
              mode,
              program,
              String(SIZES[program]),
              values.rounds,
            ],
            { encoding: 'utf8' },
          ),
        ),
      );
    }
  }
  const all = [...results.stock, ...results.attached];
  if (new Set(all.map(({ lines }) => lines.join())).size !== 1) {
    throw new Error(`${program}: results differ`);
  }
  const [stock, attached] = MODES.map((mode) => ({
    ms: median(results[mode].map(({ ms }) => ms)),
    mib: median(results[mode].map(({ memory }) => memory)) / MIB,
  }));
  sum += Math.log(stock.ms / attached.ms);
  row(
    program,
    stock.ms.toFixed(1),
    attached.ms.toFixed(1),
    (stock.ms / attached.ms).toFixed(3),
    stock.mib.toFixed(2),
    attached.mib.toFixed(2),
    (attached.mib - stock.mib).toFixed(2),
  );
}
row('geometric mean', '', '', Math.exp(sum / programs.length).toFixed(3));
