// Time in a memory with 64-bit addresses against one with 32-bit ones: the same traces, the same sources.
//
//   node tests/bench/memory64.mjs [OPTIONS] FOLDER32 FOLDER64 TRACE.gz|FOLDER ...
//
// The folders are build/freestanding/tests/bench and build/freestanding64/tests/bench.
//
//   --engines LIST   commands, commas between, that have 64-bit memories: node24,node26 unless said
//   --rounds N       9 unless said
//   --records N      the first N records of each trace only
//
// Printed for each trace: nanoseconds an operation, net of the floor (the same touches, no
// allocator), of each; their ratio; the ratio of the floors; growth of memory in MB.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runIn } from './engines.mjs';
import { condense, fail, geomean, unpackTraces } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'node24,node26' },
    rounds: { type: 'string', default: '9' },
    records: { type: 'string', default: '0' },
  },
});
const [folder32, folder64, ...names] = positionals;
if (names.length === 0) fail('usage: memory64.mjs [OPTIONS] FOLDER32 FOLDER64 TRACE.gz|FOLDER ...');
const AT_LEAST = 500_000;
const modules = {
  record: join(folder32, 'replay-record.wasm'),
  floor: join(folder32, 'replay-floor.wasm'),
  pym: join(folder32, 'replay-pym.wasm'),
  '64-record': join(folder64, 'replay-record.wasm'),
  '64-floor': join(folder64, 'replay-floor.wasm'),
  '64-pym': join(folder64, 'replay-pym.wasm'),
};
const COMPARED = ['floor', 'pym', '64-floor', '64-pym'];
const work = join(folder64, 'traces');
const traces = unpackTraces(names, work, Number(values.records));

/** Rounds of a trace in an engine, condensed, by module. */
function measure(engine, trace) {
  const job = {
    trace: trace.path,
    name: trace.name,
    modules,
    rounds: Number(values.rounds),
    atLeast: AT_LEAST,
  };
  const lines = runIn(engine, 'replay-runner.mjs', job, join(work, 'job.json'));
  const of = (name) =>
    condense(
      lines.filter((line) => line.name === name),
      trace.records,
    );
  return {
    engine: lines[0].engine,
    at: Object.fromEntries(COMPARED.map((name) => [name, of(name)])),
  };
}

for (const engine of values.engines.split(',')) {
  const ratios = [],
    floors = [];
  for (const [i, trace] of traces.entries()) {
    const { engine: title, at } = measure(engine, trace);
    if (i === 0)
      console.log(`${title}\ntrace              32 bits  64 bits   ratio  floors  MB 32   MB 64`);
    const net = [at.pym.ns - at.floor.ns, at['64-pym'].ns - at['64-floor'].ns];
    ratios.push(net[1] / net[0]);
    floors.push(at['64-floor'].ns / at.floor.ns);
    const row = [
      net[0],
      net[1],
      ratios[i],
      floors[i],
      at.pym.grown / 1e6,
      at['64-pym'].grown / 1e6,
    ];
    console.log(trace.name.padEnd(18) + row.map((n) => n.toFixed(2).padStart(8)).join(''));
  }
  console.log(
    `geometric mean${geomean(ratios).toFixed(3).padStart(28)}${geomean(floors).toFixed(3).padStart(8)}\n`,
  );
}
