// Runs a workload of longest.c several times in the engine that runs this, each time in a fresh
// instance; the first is for the engine to compile in.  Job: { module, args, runs }.
import { compile, engine, job, report } from './engine.mjs';
import { Wasi } from './wasi.mjs';

class TimedWasi extends Wasi {
  clock_time_get(clock, precision, to) {
    return this.set64(to, BigInt(Math.round(performance.now() * 1e6)));
  }
}

const module = compile(job.module);
for (let i = 0; i <= job.runs; i++) {
  const wasi = new TimedWasi(job.args, {});
  const exports = wasi.instantiate(module);
  const status = wasi.start(exports);
  if (status !== 0) throw new Error(`exit code ${status}\n${wasi.output}`);
  if (i > 0) report({ engine, output: wasi.output });
  globalThis.gc?.();
}
