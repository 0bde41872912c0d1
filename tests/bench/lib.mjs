// What the scripts of the benchmark share: traces, modules, engines, WasmEdge, results.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The folder that wasm/setup.sh fills: the same rule as there. */
export const cache =
  process.env.PYM_CACHE
  ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wasm-pymalloc');

export const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1];

/** A quantile of a list, between two of its members where it falls there. */
export function quantile(list, q) {
  const sorted = list.slice().sort((a, b) => a - b);
  const at = (sorted.length - 1) * q,
    low = Math.floor(at);
  const high = sorted[Math.min(low + 1, sorted.length - 1)];
  return sorted[low] + (at - low) * (high - sorted[low]);
}

export const geomean = (list) => Math.exp(list.reduce((s, x) => s + Math.log(x), 0) / list.length);

/** What all rounds of an allocator come to.  The time of the trace is the sum of the medians of its
 *  pieces: a piece takes well under a millisecond, so another program's turn spoils few of them. */
export function condense(rounds, records) {
  const replays = rounds.flatMap((round) => round.replays);
  const perOperation = (ms) => (ms * 1e6) / records;
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const medians = replays[0].map((_, i) => median(replays.map((pieces) => pieces[i])));
  const wholes = replays.map((pieces) => perOperation(sum(pieces)));
  const { grown, total } = rounds[0];
  const [min, max] = [Math.min(...wholes), Math.max(...wholes)];
  return { ns: perOperation(sum(medians)), min, max, grown, total };
}

/** Traces of fewer records are all start, and heaps of fewer bytes a few pages: in no mean. */
export const LONG = 200_000;
export const LARGE = 1 << 20;

/** Ends the script with a sentence that says what to do. */
export function fail(text) {
  console.error(text);
  process.exit(2);
}

/** The modules NAME-PEER.wasm of a folder, by peer. */
export function modulesOf(folder, name) {
  const found = existsSync(folder) ? readdirSync(folder) : [];
  const modules = {};
  for (const file of found.sort()) {
    if (file.startsWith(`${name}-`) && file.endsWith('.wasm')) {
      modules[file.slice(name.length + 1, -'.wasm'.length)] = join(folder, file);
    }
  }
  if (!modules.pym) fail(`no ${name}-pym.wasm in "${folder}": build the preset bench or wasi`);
  return modules;
}

const HEADER = 64;
export const RECORD = 8;

function unzip(file) {
  try {
    return gunzipSync(readFileSync(file));
  } catch (error) {
    return fail(`${file}: ${error.message}`);
  }
}

const isTrace = (file) => file.endsWith('.trace.gz');
const nameOf = (file) => basename(file).replace(/\.trace.*/, '');

/** Traces of the files and folders `from`, unpacked into `to`: engines read them from there.  Of
 *  several with one name the first; at most `records` records of each, if that is not 0. */
export function unpackTraces(from, to, records = 0) {
  mkdirSync(to, { recursive: true });
  const files = from.flatMap((name) => {
    if (!existsSync(name)) console.error(`no traces in ${name}`);
    else if (!statSync(name).isDirectory()) return [name];
    else
      return readdirSync(name)
        .filter(isTrace)
        .map((f) => join(name, f));
    return [];
  });
  const names = new Set();
  const first = (file) => !names.has(nameOf(file)) && names.add(nameOf(file));
  return files.filter(first).map((file) => {
    const bytes = unzip(file);
    if (bytes.toString('latin1', 0, 8) !== 'CPYTRC01') fail(`${file} is not a trace`);
    const name = nameOf(file);
    const n = Math.min(records || Infinity, bytes.readUInt32LE(12));
    const path = join(to, `${name}.trace`);
    bytes.writeUInt32LE(n, 12);
    writeFileSync(path, bytes.subarray(0, HEADER + n * RECORD));
    return { name, path, records: n, ids: bytes.readUInt32LE(16) };
  });
}

/** Runs a WASI command under WasmEdge, which counts its instructions: the same everywhere. */
export function countInstructions(wasmedge, module, args = [], input = undefined) {
  const stdin = input ? openSync(input, 'r') : 'ignore';
  const { status, stdout, stderr, error } = spawnSync(
    wasmedge,
    ['--enable-all-statistics', module, ...args.map(String)],
    { encoding: 'utf8', stdio: [stdin, 'pipe', 'pipe'] },
  );
  if (input) closeSync(stdin);
  const found = /executed wasm instructions count:\s*(\d+)/i.exec(stdout + stderr);
  if (error || status !== 0 || !found) {
    fail(`${wasmedge} ${module}: exit code ${status}, no count\n${error ?? ''}${stdout}${stderr}`);
  }
  return { instructions: Number(found[1]), stdout };
}

/** What the replay of a trace takes under WasmEdge. */
export function countReplay(wasmedge, module, trace) {
  const { instructions, stdout } = countInstructions(wasmedge, module, [], trace);
  const [, records, total, grown] = /(\d+) records, (\d+) pages, (\d+) grown/.exec(stdout);
  return { instructions, records: Number(records), pages: Number(total), grown: Number(grown) };
}

const CSV_HEAD = 'metric,engine,trace,allocator,value,min,max\n';

/** Appends rows to a CSV file: a median (or the only value), the least, the greatest. */
export function appendCsv(file, rows) {
  if (!file) return;
  if (!existsSync(file)) writeFileSync(file, CSV_HEAD);
  const text = (x) => (typeof x === 'number' ? String(Number(x.toFixed(3))) : `"${x ?? ''}"`);
  const line = (r) =>
    [
      `${r.metric}`,
      text(r.engine),
      r.trace ?? '',
      r.allocator ?? '',
      text(r.value),
      text(r.min),
      text(r.max),
    ].join();
  appendFileSync(file, rows.map((r) => `${line(r)}\n`).join(''));
}

/** The rows of such a file. */
export function readCsv(file) {
  const [head, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const columns = head.split(',');
  return lines.map((line) => {
    const cells = [...line.matchAll(/(?:"([^"]*)"|([^,]*))(?:,|$)/g)].map((m) => m[1] ?? m[2]);
    return Object.fromEntries(columns.map((name, i) => [name, cells[i]]));
  });
}
