// Run a WASI command under node:wasi: node wasm/run-wasi.mjs module.wasm [args].
// The guest sees the current folder as `.`, and the folders listed in PYM_DIRS (colons between) by
// their own names.  Environment and exit code are passed on; a trap prints where it happened and
// exits with 134, as an abort does.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [file, ...args] = process.argv.slice(2);
const dirs = ['.', ...(process.env.PYM_DIRS ?? '').split(':').filter(Boolean)];
const wasi = new WASI({
  version: 'preview1',
  args: [file, ...args],
  env: process.env,
  preopens: Object.fromEntries(dirs.map((dir) => [dir, dir])),
});

// node:wasi's own functions, called by wasm directly, abort Node 20 and 22 in a garbage collection
// when the heap is large: a JavaScript function in between avoids that fast path.
const wrap = (fns) =>
  Object.fromEntries(Object.entries(fns).map(([name, fn]) => [name, (...a) => fn(...a)]));

const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, {
  wasi_snapshot_preview1: wrap(wasi.wasiImport),
});
try {
  process.exitCode = wasi.start(instance);
} catch (error) {
  if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  console.error(`trap: ${error.stack}`);
  process.exitCode = 134;
}
