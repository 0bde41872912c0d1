// Appends to a CSV file what its figures were made with:
//
//   node tests/bench/versions.mjs CSV NAME=COMMAND ...
//
// the first version number that each command prints, the library's commit, date and processor.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { appendCsv } from './lib.mjs';

const [csv, ...commands] = process.argv.slice(2);
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' }).trim();
const versions = {
  date: new Date().toISOString().slice(0, 10),
  commit: run('git', 'describe', '--always', '--dirty', '--exclude=*'),
  processor: `${cpus()[0].model}, ${cpus().length} cores`,
  'load at the start': loadavg()[0].toFixed(2),
};
for (const command of commands) {
  const [name, program] = command.split('=');
  versions[name] = /\d+\.\d+(\.\d+)?/.exec(run(program, '--version'))?.[0];
}
appendCsv(csv, Object.entries(versions).map(([allocator, value]) =>
  ({ metric: 'version', allocator, value })));
