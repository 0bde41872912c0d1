// Runs one Python program with one build of python.wasm after the other, in the Node.js that runs
// this: python.mjs starts it with --stack-size=3900.
//
// Job: { modules: {NAME: path}, home, programs, args, rounds, work }.  Each run is in a fresh
// instance of a module that is compiled once and ran before; order alternates from round to round.
// Time is that of this thread on a CPU, from before the interpreter starts to its end: what V8
// compiles in other threads does not count, nor what other processes take.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WASI } from 'node:wasi';

const job = JSON.parse(readFileSync(process.env.BENCH_JOB, 'utf8'));
const modules = Object.entries(job.modules)
  .map(([name, path]) => ({ name, module: new WebAssembly.Module(readFileSync(path)) }));

/** Milliseconds that this thread ran: Linux counts them for every thread, Node from 23.9 on. */
function cpu() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  }
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

function run({ name, module }) {
  const out = join(job.work, `${name}.out`);
  const fd = openSync(out, 'w');
  const wasi = new WASI({
    version: 'preview1', args: ['python.wasm', ...job.args], env: { PYTHONHASHSEED: '0' },
    preopens: { '/usr/local/lib': join(job.home, 'lib'), '/programs': job.programs },
    stdout: fd, returnOnExit: true,
  });
  // Functions around node:wasi's own, as in wasm/run-wasi.mjs.
  const wrapped = Object.fromEntries(Object.entries(wasi.wasiImport)
    .map(([f, fn]) => [f, (...a) => Reflect.apply(fn, undefined, a)]));
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wrapped });
  const start = cpu();
  const status = wasi.start(instance);
  const time = cpu() - start;
  closeSync(fd);
  if (status !== 0) throw new Error(`${name} ${job.args.join(' ')}: exit code ${status}`);
  return { name, time, memory: instance.exports.memory.buffer.byteLength,
    output: readFileSync(out, 'utf8') };
}

const report = (line) => console.log(JSON.stringify(line));
for (const one of modules) run(one);
for (let round = 0; round < job.rounds; round++) {
  const order = round % 2 ? modules.slice().reverse() : modules;
  for (const one of order) report(run(one));
}
