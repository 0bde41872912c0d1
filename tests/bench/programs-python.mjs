// One run of CPython for programs-runner.mjs, under node:wasi: the interpreter reads its library
// from real folders.  Node.js wants --stack-size=3900 for it.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WASI } from 'node:wasi';

/** { name, time, memory, output } of one run.  Job: { home, programs, args, work }. */
export function runPython({ name, module }, job, cpu) {
  const out = join(job.work, `${name}.out`);
  const fd = openSync(out, 'w');
  const wasi = new WASI({
    version: 'preview1',
    args: job.args,
    env: { PYTHONHASHSEED: '0' },
    preopens: { '/usr/local/lib': join(job.home, 'lib'), '/programs': job.programs },
    stdout: fd,
    returnOnExit: true,
  });
  // Functions around node:wasi's own, as in wasm/run-wasi.mjs.
  const wrapped = Object.fromEntries(
    Object.entries(wasi.wasiImport).map(([f, fn]) => [
      f,
      (...a) => Reflect.apply(fn, undefined, a),
    ]),
  );
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wrapped });
  const start = cpu();
  const status = wasi.start(instance);
  const time = cpu() - start;
  closeSync(fd);
  if (status !== 0) throw new Error(`${name} ${job.args.join(' ')}: exit code ${status}`);
  return {
    name,
    time,
    memory: instance.exports.memory.buffer.byteLength,
    output: readFileSync(out, 'utf8'),
  };
}
