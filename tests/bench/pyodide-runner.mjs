/** One Python program in one Pyodide: pyodide-runner.mjs RELEASE stock|attached PROGRAM SIZE ROUNDS
 *  prints what it took as JSON.  Time is the main thread's CPU time, and that of the last two thirds
 *  of the rounds counts: until then the engine still compiles. */
import { readFileSync } from 'node:fs';

import { attach } from '../../js/src/pyodide.node.js';

const [release, mode, program, size, rounds] = process.argv.slice(2);
const folder = new URL('../../examples/cpython/programs/', import.meta.url);
const { loadPyodide } = await import(
  new URL(`../pyodide/node_modules/pyodide-${release}/pyodide.mjs`, import.meta.url).href
);

/** @returns {number} milliseconds of CPU time of this thread */
const cpu = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;

const out = [];
const pyodide = await loadPyodide({ stdout: (line) => out.push(line) });
if (mode === 'attached') await attach(pyodide);
pyodide.globals.set('source', readFileSync(new URL(`${program}.py`, folder), 'utf8'));
pyodide.globals.set('size', size);
const main = pyodide.runPython(`
  import sys
  sys.argv = ["program", size]
  code = compile(source, "program", "exec")
  lambda: exec(code, globals())`);
const times = [];
for (let i = 0; i < Number(rounds); i++) {
  const before = cpu();
  main();
  times.push(cpu() - before);
}
const late = times.slice(Math.floor(times.length / 3)).sort((a, b) => a - b);
const module = pyodide._module;
console.log(
  JSON.stringify({
    ms: late[late.length >> 1],
    least: late[0],
    memory: module.HEAPU8.length,
    used: module._sbrk(0),
    lines: [...new Set(out)],
  }),
);
