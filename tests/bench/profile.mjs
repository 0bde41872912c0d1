/** What a heap profile says, against a full trace; and what it costs.
 *
 *    node tests/bench/profile.mjs accuracy [NAME...]        top five sites of nine programs
 *    node tests/bench/profile.mjs cost [--rounds N] [NAME...]   CPU time with a profile and without
 *    node tests/bench/profile.mjs share [NAME...]           part of the time that samples take
 *
 *  accuracy  the five sites with most bytes, those of them with more than 1 % of all; the truth
 *            is the recorder's (src/record.c): every call, its size and its stack.  The
 *            profile is another run, one sample in so many bytes that there are some ten thousand.
 *  cost      CPU time, alternating, at one sample in 512 KiB: the median of the ratios, and the
 *            ratio of the least times, which other programs of the machine disturb less.
 *  Modules: build/lua, build/python, build/wasi. */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { Heap, profilable } from '../../js/src/index.node.js';
import { guestFrames } from '../../js/src/profile/frames/guest.js';
import { siteOf, topOf } from '../../js/src/profile/profile.js';
import { Stacks, frameText } from '../../js/src/profile/stack.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const LUA = ['build/lua/lua.wasm', 'examples/lua/programs'];
const PYTHON = ['build/python/python.wasm', 'examples/cpython/programs'];
const C = ['build/wasi/tests/c/profile_programs.wasm', ''];
const of = ([module, folder], name, short, long) => [
  name,
  { module, folder, file: folder && `/p/${name.split(' ')[1]}`, short, long },
];
const PROGRAMS = new Map([
  of(LUA, 'lua json.lua', [1], []),
  of(LUA, 'lua objects.lua', [1500], []),
  of(LUA, 'lua binary_trees.lua', [7], []),
  of(PYTHON, 'python graphs.py', [1], [20]),
  of(PYTHON, 'python json_texts.py', [1], [20]),
  of(PYTHON, 'python texts.py', [1], [20]),
  of(C, 'c words', ['words'], ['words', 100]),
  of(C, 'c tree', ['tree'], ['tree', 100]),
  of(C, 'c lines', ['lines'], ['lines', 100]),
]);
/** Nothing but malloc and free: for the cost alone. */
PROGRAMS.set(...of(C, 'c pairs', ['pairs'], ['pairs', 100]));
const RECORD_FD = 0x7fffffff;
const REALLOC = 3,
  FREE = 5;
const SMALL_MAX = 512;

/** @param {object} program  @param {boolean} long */
function load({ module: file, folder, file: script, short, long }, isLong, wrap) {
  const bytes = readFileSync(root + file);
  const module = new WebAssembly.Module(bytes);
  const args = [file, ...(script ? [script] : []), ...(isLong ? long : short).map(String)];
  const preopens = folder
    ? { '/p': root + folder, '/usr/local/lib': `${root}build/python/lib` }
    : {};
  const wasi = new WASI({ version: 'preview1', args, preopens, returnOnExit: true });
  const functions = Object.fromEntries(
    Object.entries(wasi.wasiImport).map(([name, fn]) => [
      name,
      (...given) =>
        name === 'fd_write' && given[0] === 1 ? quiet(given) : Reflect.apply(fn, undefined, given),
    ]),
  );
  let instance;
  /** What a program prints is not what is measured. */
  const quiet = ([, pieces, n, written]) => {
    const view = new DataView(instance.exports.memory.buffer);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += view.getUint32(pieces + 8 * i + 4, true);
    view.setUint32(written, sum, true);
    return 0;
  };
  instance = new WebAssembly.Instance(
    module,
    wrap({ wasi_snapshot_preview1: functions }, () => instance),
  );
  return { wasi, instance, bytes, heap: Heap.from(module, instance) };
}

/** Usable bytes of a block, as a heap without a profile serves it. */
function usable(domain, size) {
  if (domain !== 0 && size <= SMALL_MAX) return Math.max((size + 7) & ~7, 8);
  return ((size + 8 + 15) & ~15) - 8;
}

/** Bytes by line, of every call.  @returns {Map<string, number>} */
function truth(program) {
  const sums = new Map(),
    sizes = new Map(),
    stacks = new Stacks(null);
  let guests, view, buffer;
  const hear = (memory, pieces) => {
    if (memory.buffer !== buffer) view = new DataView((buffer = memory.buffer));
    const at = view.getUint32(pieces, true);
    const [what, size, before, after] = [0, 4, 8, 12].map((o) => view.getUint32(at + o, true));
    const op = what & 255,
      domain = what >>> 8,
      now = usable(domain, size);
    const old = sizes.get(before);
    if (before) sizes.delete(before);
    if (op === FREE) return;
    // A block that stays as it is is no allocation, for the profile; its room is what it was.
    const stays =
      op === REALLOC
      && before === after
      && old !== undefined
      && (old === now || (old <= SMALL_MAX && domain !== 0 && now <= SMALL_MAX));
    sizes.set(after, stays ? old : now);
    if (stays) return;
    const guest = guests.capture();
    const { key, frames } = stacks.capture(guest.depth > 0);
    const name = `${guest.key}|${key}`;
    let sum = sums.get(name);
    if (!sum)
      sums.set(
        name,
        (sum = { frames: stacks.withLines([...guest.frames(), ...frames]), bytes: 0 }),
      );
    sum.bytes += now;
  };
  const { wasi, instance } = load(program, false, ({ wasi_snapshot_preview1: fns }, its) => ({
    wasi_snapshot_preview1: {
      ...fns,
      fd_write: (fd, pieces, n, written) => {
        if (fd !== RECORD_FD) return fns.fd_write(fd, pieces, n, written);
        hear(its().exports.memory, pieces);
        new DataView(its().exports.memory.buffer).setUint32(written, 16, true);
        return 0;
      },
    },
  }));
  guests = guestFrames({ exports: instance.exports, memory: instance.exports.memory });
  instance.exports.pym_record(RECORD_FD);
  wasi.start(instance);
  const lines = new Map();
  for (const { frames, bytes } of sums.values()) {
    const line = frameText(siteOf(frames));
    lines.set(line, (lines.get(line) ?? 0) + bytes);
  }
  return lines;
}

function estimate(program, every) {
  const { wasi, instance, heap } = load(program, false, profilable);
  const profile = heap.profile({ every });
  wasi.start(instance);
  const ever = profile.stop().ever();
  return {
    samples: profile.samples,
    lines: new Map(topOf(ever, Infinity).map((line) => [frameText(line), line.bytes])),
  };
}

function accuracy(name) {
  const program = PROGRAMS.get(name);
  const lines = [...truth(program)].sort((a, b) => b[1] - a[1]);
  const total = lines.reduce((n, [, bytes]) => n + bytes, 0);
  // Some thousand samples for each of the five: an error of a standard deviation is 1 to 2 %.
  const five = lines.slice(0, 5).filter(([, bytes]) => bytes > total / 100);
  const every = Math.max(1, Math.round(five.at(-1)[1] / 4000));
  const found = estimate(program, every);
  const top = five.map(([line, bytes]) => ({
    line,
    bytes,
    off: (found.lines.get(line) ?? 0) / bytes - 1,
  }));
  return { every, samples: found.samples, total, top };
}

/** CPU milliseconds of a run, in its own thread.  @param {number} every  0: no profile */
function cpuOf(name, every) {
  const { wasi, instance, heap, bytes } = load(PROGRAMS.get(name), true, profilable);
  const before = process.cpuUsage();
  const profile = every ? heap.profile({ every, wasm: bytes }) : null;
  wasi.start(instance);
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, samples: profile?.stop().samples ?? 0 };
}

/** The part of a program's time that samples take, by V8's CPU profile: what runs in the call that
 *  the module makes for each.  Other programs of the machine take from both alike. */
async function shareOf(name) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  const { wasi, instance, heap, bytes } = load(PROGRAMS.get(name), true, profilable);
  const profile = heap.profile({ every: 524288, wasm: bytes });
  await session.post('Profiler.start');
  wasi.start(instance);
  const { nodes, samples, timeDeltas } = (await session.post('Profiler.stop')).profile;
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const within = (id, is) =>
    id !== undefined && (is(frames.get(id)) || within(parents.get(id), is));
  let [all, own] = [0, 0];
  samples.forEach((id, i) => {
    if (!within(id, ({ url }) => url.startsWith('wasm:'))) return;
    all += timeDeltas[i];
    if (within(id, ({ url }) => url.endsWith('profile/channel.js'))) own += timeDeltas[i];
  });
  return { part: own / all, samples: profile.stop().samples };
}

/** Runs a task in a thread whose stack is large.  @returns {Promise<any>} */
const inThread = (task) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: task,
      resourceLimits: { stackSizeMb: 64 },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

const percent = (part) => `${part >= 0 ? '+' : ''}${(100 * part).toFixed(1)} %`;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function main([command, ...words]) {
  const at = words.indexOf('--rounds');
  const rounds = at < 0 ? 5 : Number(words.splice(at, 2)[1]);
  const all = [...PROGRAMS.keys()].filter((name) => command !== 'accuracy' || name !== 'c pairs');
  const names = words.length ? words : all;
  let worst = 0;
  for (const name of names) {
    if (command === 'accuracy') {
      const { every, samples, total, top } = await inThread({ what: 'accuracy', name });
      console.log(`${name}: ${total} bytes, one sample in ${every}, ${samples} samples`);
      for (const { line, bytes, off } of top) {
        worst = Math.max(worst, Math.abs(off));
        console.log(`  ${String(bytes).padStart(12)}  ${percent(off).padStart(7)}  ${line}`);
      }
    } else if (command === 'share') {
      const { part, samples } = await inThread({ what: 'share', name });
      worst = Math.max(worst, part);
      console.log(`${name}: ${percent(part)} in ${samples} samples`);
    } else {
      const ratios = [],
        base = [],
        profiled = [];
      let samples = 0;
      for (let i = 0; i < rounds; i++) {
        const order = i % 2 ? [0, 524288] : [524288, 0];
        const ms = {};
        for (const every of order) {
          const run = await inThread({ what: 'cost', name, every });
          ms[every] = run.ms;
          samples ||= run.samples;
        }
        ratios.push(ms[524288] / ms[0]);
        base.push(ms[0]);
        profiled.push(ms[524288]);
      }
      worst = Math.max(worst, median(ratios) - 1);
      console.log(
        `${name}: ${percent(median(ratios) - 1)} (${ratios.map((r) => r.toFixed(3))}), `
          + `least ${percent(Math.min(...profiled) / Math.min(...base) - 1)} of `
          + `${Math.min(...base).toFixed(0)} ms, ${samples} samples`,
      );
    }
  }
  console.log(`worst: ${percent(worst)}`);
  if (command === 'accuracy' && worst > 0.05) process.exitCode = 1;
}

if (isMainThread) await main(process.argv.slice(2));
else {
  const { what, name, every } = workerData;
  const tasks = { accuracy, share: shareOf, cost: (program) => cpuOf(program, every) };
  parentPort.postMessage(await tasks[what](name));
}
