// Replays allocation traces in wasm, allocator against allocator, in one run.
//
//   node tests/bench/replay.mjs [--rounds N] [--csv FILE] MODULES_FOLDER TRACE.gz ...
//
// Order alternates from round to round; each round is a fresh instance of a module that is compiled
// once (and warmed up).  Printed: the median time per operation, what is left of it without the
// floor (the same touches, no allocator), the ratio to libc's malloc, growth of linear memory.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const PAGE = 65536;
const HEADER = 64;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' }, csv: { type: 'string' } },
});
const [folder, ...files] = positionals;
if (!folder || files.length === 0) {
  console.error('usage: replay.mjs [--rounds N] [--csv FILE] MODULES_FOLDER TRACE.gz ...');
  process.exit(2);
}
const rounds = Number(values.rounds);

const moduleFile = (name) => join(folder, `replay-${name}.wasm`);
const peers = ['pym', 'lto', 'hardened', 'calls', 'malloc', 'libc', 'obmalloc', 'mimalloc',
  'em-dlmalloc', 'em-emmalloc', 'em-mimalloc', 'floor'].filter((name) => existsSync(moduleFile(name)));
const base = peers.includes('em-dlmalloc') ? 'em-dlmalloc' : 'libc';
const modules = new Map([...peers, 'record'].map((name) =>
  [name, new WebAssembly.Module(readFileSync(moduleFile(name)))]));

function readTrace(file) {
  const bytes = gunzipSync(readFileSync(file));
  if (bytes.toString('latin1', 0, 8) !== 'CPYTRC01') throw new Error(`${file}: not a trace`);
  const records = bytes.readUInt32LE(12);
  return {
    name: basename(file).replace(/\.trace.*/, ''),
    records,
    ids: bytes.readUInt32LE(16),
    words: bytes.subarray(HEADER, HEADER + records * 8),
  };
}

/** Imports that all fail with EBADF. */
function stubs(module) {
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => 8;
  }
  return imports;
}

/** Runs the trace piece by piece in a fresh instance; `before` and `after` see each piece. */
function run(name, trace, before, after) {
  const { exports } = new WebAssembly.Instance(modules.get(name), stubs(modules.get(name)));
  exports.__wasm_call_ctors();
  if (trace.ids > exports.max_ids()) throw new Error(`${trace.name} has too many blocks alive`);
  const piece = exports.piece();
  const start = exports.memory.buffer.byteLength;
  let ms = 0;
  for (let i = 0; i < trace.records; i += piece) {
    const n = Math.min(piece, trace.records - i);
    before?.(exports, i, n);
    const words = trace.words.subarray(i * 8, (i + n) * 8);
    new Uint8Array(exports.memory.buffer).set(words, exports.trace_at());
    const t = performance.now();
    const failed = exports.replay(n);
    ms += performance.now() - t;
    if (failed) throw new Error(`${name}: record ${i + failed - 1} of ${trace.name} failed`);
    after?.(exports, i, n);
  }
  const end = exports.memory.buffer.byteLength;
  return { ns: (ms * 1e6) / trace.records, grown: end - start, pages: end / PAGE };
}

/** Where each record's block lies when wasm-pymalloc serves the trace. */
function record(trace) {
  const addresses = new Uint32Array(trace.records);
  const { pages } = run('record', trace, undefined, (exports, i, n) => {
    addresses.set(new Uint32Array(exports.memory.buffer, exports.addresses_at(), n), i);
  });
  return { addresses, pages };
}

function runOnce(name, trace, recorded) {
  if (name !== 'floor') return run(name, trace);
  return run(name, trace, (exports, i, n) => {
    const missing = recorded.pages - exports.memory.buffer.byteLength / PAGE;
    if (missing > 0) exports.memory.grow(missing);
    const to = new Uint32Array(exports.memory.buffer, exports.addresses_at(), n);
    to.set(recorded.addresses.subarray(i, i + n));
  });
}

const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1];

function compare(trace) {
  const recorded = record(trace);
  const runs = new Map(peers.map((name) => [name, []]));
  for (const name of peers) runOnce(name, trace, recorded);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 ? peers.slice().reverse() : peers;
    for (const name of order) runs.get(name).push(runOnce(name, trace, recorded));
  }
  const floor = median(runs.get('floor').map((r) => r.ns));
  return peers.map((name) => {
    const times = runs.get(name).map((r) => r.ns);
    return {
      trace: trace.name, allocator: name, ns: median(times),
      min: Math.min(...times), max: Math.max(...times),
      net: median(times) - floor, grown: runs.get(name)[0].grown,
    };
  });
}

console.log(`Node ${process.version} (V8 ${process.versions.v8}), ${cpus()[0].model}, ${rounds} rounds`);
console.log('trace              allocator   ns/op    (min..max)      net   ratio   grown MB   ratio');
const rows = [];
for (const file of files) {
  const result = compare(readTrace(file));
  const libc = result.find((r) => r.allocator === base);
  for (const r of result) {
    const ratios = r.allocator === 'floor' ? '' :
      `${r.net.toFixed(2).padStart(8)} ${(r.net / libc.net).toFixed(3).padStart(9)} ` +
      `${(r.grown / 1e6).toFixed(2).padStart(10)} ${(r.grown / libc.grown).toFixed(3).padStart(7)}`;
    console.log(`${r.trace.padEnd(18)} ${r.allocator.padEnd(10)} ${r.ns.toFixed(2).padStart(6)} ` +
      `(${r.min.toFixed(2)}..${r.max.toFixed(2)})`.padEnd(18) + ratios);
  }
  rows.push(...result);
}
if (values.csv) {
  if (!existsSync(values.csv)) {
    writeFileSync(values.csv, 'node,cpu,trace,allocator,ns_per_op,min,max,net,grown_bytes\n');
  }
  for (const r of rows) {
    appendFileSync(values.csv, `${[process.version, `"${cpus()[0].model}"`, r.trace, r.allocator,
      r.ns.toFixed(3), r.min.toFixed(3), r.max.toFixed(3), r.net.toFixed(3), r.grown].join()}\n`);
  }
}
