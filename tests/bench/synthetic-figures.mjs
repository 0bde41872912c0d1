// Figures of synthetic.c that are the same on every machine: wasm instructions of an operation, and
// linear memory, under WasmEdge.
//
//   node tests/bench/synthetic-figures.mjs [OPTIONS] WASMEDGE MODULES_FOLDER
//
//   --peers LIST      modules, unless all that there are
//   --kinds LIST      as of synthetic.mjs; all, and live-1000 to live-1000000000, unless said
//   --operations N    100000 unless said
//   --csv FILE        append the results
//
// Instructions are those of 2 N operations less those of N, an operation, less the floor's.  The
// floor of a heap of 1000 bytes serves those of all sizes: it takes as many in each.  Memory is
// what the module has above its static data and stack at the end, less what the program holds.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appendCsv, fail, modulesOf } from './lib.mjs';
import { Commands, LIVES, findKind, kindsOf, liveKind } from './synthetic-lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string' },
    kinds: { type: 'string' },
    operations: { type: 'string', default: '100000' },
    csv: { type: 'string' },
  },
});
const [wasmedge, folder] = positionals;
if (!folder) fail('usage: synthetic-figures.mjs [OPTIONS] WASMEDGE MODULES_FOLDER');
const modules = modulesOf(folder, 'synthetic');
const work = join(folder, 'synthetic-work');
mkdirSync(work, { recursive: true });
const peers =
  values.peers?.split(',')
  ?? Object.keys(modules).filter((name) => name !== 'record' && !name.endsWith('floor'));
const known = kindsOf(modules.pym);
const kinds = values.kinds?.split(',') ?? [
  ...known.filter((name) => name !== 'live'),
  ...LIVES.map(liveKind),
];
const commands = new Commands(wasmedge, modules, work, true);
const operations = Number(values.operations);

const floors = new Map();
function floorOf(name) {
  const which = name.startsWith('live-') ? liveKind(1000) : name;
  if (!floors.has(which)) {
    floors.set(which, commands.perOperation('floor', findKind(which, known), operations));
  }
  return floors.get(which);
}

console.log('kind            allocator     instructions  pages      bytes  beyond those alive');
for (const name of kinds) {
  const floor = floorOf(name);
  const which = findKind(name, known);
  for (const allocator of peers) {
    const found = commands.perOperation(allocator, which, operations);
    if (!which.live && found.checksum !== floor.checksum) fail(`${name}: checksums differ`);
    const used = found.pages * 65536 - found.heapBase;
    const row = { engine: 'WasmEdge', trace: name, allocator };
    const what = which.live ? 'live' : 'kind';
    const rows = [{ ...row, metric: `${what} instructions`, value: found.each - floor.each }];
    if (which.live) {
      rows.push(
        { ...row, metric: 'live pages', value: found.pages },
        { ...row, metric: 'live used', value: used },
        { ...row, metric: 'live beyond', value: used - found.live },
      );
    }
    appendCsv(values.csv, rows);
    const each = rows[0].value.toFixed(1).padStart(13);
    console.log(
      `${name.padEnd(15)} ${allocator.padEnd(12)} ${each}`
        + `${String(found.pages).padStart(7)} ${String(used).padStart(10)}`
        + (which.live ? ` ${String(used - found.live).padStart(10)}` : ''),
    );
  }
}
