// Runs a whole program with one allocator after the other, in the engine that runs this.
//
// Job: { modules: {PEER: path}, scale, rounds, verify }.  Order alternates from round to round;
// each run is in a fresh instance of a module that is compiled once and ran before.
import { compile, engine, instantiate, job, report } from './engine.mjs';

const modules = Object.entries(job.modules)
  .map(([name, path]) => ({ name, module: compile(path) }));

function run({ name, module }, scale, verify) {
  const exports = instantiate(module);
  const t = performance.now();
  const result = exports.program(scale, verify) >>> 0;
  const time = performance.now() - t;
  return { name, time, result, total: exports.memory.buffer.byteLength };
}

if (job.verify) {
  for (const peer of modules) report({ engine, ...run(peer, job.scale, 1) });
} else {
  for (const peer of modules) run(peer, job.scale, 0);
  for (let round = 0; round < job.rounds; round++) {
    const order = round % 2 ? modules.slice().reverse() : modules;
    for (const peer of order) report({ engine, ...run(peer, job.scale, 0) });
  }
}
