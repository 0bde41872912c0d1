// Runs a runner of the benchmark under an engine: used by synthetic.mjs and programs.mjs.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache, fail } from './lib.mjs';

/** The lines of JSON that `runner` prints under `command`: an engine of wasm/setup.sh bench, or any
 *  other program that is like one.  The job is written to `file`, where the runner reads it. */
export function runIn(command, runner, job, file) {
  const installed = join(cache, 'bin', command);
  const program = existsSync(installed) ? installed : command;
  const name = basename(command);
  const options = name.startsWith('js') ? ['-m'] : name.startsWith('node') ? ['--expose-gc'] : [];
  writeFileSync(file, JSON.stringify(job));
  const path = fileURLToPath(new URL(runner, import.meta.url));
  const { stdout, stderr, status, error } = spawnSync(program, [...options, path], {
    encoding: 'utf8', maxBuffer: 1 << 28,
    env: { ...process.env, BENCH_JOB: file, BENCH_SHELL: name },
  });
  if (status !== 0) fail(`${program}: exit code ${status}\n${error ?? ''}${stdout}${stderr}`);
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}
