// Budgets of the pages of linear memory that programs come to: the short form of those of
// programs-list.mjs, on the modules that an example builds.
//
//   node tests/bench/pages.mjs [--update] GROUP MODULES_FOLDER      GROUP: lua, quickjs ...
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from './budget.mjs';
import { fail } from './lib.mjs';
import { PROGRAMS } from './programs-list.mjs';
import { Wasi } from './wasi.mjs';

const PAGE = 65536;
const args = process.argv.slice(2);
const update = args[0] === '--update' && Boolean(args.shift());
const [group, folder] = args;
const programs = PROGRAMS.filter((program) => program.group === group && !program.python);
if (!folder || programs.length === 0) fail('usage: pages.mjs [--update] GROUP MODULES_FOLDER');

function pages({ module, files, args: argsOf }) {
  const path = [`${module}-pym.wasm`, `${module}.wasm`]
    .map((name) => join(folder, name))
    .find(existsSync);
  if (!path) fail(`no ${module}.wasm in ${folder}`);
  const contents = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, readFileSync(file)]),
  );
  const wasi = new Wasi(argsOf(true), contents);
  const exports = wasi.instantiate(new WebAssembly.Module(readFileSync(path)));
  const status = wasi.start(exports);
  if (status !== 0) throw new Error(`${module}: exit code ${status}\n${wasi.output}`);
  return exports.memory.buffer.byteLength / PAGE;
}

const found = Object.fromEntries(
  programs.map((program) => [`${group}/${program.name}`, { pages: pages(program) }]),
);
hold(
  new URL('pages.json', import.meta.url),
  found,
  update,
  `cmake --build build/${group} --target ${group}-pages-update`,
);
