// Appends to a CSV file what its figures were made with:
//
//   node tests/bench/versions.mjs CSV NAME=COMMAND ...
//
// the first version number that each command prints, the library's commit, date and processor, and
// the version of Emscripten's sources that its allocators are of.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { appendCsv, cache } from './lib.mjs';

const [csv, ...commands] = process.argv.slice(2);
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' }).trim();
const versions = {
  date: new Date().toISOString().slice(0, 10),
  commit: run('git', 'describe', '--always', '--dirty', '--exclude=*'),
  processor: `${cpus()[0].model}, ${cpus().length} cores`,
  'load at the start': loadavg()[0].toFixed(2),
};
const emscripten = ['emscripten-6', 'debian-forky']
  .map((folder) => join(cache, folder, 'usr/share/emscripten/emscripten-version.txt'))
  .find(existsSync);
if (emscripten) {
  versions["Emscripten's allocators"] = readFileSync(emscripten, 'utf8').replace(/["\s]/g, '');
}
for (const command of commands) {
  const [name, program] = command.split('=');
  versions[name] = /\d+\.\d+(\.\d+)?/.exec(run(program, '--version'))?.[0];
}
appendCsv(
  csv,
  Object.entries(versions).map(([allocator, value]) => ({ metric: 'version', allocator, value })),
);
