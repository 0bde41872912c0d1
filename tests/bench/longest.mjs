// The longest single malloc, realloc and free of workloads made to find one, allocator against
// allocator: longest_workloads.c.
//
//   node tests/bench/longest.mjs [OPTIONS] FOLDER    FOLDER: the benchmark's modules
//
//   --engines LIST    of programs.mjs; `native`: this machine's own code, from FOLDER of the preset
//                     native; node24 unless said
//   --steps           basic blocks of the allocator in place of time, the same on every machine;
//                     not for libc, whose object files are as they are
//   --peers LIST      pym,libc,dlmalloc,mimalloc unless said
//   --only LIST       workloads
//   --percent N       of a workload's bytes: 100 unless said
//   --runs N          5 unless said
//   --csv FILE        append the results
//
// Time is without memory.grow.  A call counts as long as it took in the quickest of the runs: the
// same call is found again by its number, and what another program did meanwhile is in one run
// only.
// Printed: microseconds (or steps) of the longest call of each operation; bytes held at the
// most and growth of linear memory, in MB.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runIn } from './engines.mjs';
import { appendCsv, fail } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'node24' },
    steps: { type: 'boolean', default: false },
    peers: { type: 'string', default: 'pym,libc,dlmalloc,mimalloc' },
    only: { type: 'string' },
    percent: { type: 'string', default: '100' },
    runs: { type: 'string', default: '5' },
    csv: { type: 'string' },
  },
});
const [folder] = positionals;
if (!folder) fail('usage: longest.mjs [OPTIONS] FOLDER');
const WORKLOADS = [
  'random-free',
  'phase',
  'survivors',
  'robson',
  'generations',
  'sizes',
  'segments',
  'maximum',
  'heaps',
];
const OPERATIONS = ['malloc', 'realloc', 'free', 'heap_new', 'heap_destroy'];
const PAGE = 65536;
const work = join(folder, 'work');
mkdirSync(work, { recursive: true });

/** What a run printed: { calls: {OPERATION: Map number -> took}, held, grown }. */
function parse(output) {
  const calls = {};
  for (const [, op, number, took] of output.matchAll(/^(\w+) (\d+) (\d+) (?:ns|steps)$/gm)) {
    (calls[op] ??= new Map()).set(number, Number(took));
  }
  const [, held, from, to] = /held (\d+) bytes, pages (\d+) (\d+)/.exec(output);
  return { calls, held: Number(held), grown: (to - from) * PAGE };
}

/** The longest call of an operation: of each call the quickest of its runs.  One that is not among
 *  the longest of a run took no more there than the last of those. */
function longest(runs, op) {
  const lists = runs.map(({ calls }) => calls[op] ?? new Map());
  if (lists[0].size === 0) return undefined;
  const least = lists.map((list) => Math.min(...list.values()));
  const numbers = new Set(lists.flatMap((list) => [...list.keys()]));
  return Math.max(
    ...[...numbers].map((number) =>
      Math.min(...lists.map((list, i) => list.get(number) ?? least[i])),
    ),
  );
}

/** Outputs of all runs, and the engine; undefined where there is no such module. */
function run(command, peer, workload) {
  const args = [workload, values.percent];
  if (command === 'native') {
    const program = join(folder, `longest-${peer}`);
    if (!existsSync(program)) return undefined;
    const outputs = Array.from(
      { length: Number(values.runs) },
      () => spawnSync(program, args, { encoding: 'utf8' }).stdout,
    );
    return { engine: 'native', outputs };
  }
  const module = join(folder, `${values.steps ? 'steps' : 'longest'}-${peer}.wasm`);
  if (!existsSync(module)) return undefined;
  const job = { module, args: ['longest', ...args], runs: values.steps ? 1 : Number(values.runs) };
  const lines = runIn(command, 'longest-runner.mjs', job, join(work, 'job.json'));
  return { engine: lines[0].engine, outputs: lines.map(({ output }) => output) };
}

const divide = values.steps ? 1 : 1000;
const cell = (text, width = 12) => String(text ?? '–').padStart(width);
for (const command of values.engines.split(',')) {
  let engine;
  for (const workload of values.only?.split(',') ?? WORKLOADS) {
    for (const peer of values.peers.split(',')) {
      if (workload === 'heaps' && peer !== 'pym') continue;
      const ran = run(command, peer, workload);
      if (!ran) continue;
      if (!engine) {
        engine = ran.engine;
        console.log(
          `\n${engine}: longest call in ${values.steps ? 'steps' : 'µs'}\n`
            + `${'workload'.padEnd(12)} ${'allocator'.padEnd(10)}`
            + `${OPERATIONS.map((op) => cell(op)).join('')}`
            + `${cell('held MB', 10)}${cell('grown MB', 10)}`,
        );
      }
      const runs = ran.outputs.map(parse);
      const found = OPERATIONS.map((op) => longest(runs, op));
      const text = (x) =>
        x === undefined ? undefined : (x / divide).toFixed(values.steps || x >= 1e5 ? 0 : 1);
      const [{ held, grown }] = runs;
      console.log(
        `${workload.padEnd(12)} ${peer.padEnd(10)}`
          + `${found.map((x) => cell(text(x))).join('')}`
          + `${cell((held / 1e6).toFixed(1), 10)}${cell((grown / 1e6).toFixed(1), 10)}`,
      );
      const row = { engine: values.steps ? 'steps' : engine, trace: workload, allocator: peer };
      appendCsv(values.csv, [
        ...OPERATIONS.flatMap((op, i) =>
          found[i] === undefined
            ? []
            : [{ ...row, metric: `longest ${op}`, value: found[i] / divide }],
        ),
        { ...row, metric: 'longest held', value: held },
        { ...row, metric: 'longest grown', value: grown },
      ]);
    }
  }
}
