// Times whole programs on each malloc: SQLite's speedtest1, and containers.cpp.
//
//   node tests/bench/programs.mjs [OPTIONS] MODULES_FOLDER
//
//   --engines LIST   as of replay.mjs
//   --rounds N       7 unless said
//   --scale N        percent of the work: 20 unless said
//   --csv FILE       append the results
//
// Printed: the median time of the program, the least and greatest; the median of the ratios to libc
// in each round; and linear memory, the whole of it.  Compare `malloc` (pymalloc::malloc) with
// `libc` (wasi-libc's dlmalloc): Emscripten's optimizer works on the rest of the program as well.
// Every program is run once before to see that all allocators give the same results.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runIn } from './engines.mjs';
import { appendCsv, fail, median } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: process.execPath },
    rounds: { type: 'string', default: '7' },
    scale: { type: 'string', default: '20' },
    csv: { type: 'string' },
  },
});
const [folder] = positionals;
if (!folder) fail('usage: programs.mjs [OPTIONS] MODULES_FOLDER');
const PROGRAMS = ['speedtest', 'containers'];
const PEERS = ['malloc', 'libc', 'em-dlmalloc', 'em-emmalloc', 'em-mimalloc'];
const VERIFY_SCALE = 3;

const number = (x, digits, width) => x.toFixed(digits).padStart(width);
const work = join(folder, 'work');
mkdirSync(work, { recursive: true });

/** The engine and what each allocator comes to, in the order of PEERS. */
function measure(command, program) {
  const modules = Object.fromEntries(
    PEERS.map((peer) => [peer, join(folder, `${program}-${peer}.wasm`)]));
  const run = (job) => runIn(command, 'programs-runner.mjs', { modules, ...job },
    join(work, 'job.json'));
  const same = (lines, what) => {
    const found = new Set(lines.map(({ result }) => result));
    if (found.size > 1) fail(`${program}: ${what} of the allocators differ: ${[...found]}`);
  };
  same(run({ scale: VERIFY_SCALE, verify: true }), 'verified results');
  const lines = run({ scale: Number(values.scale), rounds: Number(values.rounds) });
  same(lines, 'results');
  const runsOf = (peer) => lines.filter(({ name }) => name === peer);
  const libc = runsOf('libc');
  const peers = PEERS.map((name) => {
    const runs = runsOf(name);
    const times = runs.map(({ time }) => time);
    const [min, max] = [Math.min(...times), Math.max(...times)];
    const ratio = median(runs.map(({ time }, i) => time / libc[i].time));
    const { total } = runs[0];
    return { name, ms: median(times), min, max, ratio, total, memory: total / libc[0].total };
  });
  return { engine: lines[0].engine, peers };
}

for (const command of values.engines.split(',')) {
  for (const program of PROGRAMS) {
    const { engine, peers } = measure(command, program);
    if (program === PROGRAMS[0]) {
      console.log(`\n${engine}, ${values.rounds} rounds at a scale of ${values.scale}\n` +
        'program      allocator         ms min..max        to libc memory MB to libc');
    }
    for (const p of peers) {
      console.log(`${program.padEnd(12)} ${p.name.padEnd(12)} ${number(p.ms, 1, 7)} ` +
        `${`${p.min.toFixed(1)}..${p.max.toFixed(1)}`.padEnd(15)} ` +
        `${number(p.ratio, 3, 7)} ${number(p.total / 1e6, 2, 9)} ${number(p.memory, 3, 7)}`);
    }
    appendCsv(values.csv, peers.flatMap((p) => {
      const row = { engine, trace: program, allocator: p.name };
      return [{ ...row, metric: 'program time', value: p.ms, min: p.min, max: p.max },
        { ...row, metric: 'program ratio', value: p.ratio },
        { ...row, metric: 'program memory', value: p.total }];
    }));
  }
}
