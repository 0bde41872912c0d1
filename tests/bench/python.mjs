// CPython on WASI with four allocators: the programs of examples/cpython/programs, timed.
//
//   node tests/bench/python.mjs [OPTIONS] FOLDER      FOLDER: what examples/cpython was built in
//
//   --engines LIST    node20,node24 unless said: of wasm/setup.sh engines, or paths of a node
//   --rounds N        7 unless said
//   --programs LIST   all unless said: binary_trees,churn
//   --csv FILE        append the results
//
//   hooks     python.wasm: the library through PyMem_SetAllocator
//   malloc    python-malloc.wasm: and in place of malloc
//   default   python-default.wasm: as upstream builds it, --without-pymalloc
//   own       python-pymalloc.wasm: CPython's own pymalloc
//
// Printed: median milliseconds on a CPU of the thread that runs Python; the median of the ratios to
// the default build in each round; linear memory at exit.  All must print the same.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { appendCsv, cache, fail, geomean, median } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'node20,node24' },
    rounds: { type: 'string', default: '7' },
    programs: { type: 'string' },
    csv: { type: 'string' },
  },
});
const [folder] = positionals;
if (!folder) fail('usage: python.mjs [OPTIONS] FOLDER');
const PEERS = { default: 'python-default', hooks: 'python', malloc: 'python-malloc',
  own: 'python-pymalloc' };
const home = resolve(folder);
const modules = Object.fromEntries(Object.entries(PEERS)
  .map(([name, file]) => [name, join(home, `${file}.wasm`)]));
for (const file of Object.values(modules)) {
  if (!existsSync(file)) fail(`${file} is missing: cmake --workflow --preset cpython builds it`);
}
const sources = fileURLToPath(new URL('../../examples/cpython/programs', import.meta.url));
const programs = values.programs?.split(',') ??
  readdirSync(sources).filter((f) => f.endsWith('.py')).map((f) => basename(f, '.py')).sort();
const work = join(home, 'bench');
mkdirSync(work, { recursive: true });

/** The lines of python-runner.mjs. */
function runIn(engine, program) {
  const installed = join(cache, 'bin', engine);
  const file = join(work, 'job.json');
  writeFileSync(file, JSON.stringify({ modules, home, work, programs: sources,
    args: [`/programs/${program}.py`], rounds: Number(values.rounds) }));
  const runner = fileURLToPath(new URL('python-runner.mjs', import.meta.url));
  const { stdout, stderr, status, error } = spawnSync(existsSync(installed) ? installed : engine,
    ['--no-warnings', '--stack-size=3900', runner],
    { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, BENCH_JOB: file } });
  if (status !== 0) fail(`${engine}, ${program}: exit code ${status}\n${error ?? ''}${stderr}`);
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}

/** What each build comes to with one program. */
function measure(engine, program) {
  const lines = runIn(engine, program);
  if (new Set(lines.map(({ output }) => output)).size > 1) fail(`${program}: outputs differ`);
  const of = (name) => lines.filter((line) => line.name === name);
  const base = of('default');
  return Object.fromEntries(Object.keys(PEERS).map((name) => {
    const runs = of(name), times = runs.map(({ time }) => time);
    return [name, {
      ms: median(times), min: Math.min(...times), max: Math.max(...times),
      ratio: median(runs.map(({ time }, i) => time / base[i].time)),
      memory: runs[0].memory, grown: runs[0].memory / base[0].memory,
    }];
  }));
}

const cell = (text, width = 9) => String(text).padStart(width);
const names = Object.keys(PEERS);
const others = names.slice(1);
for (const engine of values.engines.split(',')) {
  console.log(`\n${engine}, ${values.rounds} rounds\n${'program'.padEnd(13)}${cell('ms')}` +
    `${others.map((name) => cell(name)).join('')}   memory MB${others.map((n) => cell(n)).join('')}`);
  const all = programs.map((program) => {
    const found = measure(engine, program);
    console.log(`${program.padEnd(13)}${cell(found.default.ms.toFixed(0))}` +
      `${others.map((n) => cell(found[n].ratio.toFixed(3))).join('')}   ` +
      `${cell((found.default.memory / 1e6).toFixed(2))}` +
      `${others.map((n) => cell(found[n].grown.toFixed(3))).join('')}`);
    appendCsv(values.csv, names.flatMap((name) => {
      const { ms, min, max, ratio, memory } = found[name];
      const row = { engine, trace: program, allocator: name };
      return [{ ...row, metric: 'python time', value: ms, min, max },
        { ...row, metric: 'python ratio', value: ratio },
        { ...row, metric: 'python memory', value: memory }];
    }));
    return found;
  });
  const mean = (name, key) => cell(geomean(all.map((found) => found[name][key])).toFixed(3));
  console.log(`${'mean'.padEnd(13)}${cell('')}${others.map((n) => mean(n, 'ratio')).join('')}   ` +
    `${cell('')}${others.map((n) => mean(n, 'grown')).join('')}`);
}
