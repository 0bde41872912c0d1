// Budgets of figures that are the same on every machine: wasm instructions as WasmEdge counts them,
// and pages of linear memory.
//
//   node tests/bench/instructions.mjs [--update] WASMEDGE MODULES_FOLDER TRACE.gz ...
//
// pair     instructions of a malloc and free of 24 bytes, and of larger blocks, some of which are
//          resized in between; call and loop are taken off: they are what the module with empty
//          functions needs
// traces   of each: instructions per record, and pages that memory has at the end, both less
//          those of the module without an allocator; `profiled`: while a heap profile is on
// live     small blocks replaced in heaps of several sizes (synthetic.c): instructions per
//          operation, less the floor's, and pages that memory has at the end
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from './budget.mjs';
import { countInstructions, countReplay, fail, modulesOf, unpackTraces } from './lib.mjs';
import { Commands, findKind, kindsOf, liveKind } from './synthetic-lib.mjs';

const args = process.argv.slice(2);
const update = args[0] === '--update' && Boolean(args.shift());
const [wasmedge, folder, ...traces] = args;
if (!existsSync(wasmedge ?? '')) fail(`no WasmEdge at "${wasmedge}": run wasm/setup.sh test`);

const PAIRS = 1000;
/** Both ends past the first refills: what is left is PAIRS pairs. */
function pair(name, sizes) {
  const module = join(folder, `pair-${name}.wasm`);
  const count = (n) => countInstructions(wasmedge, module, [n, ...sizes]).instructions;
  return (count(2 * PAIRS) - count(PAIRS)) / PAIRS;
}

function replay({ path }) {
  const [pym, profiled, floor] = ['pym', 'profiled', 'floor'].map((name) =>
    countReplay(wasmedge, join(folder, `replay-${name}.wasm`), path),
  );
  const each = (module) =>
    Number(((module.instructions - floor.instructions) / pym.records).toFixed(2));
  return { instructions: each(pym), profiled: each(profiled), pages: pym.pages - floor.pages };
}

/** Budgets of heaps of 1 KB to 1 MB, by name. */
function heaps() {
  const modules = modulesOf(folder, 'synthetic');
  const work = join(folder, 'synthetic-work');
  mkdirSync(work, { recursive: true });
  const commands = new Commands(wasmedge, modules, work, false);
  const names = [1e3, 1e4, 1e5, 1e6].map(liveKind);
  const count = (peer, name) =>
    commands.perOperation(peer, findKind(name, kindsOf(modules.pym)), 100000);
  const { each } = count('floor', names[0]); // the same in each size
  return Object.fromEntries(
    names.map((name) => {
      const { each: own, pages } = count('pym', name);
      return [name, { instructions: Number((own - each).toFixed(2)), pages }];
    }),
  );
}

/** Sizes of the pairs: that of the block, and where it is resized what it then has; holes: in memory
 *  with free pieces, not at its end. */
const SIZES = [[24], [1000], [100000], [900, 600], [600, 900], [40, 400], [900, 600, 'holes']];
const found = {};
for (const sizes of SIZES) {
  const floor = pair('floor', sizes);
  const [pym, lto, libc] = ['pym', 'lto', 'libc'].map((name) => pair(name, sizes) - floor);
  const [size, to, holes] = sizes;
  console.log(
    `malloc${to ? `, realloc to ${to}` : ''} and free of ${size} bytes${holes ? ' between others' : ''}, instructions: `
      + `wasm-pymalloc ${pym}, with -flto ${lto}, libc's dlmalloc ${libc}`,
  );
  found[size === 24 ? 'pair' : `pair-${sizes.join('-')}`] = { instructions: pym };
}
const unpacked = unpackTraces(traces, join(folder, 'counted'));
for (const trace of unpacked) found[trace.name] = replay(trace);
Object.assign(found, heaps());

hold(
  new URL('instructions.json', import.meta.url),
  found,
  update,
  'cmake --build build/wasi --target instructions-update',
);
