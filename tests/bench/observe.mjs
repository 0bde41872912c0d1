/** What watching costs: CPU time of all threads of programs of npm packages without the preload,
 *  with it, and with it and stacks (one sample in 512 KiB), in turn, the medians of the ratios; and
 *  the time of rewriting at the start.
 *
 *    node tests/bench/observe.mjs [--rounds N] [NAME...]
 *    node tests/bench/observe.mjs --start            the start alone
 *
 *  Programs: tests/observe/programs. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { installed } from '../observe/lib/run.mjs';
import { knownRoles } from '../../js/src/observe/known.js';
import { rewrite } from '../../js/src/observe/rewrite.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
/** ROUNDS of each program: some seconds. */
const PROGRAMS = {
  quickjs: 12,
  'quickjs-asyncify': 12,
  'quickjs-wasi': 12,
  'sql-js': 8,
  'sqlite-wasm': 12,
  wasmoon: 12,
  php: 12,
  ruby: 8,
  pyodide: 12,
  micropython: 8,
  'tree-sitter': 20,
  resvg: 8,
  draco: 30,
  yoga: 30,
};

/** Ways to run a program: what PYM_OBSERVE says, null: without the preload. */
const WAYS = [null, 'quiet', 'quiet,sample=512K'];
const STARTS = 15;

const words = process.argv.slice(2);
const at = words.indexOf('--rounds');
const rounds = at < 0 ? 5 : Number(words.splice(at, 2)[1]);
const names = words.filter((word) => !word.startsWith('--'));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** @param {string} name  @param {string | null} observe  one of WAYS
 *  @returns {number} milliseconds of CPU */
function cpuOf(name, observe) {
  const report =
    'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>{const{user,'
    + 'system}=process.cpuUsage();writeSync(2,"\\ncpu "+(user+system)/1000+"\\n")})';
  const { stderr, status } = spawnSync(
    process.execPath,
    [
      '--no-warnings',
      '--import',
      report,
      ...(observe === null ? [] : ['--import', entry]),
      path(`../observe/programs/${name}.mjs`),
    ],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        ROUNDS: String(PROGRAMS[name]),
        PYM_OBSERVE: observe ?? '',
      },
    },
  );
  const cpu = Number(/^cpu ([\d.]+)$/m.exec(stderr)?.[1]);
  if (status !== 0 || !(cpu > 0)) throw new Error(`${name}: ${stderr}`);
  return cpu;
}

/** @returns {number} CPU milliseconds of the main thread; on Linux alone, elsewhere of all threads */
function mainThread() {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8');
    return Number(text.split(' ')[0]) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
}

/** Rewriting of one module in a process of its own, as at a start.
 *  @param {boolean} table  @returns {number[]} milliseconds: wall, CPU of the main thread */
function startUp(table) {
  const bytes = readFileSync(
    path(
      '../observe/node_modules/@jitl/quickjs-wasmfile-release-sync/dist/'
        + 'emscripten-module.wasm',
    ),
  );
  const [wall, cpu] = [performance.now(), mainThread()];
  const known = table
    ? knownRoles(bytes.length, createHash('sha256').update(bytes).digest('hex'))
    : null;
  rewrite(bytes, { known });
  return [performance.now() - wall, mainThread() - cpu];
}

if (words.includes('--once')) {
  console.log(startUp(words.includes('--table')).join(' '));
  process.exit(0);
}
for (const [what, options] of [
  ['in the table', ['--table']],
  ['not in the table', []],
]) {
  const runs = Array.from({ length: STARTS }, () => {
    const { stdout } = spawnSync(process.execPath, [path('observe.mjs'), '--once', ...options], {
      encoding: 'utf8',
    });
    return stdout.split(' ').map(Number);
  });
  const shown = ['wall', 'CPU of the main thread'].map((name, i) => {
    const times = runs.map((one) => one[i]);
    return `${name} ${Math.min(...times).toFixed(1)} ms at least, median ${median(times).toFixed(1)}`;
  });
  console.log(`start-up, a module of 503 KB ${what}: ${shown.join('; ')}`);
}
if (words.includes('--start')) process.exit(0);

// As users have it: in node_modules, in one file.
const entry = installed();
const logs = [0, 0];
const chosen = names.length > 0 ? names : Object.keys(PROGRAMS);
console.log('                   watched  with stacks');
for (const name of chosen) {
  const turns = Array.from({ length: rounds }, () => WAYS.map((way) => cpuOf(name, way)));
  const ratios = [1, 2].map((way) => median(turns.map((cpu) => cpu[way] / cpu[0])));
  ratios.forEach((ratio, i) => (logs[i] += Math.log(ratio)));
  console.log(
    `${name.padEnd(18)} ${ratios.map((ratio) => ratio.toFixed(3)).join('    ')}   `
      + `${median(turns.map(([without]) => without)).toFixed(0)} ms`,
  );
}
const means = logs.map((sum) => Math.exp(sum / chosen.length).toFixed(3));
console.log(`geometric mean     ${means.join('    ')}`);
