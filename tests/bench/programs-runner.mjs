// Runs a program with one allocator after the other, in the engine that runs this.
//
// Job: { modules: {PEER: path}, args, files: {NAME: path}, rounds }, and for CPython { home }: what
// runs it is programs-python.mjs.  Order alternates from round to round; each run is in a fresh
// instance of a module that is compiled once and ran WARM_UPS times before.  Time is what the thread
// ran on a CPU.
import { compile, cpu, engine, job, readFile, report } from './engine.mjs';
import { Wasi } from './wasi.mjs';

const { runPython } = job.home ? await import('./programs-python.mjs') : {};
const files = Object.fromEntries(
  Object.entries(job.files).map(([name, path]) => [name, readFile(path)]),
);
const modules = Object.entries(job.modules).map(([name, path]) => ({
  name,
  module: compile(path),
}));
const collect = globalThis.Bun ? () => Bun.gc(true) : (globalThis.gc ?? (() => {}));

function run({ name, module }) {
  const wasi = new Wasi(job.args, files);
  const exports = wasi.instantiate(module);
  const start = cpu();
  const status = wasi.start(exports);
  const time = cpu() - start;
  if (status !== 0) throw new Error(`${name}: exit code ${status}\n${wasi.output}`);
  return { name, time, memory: exports.memory.buffer.byteLength, output: wasi.output };
}

const runOne = runPython ? (peer) => runPython(peer, job, cpu) : run;
// One run is not enough where an engine inlines what indirect calls led to so far, as V8 of Node 26
// does: when they lead elsewhere in a later instance, a function as large as CPython's interpreter
// loop runs unoptimized until it is compiled again, and that run takes up to 1.7 times as long.
const WARM_UPS = 3;
for (const peer of modules) for (let i = 0; i < WARM_UPS; i++) runOne(peer);
for (let round = 0; round < job.rounds; round++) {
  const order = round % 2 ? modules.slice().reverse() : modules;
  for (const peer of order) {
    collect(); // of instances that are gone: not in the measured time
    report({ engine, ...runOne(peer) });
  }
}
