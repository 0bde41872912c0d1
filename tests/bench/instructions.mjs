// Wasm instructions of a malloc + free pair of 24 bytes, as WasmEdge counts them: exact, the same
// on every machine, so held by a budget.
//
//   node tests/bench/instructions.mjs [--update] WASMEDGE MODULES_FOLDER
//
// Call and loop are taken off: they are what the module with empty functions needs.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const budgetFile = new URL('instructions.json', import.meta.url);
const args = process.argv.slice(2);
const update = args[0] === '--update' && args.shift();
const [wasmedge, folder] = args;
if (!wasmedge || !existsSync(wasmedge)) {
  console.error(`no WasmEdge at "${wasmedge}": run wasm/setup.sh test`);
  process.exit(2);
}

/** Instructions of one run. */
function count(name, pairs) {
  const command = ['--enable-all-statistics', join(folder, `pair-${name}.wasm`), String(pairs)];
  const out = execFileSync(wasmedge, command, { encoding: 'utf8' });
  const found = /executed wasm instructions count:\s*(\d+)/i.exec(out);
  if (!found) throw new Error(`WasmEdge printed no count for ${name}:\n${out}`);
  return Number(found[1]);
}

const PAIRS = 1000;
// Both ends past the first refills: what is left is PAIRS pairs.
const each = (name) => (count(name, 2 * PAIRS) - count(name, PAIRS)) / PAIRS;
const floor = each('floor');
const pair = { pym: each('pym') - floor, lto: each('lto') - floor, libc: each('libc') - floor };
const budget = JSON.parse(readFileSync(budgetFile, 'utf8'));
console.log(`malloc + free of 24 bytes, wasm instructions: wasm-pymalloc ${pair.pym} (recorded ` +
  `${budget.pym}), compiled into its caller ${pair.lto}, libc's dlmalloc ${pair.libc}`);
if (update) {
  writeFileSync(budgetFile, `${JSON.stringify({ pym: pair.pym }, null, 2)}\n`);
} else if (pair.pym > budget.pym) {
  console.error(`the pair grew from ${budget.pym} to ${pair.pym} instructions.  If they are worth ` +
    'it, record them: cmake --build build/wasi --target instructions-update');
  process.exitCode = 1;
}
