// Figures of the replay's modules that are the same on every machine: code size, and instructions
// and memory under WasmEdge.
//
//   node tests/bench/figures.mjs [--records N] [--csv FILE] WASMEDGE MODULES_FOLDER TRACE ...
//
// Size is that of the sections code and data, less those of the module without an allocator.
// Instructions are per record, less the floor's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appendCsv, countReplay, fail, modulesOf, unpackTraces } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { records: { type: 'string', default: '0' }, csv: { type: 'string' } },
});
const [wasmedge, folder, ...names] = positionals;
if (names.length === 0) fail('usage: figures.mjs [OPTIONS] WASMEDGE MODULES_FOLDER TRACE ...');
const { record, ...modules } = modulesOf(folder, 'replay');
const peers = Object.keys(modules).filter((name) => !name.endsWith('floor'));

/** Bytes of the sections code and data. */
function size(path) {
  const bytes = readFileSync(path);
  let at = 8,
    sum = 0;
  const leb = () => {
    let value = 0,
      shift = 0,
      byte;
    do {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte & 128);
    return value >>> 0;
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const length = leb();
    if (id === 10 || id === 11) sum += length;
    at += length;
  }
  return sum;
}

console.log('code and data, bytes');
for (const allocator of peers) {
  const value = size(modules[allocator]) - size(modules.floor);
  console.log(`  ${allocator.padEnd(14)} ${value}`);
  appendCsv(values.csv, [{ metric: 'size', allocator, value }]);
}

const work = join(folder, 'counted');
for (const trace of unpackTraces(names, work, Number(values.records))) {
  const count = (path) => countReplay(wasmedge, path, trace.path);
  const floor = count(modules.floor);
  console.log(`${trace.name}, ${trace.records} records: wasm instructions of each, pages grown`);
  for (const allocator of peers) {
    const { instructions, records, grown } = count(modules[allocator]);
    const value = (instructions - floor.instructions) / records;
    const line = [value.toFixed(1).padStart(8), String(grown).padStart(6)].join(' ');
    console.log(`  ${allocator.padEnd(14)} ${line}`);
    appendCsv(values.csv, [
      { metric: 'instructions', engine: 'WasmEdge', trace: trace.name, allocator, value },
    ]);
  }
}
