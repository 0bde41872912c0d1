// malloc under threads (threads.c) beside Emscripten's allocators, as a table: CPU time of the whole
// process for an operation, a malloc and a free; its ratio to each other allocator's, runs alternating,
// the median and the worst; linear memory; throughput, what the threads do in a second / what one does.
// What the machine has for two threads changes from minute to minute, so the same of mimalloc and of
// `compute`, which has no memory at all, is measured in between.
//
//   node tests/bench/threads/threads.mjs BUILD EMCC [--node NODE] [--rounds 5] [--operations 3000000]
//       [--workloads private,larson] [--threads 1,2]
//
// BUILD  a build folder of the library for Emscripten;  EMCC  its emcc
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: process.execPath },
    rounds: { type: 'string', default: '5' },
    operations: { type: 'string', default: '3000000' },
    workloads: { type: 'string', default: 'compute,floor,private,larson,pairs,xmalloc' },
    threads: { type: 'string', default: '1,2,4,8' },
  },
});
const [build, emcc] = positionals.map((name) => resolve(name));
const folder = join(build, 'bench-threads');
mkdirSync(folder, { recursive: true });
const library = (prefix) => [
  join(build, `lib${prefix}_malloc.a`),
  join(build, `lib${prefix}.a`),
  '-sMALLOC=none',
];
const THREADS = ['-pthread', '-sPROXY_TO_PTHREAD', '-Wno-pthreads-mem-growth'];
const MODULES = {
  pymalloc: [...THREADS, ...library('pymalloc_threads')],
  plain: library('pymalloc'), // the archive for one thread
  dlmalloc: [...THREADS, '-sMALLOC=dlmalloc'],
  emmalloc: [...THREADS, '-sMALLOC=emmalloc'],
  mimalloc: [...THREADS, '-sMALLOC=mimalloc'],
};
/** Of these only one module runs. */
const WITHOUT_ALLOCATOR = ['compute', 'floor'];
/** V8 compiles a function for speed when it has run this much code: before time is taken. */
const ENGINE = ['--wasm-tiering-budget=100000'];
const file = (name) => join(folder, `${name}.js`);
const source = fileURLToPath(new URL('threads.c', import.meta.url));
const flags = ['-O2', '-sALLOW_MEMORY_GROWTH', '-sMAXIMUM_MEMORY=1GB', '-sEXIT_RUNTIME'];
for (const [name, own] of Object.entries(MODULES))
  execFileSync(emcc, [source, ...flags, ...own, '-o', file(name)], { stdio: 'inherit' });

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
/** Of each thread.  `floor` takes too little time to be measured by so few. */
const operationsOf = (workload) => Number(values.operations) * (workload === 'floor' ? 8 : 1);
const measure = (name, workload, threads) => {
  const operations = String(operationsOf(workload));
  const args = [...ENGINE, file(name), workload, String(threads), operations];
  const { stdout } = spawnSync(values.node, args, { encoding: 'utf8', timeout: 120000 });
  if (!stdout) throw new Error(`${name} ${workload} ${threads}: no result`);
  return JSON.parse(stdout);
};

/** Of one run to the next: CPU time of pymalloc / of the other, median and (worst). */
const ratio = (own, other) => {
  const ratios = own.map((run, i) => run.cpu_ms / other[i].cpu_ms);
  return `${median(ratios).toFixed(2)} (${Math.max(...ratios).toFixed(2)})`;
};
const peers = Object.keys(MODULES).slice(1);
const version = execFileSync(emcc, ['-dumpversion'], { encoding: 'utf8' });
const { stdout: node } = spawnSync(values.node, ['--version'], { encoding: 'utf8' });
console.log(`Emscripten ${version.trim()}, Node.js ${node.trim()}, ${values.rounds} rounds\n`);
const HEAD = ['', 'ns', ...peers.map((name) => `/ ${name}`), 'memory / dlmalloc'];
HEAD.push('throughput', "mimalloc's", "compute's");
console.log(`| ${HEAD.join(' | ')} |`);
console.log(`|${'---|'.repeat(HEAD.length)}`);

const namesFor = (workload, threads) => {
  if (WITHOUT_ALLOCATOR.includes(workload)) return ['pymalloc'];
  return Object.keys(MODULES).filter((name) => threads === 1 || name !== 'plain');
};
/** What `threads` threads do in a second / what one does. */
const measureThroughput = (name, workload, threads) => {
  const [alone, all] = [1, threads].map((n) => measure(name, workload, n).wall_ms);
  return (threads * alone) / all;
};
/** One row: all modules in turn, round by round. */
const measureRow = (workload, threads) => {
  const names = namesFor(workload, threads);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  const throughputs = [[], [], []];
  const kinds = [['pymalloc', workload]];
  if (names.length > 1) kinds.push(['mimalloc', workload], ['pymalloc', 'compute']);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of names) runs[name].push(measure(name, workload, threads));
    if (threads === 1) continue;
    kinds.forEach((kind, i) => throughputs[i].push(measureThroughput(...kind, threads)));
  }
  return { runs, throughputs };
};

for (const workload of values.workloads.split(',')) {
  for (const threads of values.threads.split(',').map(Number)) {
    const { runs, throughputs } = measureRow(workload, threads);
    const { pymalloc, dlmalloc } = runs;
    const operations = threads * operationsOf(workload);
    const memory = (list) => median(list.map((run) => run.memory));
    const columns = [
      `${workload} ${threads}`,
      ((median(pymalloc.map((run) => run.cpu_ms)) * 1e6) / operations).toFixed(0),
      ...peers.map((name) => (runs[name] ? ratio(pymalloc, runs[name]) : '')),
      dlmalloc ? (memory(pymalloc) / memory(dlmalloc)).toFixed(2) : '',
      ...throughputs.map((list) => (list.length ? median(list).toFixed(2) : '')),
    ];
    console.log(`| ${columns.join(' | ')} |`);
  }
}
