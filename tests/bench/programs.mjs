// Times whole programs, each linked with every allocator: what a user of one gets.
//
//   node tests/bench/programs.mjs [OPTIONS] FOLDER
//
//   FOLDER: what tests/bench/programs was built in
//
//   --only LIST      groups or programs: lua,sqlite  or  lua/json
//   --engines LIST   node20 node24 node26 bun js128, or any other command; node24 unless said.
//                    CPython is left out where there is no node:wasi
//   --peers LIST     allocators, in this order: all that there are unless said
//   --with NAME=DIR  one more allocator: the `pym` modules of another folder, under that name
//   --rounds N       9 unless said
//   --processes N    of the engine, 3 unless said: the rounds are spread over them
//   --short          less work for each program, 3 rounds unless said
//   --csv FILE       append the results
//
// In a round each allocator runs the program once, in an order that alternates; before the first,
// each runs three times untimed, so that engines have compiled.  Where an engine puts the machine code of a module
// makes a program faster or slower by up to a tenth, for as long as the process lives: so each program
// is run in several processes, in each of which another allocator's module is compiled first.  Time is that of the main thread on a CPU.
// Printed: median milliseconds on `libc` (wasi-libc's dlmalloc); for each allocator the median of
// the ratios to it in each round, and, with --quartiles, those; linear memory at the end, which is
// its peak.  All allocators must print the same.
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runAsking } from './engines.mjs';
import { appendCsv, fail, geomean, quantile } from './lib.mjs';
import { BASE, PEERS, PROGRAMS } from './programs-list.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    engines: { type: 'string', default: 'node24' },
    peers: { type: 'string' },
    with: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    processes: { type: 'string', default: '3' },
    short: { type: 'boolean', default: false },
    quartiles: { type: 'boolean', default: false },
    csv: { type: 'string' },
  },
});
if (positionals.length !== 1) fail('usage: programs.mjs [OPTIONS] FOLDER');
const folder = resolve(positionals[0]);
const rounds = Number(values.rounds ?? (values.short ? 3 : 9));
const processes = Math.min(Number(values.processes), rounds);
const only = values.only?.split(',');
const work = join(folder, 'work');
mkdirSync(work, { recursive: true });
const pythonPrograms = fileURLToPath(new URL('../../examples/cpython/programs', import.meta.url));

const TIMES = /\d+\.\d+s\b/g; // as speedtest1 prints them

/** The modules of a program by allocator: those that were built. */
function modulesOf({ module }) {
  const names = values.peers?.split(',') ?? Object.keys(PEERS);
  const all = [...new Set([...names, BASE])].map((name) => [name, `${module}-${name}.wasm`]);
  const found = all.map(([name, file]) => [name, join(folder, file)]);
  for (const one of values.with) {
    const [name, other] = one.split('=');
    found.push([name, resolve(other, `${module}-pym.wasm`)]);
  }
  return Object.fromEntries(found.filter(([, path]) => existsSync(path)));
}

const wanted = PROGRAMS.filter(
  ({ group, name }) => !only || only.includes(group) || only.includes(`${group}/${name}`),
);
const programs = wanted
  .map((p) => ({ ...p, modules: modulesOf(p) }))
  .filter(({ modules }) => modules[BASE]);
if (programs.length === 0) fail(`${folder} has none of the programs: build tests/bench/programs`);

/** What each allocator comes to; undefined where the engine cannot run the program. */
async function measure(command, program) {
  const { files, modules } = program;
  if (program.python && !basename(command).startsWith('node')) return undefined;
  const python = program.python ? { home: folder, programs: pythonPrograms, work } : {};
  const names = Object.keys(modules),
    lines = [];
  for (let i = 0; i < processes; i++) {
    const order = names.map((_, k) => names[(k + i) % names.length]);
    const job = {
      modules: Object.fromEntries(order.map((name) => [name, modules[name]])),
      files,
      rounds: Math.ceil((rounds - i) / processes),
      args: program.args(values.short),
      ...python,
    };
    lines.push(...(await runAsking(command, 'programs-runner.mjs', job, join(work, 'job.json'))));
  }
  const outputs = new Map(lines.map(({ output, name }) => [output.replace(TIMES, ''), name]));
  if (outputs.size > 1) {
    fail(`${program.group}/${program.name}: outputs differ: ${[...outputs.values()]}`);
  }
  const of = (name) => lines.filter((line) => line.name === name);
  const base = of(BASE);
  return {
    engine: lines[0].engine,
    peers: names.map((name) => {
      const runs = of(name),
        times = runs.map(({ time }) => time);
      const ratios = runs.map(({ time }, i) => time / base[i].time);
      const memory = Math.max(...runs.map((run) => run.memory));
      return {
        name,
        ms: quantile(times, 0.5),
        times,
        ratio: quantile(ratios, 0.5),
        ratios,
        memory,
        grown: memory / base[0].memory,
      };
    }),
  };
}

function save(engine, { group, name }, peers) {
  appendCsv(
    values.csv,
    peers.flatMap((p) => {
      const row = { engine, trace: `${group}/${name}`, allocator: p.name };
      const quartiles = (list) => ({ min: quantile(list, 0.25), max: quantile(list, 0.75) });
      return [
        { ...row, metric: 'program time', value: p.ms, ...quartiles(p.times) },
        { ...row, metric: 'program ratio', value: p.ratio, ...quartiles(p.ratios) },
        { ...row, metric: 'program memory', value: p.memory },
      ];
    }),
  );
}

appendCsv(values.csv, [
  {
    metric: 'version',
    allocator: 'command',
    value: `programs.mjs ${process.argv
      .slice(2, -1)
      .join(' ')
      .replace(/--csv \S+ ?/, '')}`,
  },
]);

const cell = (text, width = 9) => String(text).padStart(width);
const line = (name, ms, peers, ratio, mb, grown) =>
  console.log(
    `${name.padEnd(21)}${cell(ms, 7)}`
      + `${peers.map((p) => cell(ratio(p))).join('')}  ${cell(mb, 7)}`
      + `${peers.map((p) => cell(grown(p))).join('')}`,
  );

/** A line for each group: the geometric mean over its programs. */
function means(results) {
  for (const group of new Set(results.map((r) => r.program.group))) {
    const mine = results.filter((r) => r.program.group === group);
    if (mine.length < 2) continue;
    const mean = (name, key) =>
      geomean(mine.map(({ peers }) => peers.find((p) => p.name === name)[key])).toFixed(3);
    line(
      `${group}, mean`,
      '',
      mine[0].peers.slice(1),
      (p) => mean(p.name, 'ratio'),
      '',
      (p) => mean(p.name, 'grown'),
    );
  }
}

for (const command of values.engines.split(',')) {
  const results = [];
  let columns = '';
  for (const program of programs) {
    const found = await measure(command, program);
    if (!found) continue;
    const { engine } = found;
    const base = found.peers.find((p) => p.name === BASE);
    const peers = [base, ...found.peers.filter((p) => p !== base)];
    const others = peers.slice(1),
      names = others.map((p) => p.name).join();
    if (results.length === 0) {
      console.log(`\n${engine}, ${rounds} rounds; time and memory to ${BASE}`);
    }
    if (columns !== names) {
      columns = names;
      line(
        '',
        `${BASE} ms`,
        others,
        (p) => p.name,
        'MB',
        (p) => p.name,
      );
    }
    line(
      `${program.group}/${program.name}`,
      base.ms.toFixed(0),
      others,
      (p) => p.ratio.toFixed(3),
      (base.memory / 1e6).toFixed(2),
      (p) => p.grown.toFixed(3),
    );
    if (values.quartiles) {
      const quartile = (q) => (p) => quantile(p.ratios, q).toFixed(3);
      line('  first quartile', '', others, quartile(0.25), '', () => '');
      line('  third quartile', '', others, quartile(0.75), '', () => '');
    }
    save(engine, program, peers);
    results.push({ program, peers });
  }
  means(results);
}
