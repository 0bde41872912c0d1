// Replays allocation traces in wasm, allocator against allocator, in one or more engines.
//
//   node tests/bench/replay.mjs [OPTIONS] MODULES_FOLDER TRACE.gz|FOLDER ...
//
//   --engines LIST   commands, commas between: those of wasm/setup.sh bench (node20 node22 node24
//                    node26 bun js128), or any other; the Node.js that runs this unless said
//   --peers LIST     modules, unless all that there are
//   --touch MODE     `word` unless said: the first word of a block is written when it is new and
//                    read before it goes; `block`: every word
//   --rounds N       9 unless said
//   --records N      the first N records of each trace only
//   --csv FILE       append the results
//
// Printed: the median time per operation, the least and greatest of a replay; net, what is left of
// the median without the floor (the same touches, no allocator); growth of linear memory; and both
// against dlmalloc (that of Emscripten), or libc where that is not there.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  LARGE,
  LONG,
  appendCsv,
  cache,
  condense,
  fail,
  geomean,
  modulesOf,
  unpackTraces,
} from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: process.execPath },
    peers: { type: 'string' },
    touch: { type: 'string', default: 'word' },
    rounds: { type: 'string', default: '9' },
    records: { type: 'string', default: '0' },
    csv: { type: 'string' },
  },
});
const [folder, ...names] = positionals;
if (names.length === 0) fail('usage: replay.mjs [OPTIONS] MODULES_FOLDER TRACE.gz|FOLDER ...');
const AT_LEAST = 500_000; // records a round, so that short traces are timed at all

const runner = fileURLToPath(new URL('replay-runner.mjs', import.meta.url));
const work = join(folder, 'traces');
const words = modulesOf(folder, 'replay');
const whole = values.touch === 'block';
const modules = whole ? { ...modulesOf(folder, 'block'), record: words.record } : words;
const base = modules.dlmalloc ? 'dlmalloc' : 'libc';
const wanted = values.peers
  ? ['record', 'floor', base, ...values.peers.split(',')]
  : Object.keys(modules);
for (const name of Object.keys(modules)) if (!wanted.includes(name)) delete modules[name];
const traces = unpackTraces(names, work, Number(values.records));

/** The lines that the runner prints under an engine. */
function runIn(command, trace) {
  const installed = join(cache, 'bin', command);
  const program = existsSync(installed) ? installed : command;
  const shell = basename(command).startsWith('js');
  const jobFile = join(work, 'job.json');
  writeFileSync(
    jobFile,
    JSON.stringify({
      trace: trace.path,
      name: trace.name,
      modules,
      rounds: Number(values.rounds),
      atLeast: AT_LEAST,
    }),
  );
  const { stdout, stderr, status, error } = spawnSync(program, [...(shell ? ['-m'] : []), runner], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, BENCH_JOB: jobFile, BENCH_SHELL: basename(command) },
  });
  if (status !== 0) fail(`${program}: exit code ${status}\n${error ?? ''}${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Results by allocator: { ns, min, max, net, grown, total }. */
function measure(command, trace) {
  const lines = runIn(command, trace);
  if (lines[0].skipped) {
    console.log(lines[0].skipped);
    return undefined;
  }
  const peers = {};
  for (const name of new Set(lines.map((line) => line.name))) {
    peers[name] = condense(
      lines.filter((line) => line.name === name),
      trace.records,
    );
  }
  for (const peer of Object.values(peers)) peer.net = peer.ns - peers.floor.ns;
  return { engine: lines[0].engine, peers };
}

const number = (x, digits, width) => x.toFixed(digits).padStart(width);

function show(trace, peers) {
  for (const [name, p] of Object.entries(peers)) {
    const { net, grown } = peers[base];
    const range = `${p.min.toFixed(2)}..${p.max.toFixed(2)}`;
    const ratios =
      name === 'floor'
        ? ''
        : `${number(p.net, 2, 7)} ${number(p.net / net, 3, 7)} ${number(p.grown / 1e6, 2, 8)} `
          + `${number(p.grown / grown, 3, 7)} ${number(p.total / 1e6, 2, 8)}`;
    console.log(
      `${trace.name.padEnd(18)} ${name.padEnd(12)} ${number(p.ns, 2, 6)} `
        + `${range.padEnd(13)}${ratios}`,
    );
  }
}

/** Geometric means over the traces that are long, and of memory over those that need some. */
function summarize(results) {
  const large = results.filter((peers) => peers[base].grown >= LARGE);
  if (results.length < 2 || large.length < 2) return;
  for (const name of Object.keys(results[0]).filter((n) => n !== 'floor')) {
    const time = geomean(results.map((peers) => peers[name].net / peers[base].net));
    const memory = geomean(large.map((peers) => peers[name].grown / peers[base].grown));
    console.log(
      `${'geometric mean'.padEnd(18)} ${name.padEnd(34)}${number(time, 3, 14)} `
        + `${number(memory, 3, 16)}`,
    );
  }
}

function rows(engine, trace, peers) {
  const prefix = whole ? 'block ' : '';
  const found = [{ metric: 'records', trace: trace.name, value: trace.records }];
  for (const [allocator, p] of Object.entries(peers)) {
    const row = { engine, trace: trace.name, allocator };
    found.push({ ...row, metric: `${prefix}time`, value: p.ns, min: p.min, max: p.max });
    if (allocator === 'floor') continue;
    found.push({ ...row, metric: `${prefix}net`, value: p.net });
    if (whole) continue; // memory is the same
    found.push(
      { ...row, metric: 'growth', value: p.grown },
      { ...row, metric: 'memory', value: p.total },
    );
  }
  return found;
}

for (const command of values.engines.split(',')) {
  const results = [];
  let engine;
  for (const trace of traces) {
    const measured = measure(command, trace);
    if (!measured) continue;
    if (!engine) {
      ({ engine } = measured);
      console.log(
        `\n${engine}, ${values.rounds} rounds, touching each ${values.touch}; ratios are `
          + `to ${base}\n`
          + 'trace              allocator     ns/op min..max          net   ratio grown MB   ratio '
          + 'total MB',
      );
    }
    show(trace, measured.peers);
    appendCsv(values.csv, rows(engine, trace, measured.peers));
    if (trace.records >= LONG) results.push(measured.peers);
  }
  summarize(results);
}
