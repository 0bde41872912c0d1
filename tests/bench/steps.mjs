// Budgets of the longest single call: basic blocks of the library that it runs, as the compiler
// counts them, and pages of linear memory, for each workload of longest_workloads.c at a tenth of
// its size.
//
//   node tests/bench/steps.mjs [--update] MODULES_FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from './budget.mjs';
import { fail } from './lib.mjs';
import { Wasi } from './wasi.mjs';

const PERCENT = '10';
const args = process.argv.slice(2);
const update = args[0] === '--update' && Boolean(args.shift());
if (args.length !== 1) fail('usage: steps.mjs [--update] MODULES_FOLDER');
const module = new WebAssembly.Module(readFileSync(join(args[0], 'steps-pym.wasm')));

/** What the command prints. */
function run(...words) {
  const wasi = new Wasi(['longest', ...words], {});
  const status = wasi.start(wasi.instantiate(module));
  if (status !== 0) throw new Error(`${words}: exit code ${status}\n${wasi.output}`);
  return wasi.output;
}

/** The longest call of each operation stands before its others. */
function figures(output) {
  const found = {};
  for (const [, op, steps] of output.matchAll(/^(\w+) \d+ (\d+) steps$/gm)) {
    found[`steps of ${op}`] ??= Number(steps);
  }
  const [, from, to] = /pages (\d+) (\d+)/.exec(output);
  return { ...found, pages: to - from };
}

const found = Object.fromEntries(
  run()
    .trim()
    .split('\n')
    .map((workload) => [workload, figures(run(workload, PERCENT))]),
);
hold(
  new URL('steps.json', import.meta.url),
  found,
  update,
  'cmake --build build/wasi --target instructions-update',
);
