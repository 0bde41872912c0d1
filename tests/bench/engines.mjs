// Runs a runner of the benchmark under an engine: used by synthetic.mjs and programs.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache, fail } from './lib.mjs';

/** How `runner` is started under `command`: an engine of wasm/setup.sh bench, or any other program
 *  that is like one.  The job is written to `file`, where the runner reads it. */
function start(command, runner, job, file) {
  const installed = join(cache, 'bin', command);
  const name = basename(command);
  const node = job.home ? ['--no-warnings', '--stack-size=3900'] : [];
  const options = name.startsWith('js')
    ? ['-m']
    : name.startsWith('node')
      ? ['--expose-gc', ...node]
      : [];
  writeFileSync(file, JSON.stringify(job));
  return [
    existsSync(installed) ? installed : command,
    [...options, fileURLToPath(new URL(runner, import.meta.url))],
    { env: { ...process.env, BENCH_JOB: file, BENCH_SHELL: name } },
  ];
}

/** The lines of JSON that `runner` prints under `command`. */
export function runIn(command, runner, job, file) {
  const [program, args, options] = start(command, runner, job, file);
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (status !== 0) fail(`${program}: exit code ${status}\n${error ?? ''}${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** The same of a runner that asks for its CPU time: see cpu() in engine.mjs. */
export async function runAsking(command, runner, job, file) {
  const [program, args, options] = start(command, runner, job, file);
  const child = spawn(program, args, options);
  const cpu = () =>
    Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/schedstat`, 'latin1').split(' ')[0])
    / 1e6;
  const lines = [];
  let rest = '',
    stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  child.stdout.on('data', (data) => {
    const parts = (rest + data).split('\n');
    rest = parts.pop();
    for (const line of parts) {
      if (line === 'cpu') child.stdin.write(`${cpu()}\n`);
      else lines.push(line);
    }
  });
  const status = await new Promise((done) => child.on('close', done).on('error', done));
  if (status !== 0) fail(`${program}: exit code ${status}\n${lines.join('\n')}${stderr}`);
  return lines.map((line) => JSON.parse(line));
}
