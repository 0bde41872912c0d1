// Runs one kind of synthetic.c with one allocator after the other, in the engine that runs this.
//
// Job: { kind, live, warmLive, operations, modules: {PEER: path}, rounds }.  Order alternates from
// round to round; each run is in a fresh instance of a module that is compiled once and warmed up,
// on a heap of `warmLive` bytes.  The filling of the kind `live` is not timed.
import { compile, engine, instantiate, job, report } from './engine.mjs';

const PAGE = 65536;
const { record, ...peers } = Object.fromEntries(
  Object.entries(job.modules).map(([name, path]) => [name, compile(path)]),
);
const names = Object.keys(peers);
// Instances of 1 GB are not to wait for one another.
const collect = globalThis.gc ?? globalThis.Bun?.gc ?? (() => {});

/** One run in a fresh instance; `before` and `after` see each call of begin and run. */
function runKind(module, live, { before, after } = {}) {
  collect(true);
  const exports = instantiate(module);
  const pieces = [];
  let calls = 0,
    operations = 0,
    left;
  const call = (work) => {
    before?.(exports, calls);
    const t = performance.now();
    const done = work();
    const time = performance.now() - t;
    after?.(exports);
    calls++;
    return { time, done };
  };
  call(() => exports.begin(job.kind, live));
  while ((left = exports.missing()) > 0) call(() => exports.run(Math.min(left, exports.batch())));
  while (operations < job.operations) {
    const { time, done } = call(() => exports.run(exports.batch()));
    pieces.push(time);
    operations += done;
  }
  const total = exports.memory.buffer.byteLength;
  const used = total - exports.heap_base();
  const checksum = exports.checksum() >>> 0;
  return { pieces, operations, total, used, checksum, seed: exports.seed() };
}

/** Where the blocks lie when wasm-pymalloc serves the kind, as the floor is to touch them. */
function recorded(live) {
  const addresses = [];
  const { total } = runKind(record, live, {
    after: (exports) =>
      addresses.push(
        new Uint32Array(exports.memory.buffer, exports.addresses_at(), exports.recorded()).slice(),
      ),
  });
  const before = (exports, i) => {
    const missing = (total - exports.memory.buffer.byteLength) / PAGE;
    if (missing > 0) exports.memory.grow(missing);
    new Uint32Array(exports.memory.buffer, exports.addresses_at()).set(addresses[i]);
  };
  return { before };
}

function run(name, live, floor) {
  return { name, ...runKind(peers[name], live, name.endsWith('floor') ? floor : undefined) };
}

const warmFloor = recorded(job.warmLive);
for (let i = 0; i < 3; i++) names.forEach((name) => run(name, job.warmLive, warmFloor));
const floor = job.live === job.warmLive ? warmFloor : recorded(job.live);
for (let round = 0; round < job.rounds; round++) {
  const order = round % 2 ? names.slice().reverse() : names;
  for (const name of order) report({ engine, ...run(name, job.live, floor) });
}
