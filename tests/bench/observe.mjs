/** What watching costs: main-thread and helper CPU time of programs of npm packages with the preload
 *  and without, alternating, the median of the ratios; and the time of rewriting at the start.
 *
 *    node tests/bench/observe.mjs [--rounds N] [--sample] [NAME...]
 *
 *  --sample: with stacks, one in 512 KiB.  Programs: tests/observe/programs. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { knownRoles } from '../../js/src/observe/known.js';
import { rewrite } from '../../js/src/observe/rewrite.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const ENTRY = new URL('../../js/src/observe/index.node.js', import.meta.url).href;
/** ROUNDS of each program: some seconds. */
const PROGRAMS = { quickjs: 12, 'quickjs-asyncify': 12, 'quickjs-wasi': 12, 'sql-js': 8,
  'sqlite-wasm': 12, wasmoon: 12, php: 12, ruby: 8, pyodide: 12, micropython: 8, 'tree-sitter': 20,
  resvg: 8, draco: 30, yoga: 30 };

const words = process.argv.slice(2);
const at = words.indexOf('--rounds');
const rounds = at < 0 ? 5 : Number(words.splice(at, 2)[1]);
const sample = words.includes('--sample');
const names = words.filter((word) => !word.startsWith('--'));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** @param {string} name  @param {boolean} watched  @returns {number} milliseconds of CPU */
function cpuOf(name, watched) {
  const report = 'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>{const{user,'
    + 'system}=process.cpuUsage();writeSync(2,"\\ncpu "+(user+system)/1000+"\\n")})';
  const { stderr, status } = spawnSync(process.execPath, ['--no-warnings', '--import', report,
    ...(watched ? ['--import', ENTRY] : []), path(`../observe/programs/${name}.mjs`)],
  { encoding: 'utf8', maxBuffer: 2 ** 28, env: { ...process.env, NODE_OPTIONS: '',
    ROUNDS: String(PROGRAMS[name]), PYM_OBSERVE: `quiet${sample ? ',sample=512K' : ''}` } });
  const cpu = Number(/^cpu ([\d.]+)$/m.exec(stderr)?.[1]);
  if (status !== 0 || !(cpu > 0)) throw new Error(`${name}: ${stderr}`);
  return cpu;
}

/** Rewriting of one module in a process of its own, as at a start.
 *  @param {boolean} table */
function startUp(table) {
  const bytes = readFileSync(path('../observe/node_modules/@jitl/quickjs-wasmfile-release-sync/dist/'
    + 'emscripten-module.wasm'));
  const begin = performance.now();
  const known = table ? knownRoles(bytes.length, createHash('sha256').update(bytes).digest('hex')) : null;
  rewrite(bytes, { known });
  return performance.now() - begin;
}

if (words.includes('--start')) {
  console.log(startUp(words.includes('--table')));
  process.exit(0);
}
for (const [what, options] of [['in the table', ['--table']], ['not in the table', []]]) {
  const times = Array.from({ length: 7 }, () => Number(spawnSync(process.execPath,
    [path('observe.mjs'), '--start', ...options], { encoding: 'utf8' }).stdout));
  console.log(`start-up, a module of 503 KB ${what}: ${median(times).toFixed(1)} ms`);
}
const logs = [];
for (const name of names.length > 0 ? names : Object.keys(PROGRAMS)) {
  const pairs = Array.from({ length: rounds }, () => [cpuOf(name, false), cpuOf(name, true)]);
  const ratio = median(pairs.map(([without, watched]) => watched / without));
  logs.push(Math.log(ratio));
  console.log(`${name.padEnd(18)} ${ratio.toFixed(3)}   ${median(pairs.map(([w]) => w)).toFixed(0)} ms`);
}
console.log(`geometric mean     ${Math.exp(logs.reduce((a, b) => a + b) / logs.length).toFixed(3)}`);
