// Times the kinds of synthetic.c, allocator against allocator, in one or more engines.
//
//   node tests/bench/synthetic.mjs [OPTIONS] MODULES_FOLDER
//
//   --engines LIST    as of replay.mjs
//   --peers LIST      modules, unless all that there are
//   --kinds LIST      all but `live` unless said; live-1000 replaces blocks in a heap of 1000 bytes
//   --operations N    calls of the allocator at the least: 400000 unless said
//   --rounds N        9 unless said; 3 at the most with 100 MB alive, 1 with 1 GB
//   --csv FILE        append the results
//
// Printed: the median time per operation, the least and greatest of a run; net, what is left of the
// median without the floor (the same requests and touches, no allocator: at the addresses that
// wasm-pymalloc gave); the net ratio; and linear memory above static data and stack.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runIn } from './engines.mjs';
import { appendCsv, fail, geomean, median, modulesOf } from './lib.mjs';
import { findKind, kindsOf } from './synthetic-lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: process.execPath },
    peers: { type: 'string' },
    kinds: { type: 'string' },
    operations: { type: 'string', default: '400000' },
    rounds: { type: 'string', default: '9' },
    csv: { type: 'string' },
  },
});
const [folder] = positionals;
if (!folder) fail('usage: synthetic.mjs [OPTIONS] MODULES_FOLDER');
const WARM = 1e5;

const modules = modulesOf(folder, 'synthetic');
const base = modules.dlmalloc ? 'dlmalloc' : 'libc';
const wanted = values.peers
  ? ['record', 'floor', base, ...values.peers.split(',')]
  : Object.keys(modules);
for (const name of Object.keys(modules)) if (!wanted.includes(name)) delete modules[name];
const known = kindsOf(modules.pym);
const chosen = (values.kinds?.split(',') ?? known.filter((name) => name !== 'live')).map((name) =>
  findKind(name, known),
);
const work = join(folder, 'synthetic-work');
mkdirSync(work, { recursive: true });

const roundsOf = (live) => Math.min(Number(values.rounds), live >= 1e9 ? 1 : live >= 1e8 ? 3 : 99);

/** What all rounds of an allocator come to.  The time is the sum of the medians of the pieces, so
 *  that another program's turn spoils little; pieces of the kind `live` are all alike. */
function condense(runs, alike) {
  const [{ operations, used }] = runs;
  const ns = (ms) => (ms * 1e6) / operations;
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const wholes = runs.map(({ pieces }) => ns(sum(pieces)));
  const all = runs.flatMap(({ pieces }) => pieces);
  const medians = runs[0].pieces.map((_, i) =>
    median(alike ? all : runs.map(({ pieces }) => pieces[i])),
  );
  const [min, max] = [Math.min(...wholes), Math.max(...wholes)];
  return { ns: ns(sum(medians)), min, max, used };
}

/** Results by allocator, of an engine. */
function measure(command, { name, kind, live }) {
  const job = {
    kind,
    live,
    modules,
    warmLive: Math.min(live, WARM),
    rounds: roundsOf(live),
    operations: Number(values.operations),
  };
  const lines = runIn(command, 'synthetic-runner.mjs', job, join(work, 'job.json'));
  const sums = new Set(lines.map(({ checksum }) => checksum));
  if (sums.size > 1) fail(`${name}: checksums differ: ${[...sums].join(', ')}`);
  const peers = {};
  for (const peer of new Set(lines.map((line) => line.name))) {
    peers[peer] = condense(
      lines.filter((line) => line.name === peer),
      live > 0,
    );
  }
  for (const peer of Object.values(peers)) peer.net = peer.ns - peers.floor.ns;
  const [{ engine, checksum, seed }] = lines;
  return { engine, checksum, seed, peers };
}

const number = (x, digits, width) => x.toFixed(digits).padStart(width);

function show(name, peers) {
  for (const [peer, p] of Object.entries(peers)) {
    const range = `${p.min.toFixed(2)}..${p.max.toFixed(2)}`;
    const ratios =
      peer === 'floor'
        ? ''
        : `${number(p.net, 2, 8)} ${number(p.net / peers[base].net, 3, 7)} `
          + `${number(p.used / 1e6, 2, 8)}`;
    console.log(
      `${name.padEnd(15)} ${peer.padEnd(12)} ${number(p.ns, 2, 7)} `
        + `${range.padEnd(15)}${ratios}`,
    );
  }
}

function rows(engine, name, live, peers) {
  const what = live ? 'live' : 'kind';
  return Object.entries(peers).flatMap(([allocator, p]) => {
    const row = { engine, trace: name, allocator };
    const time = { ...row, metric: `${what} time`, value: p.ns, min: p.min, max: p.max };
    return allocator === 'floor'
      ? [time]
      : [
          time,
          { ...row, metric: `${what} net`, value: p.net },
          { ...row, metric: `${what} memory`, value: p.used },
        ];
  });
}

for (const command of values.engines.split(',')) {
  const results = [];
  for (const which of chosen) {
    const { engine, checksum, seed, peers } = measure(command, which);
    if (results.length === 0) {
      console.log(
        `\n${engine}, ${values.rounds} rounds, seed ${seed}; ratios are to ${base}\n`
          + 'kind            allocator      ns/op min..max            net   ratio  used MB',
      );
    }
    show(which.name, peers);
    console.log(`${which.name.padEnd(15)} checksum ${checksum}`);
    appendCsv(values.csv, rows(engine, which.name, which.live, peers));
    results.push(peers);
  }
  if (results.length < 2) continue;
  for (const name of Object.keys(results[0]).filter((peer) => peer !== 'floor')) {
    const mean = geomean(results.map((peers) => peers[name].net / peers[base].net));
    console.log(`${'geometric mean'.padEnd(15)} ${name.padEnd(37)}${number(mean, 3, 15)}`);
  }
}
