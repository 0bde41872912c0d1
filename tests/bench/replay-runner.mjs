// Replays one trace with one allocator after the other, in the engine that runs this.
//
// Job: { trace, name, records, modules: {PEER: path}, rounds, atLeast }.  Order alternates from
// round to round; each replay is in a fresh instance of a module that is compiled once and warmed
// up.  A round of a short trace is several replays, `atLeast` records together.
import { engine, job, maker, readFile, report } from './engine.mjs';

const PAGE = 65536;
const HEADER = 64;
const bytes = readFile(job.trace);
const header = new DataView(bytes.buffer, bytes.byteOffset);
const records = Math.min(job.records || Infinity, header.getUint32(12, true));
const ids = header.getUint32(16, true);
const words = bytes.subarray(HEADER, HEADER + records * 8);

const all = Object.fromEntries(
  await Promise.all(
    Object.entries(job.modules).map(async ([name, path]) => [name, await maker(path)]),
  ),
);
/** A floor has the addresses of the recording module that is named like it. */
const isRecord = (name) => name.endsWith('record');
const isFloor = (name) => name.endsWith('floor');
const peers = Object.fromEntries(Object.entries(all).filter(([name]) => !isRecord(name)));
const names = Object.keys(peers);

/** Runs the trace piece by piece in a fresh instance; `before` and `after` see each piece. */
async function replay(name, make, before, after) {
  const exports = await make();
  const piece = exports.piece();
  const start = exports.memory.buffer.byteLength;
  const pieces = [];
  for (let i = 0; i < records; i += piece) {
    const n = Math.min(piece, records - i);
    before?.(exports, i, n);
    const part = words.subarray(i * 8, (i + n) * 8);
    new Uint8Array(exports.memory.buffer).set(part, exports.trace_at());
    const t = performance.now();
    const failed = exports.replay(n);
    pieces.push(performance.now() - t);
    if (failed) throw new Error(`${name}: record ${i + failed - 1} of ${job.name} failed`);
    after?.(exports, i, n);
  }
  const total = exports.memory.buffer.byteLength;
  return { pieces, grown: total - start, total };
}

/** Where each record's block lies when wasm-pymalloc serves the trace, and how large memory is then. */
async function recorded(name) {
  const addresses = new Uint32Array(records);
  const { total } = await replay(name, all[name], undefined, (exports, i, n) => {
    addresses.set(new Uint32Array(exports.memory.buffer, exports.addresses_at(), n), i);
  });
  return { addresses, total };
}
const layouts = {};
for (const name of names.filter(isFloor)) {
  layouts[name] = await recorded(name.replace(/floor$/, 'record'));
}

/** Memories with 64-bit addresses take a BigInt. */
function grow(memory, pages) {
  try {
    memory.grow(pages);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    memory.grow(BigInt(pages));
  }
}

function layOut({ addresses, total }, exports, i, n) {
  const missing = (total - exports.memory.buffer.byteLength) / PAGE;
  if (missing > 0) grow(exports.memory, missing);
  const to = new Uint32Array(exports.memory.buffer, exports.addresses_at(), n);
  to.set(addresses.subarray(i, i + n));
}

/** One round of an allocator: milliseconds of each piece, of each replay. */
async function run(name) {
  const replays = [];
  const before = isFloor(name) ? layOut.bind(undefined, layouts[name]) : undefined;
  do replays.push(await replay(name, peers[name], before));
  while (replays.length * records < job.atLeast);
  const { grown, total } = replays[0];
  return { name, replays: replays.map(({ pieces }) => pieces), grown, total };
}

if (ids > (await all.record()).max_ids()) {
  report({ skipped: `${job.name} has ${ids} blocks alive at once: more than the modules hold` });
} else {
  for (let i = 0; i < 3; i++) for (const name of names) await run(name); // engines recompile
  for (let round = 0; round < job.rounds; round++) {
    const order = round % 2 ? names.slice().reverse() : names;
    for (const name of order) report({ engine, ...(await run(name)) });
  }
}
