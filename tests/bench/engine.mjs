// What differs from engine to engine, and nothing else: Node.js (V8), Bun (JavaScriptCore) and the
// shell of SpiderMonkey run the same runners.  The job of a runner is the JSON file that the
// environment's BENCH_JOB names; its results are lines of JSON.
const shell = typeof process === 'undefined';
const fs = shell ? undefined : await import('node:fs');

/** @param {string} path @returns {Uint8Array} */
export const readFile = (path) =>
  shell ? os.file.readFile(path, 'binary') : fs.readFileSync(path);

export const job = JSON.parse(
  String.fromCharCode(...readFile(shell ? os.getenv('BENCH_JOB') : process.env.BENCH_JOB)),
);

/** @param {object} result */
export const report = (result) => (shell ? print : console.log)(JSON.stringify(result));

export const engine = shell
  ? `SpiderMonkey (${os.getenv('BENCH_SHELL')})`
  : process.versions.bun
    ? `JavaScriptCore (Bun ${process.versions.bun})`
    : `V8 ${process.versions.v8.replace(/-node.*/, '')} (Node ${process.versions.node})`;

/** Milliseconds that this thread ran on a CPU: what engines compile in other threads does not
 *  count, nor what other processes take.  Linux counts them for each thread; SpiderMonkey's shell
 *  cannot read that, so whoever started it answers (engines.mjs). */
export function cpu() {
  if (shell) {
    print('cpu');
    return Number(readline());
  }
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  }
  const line = fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1');
  return Number(line.split(' ')[0]) / 1e6;
}

/** @param {string} path @returns {WebAssembly.Module} */
export const compile = (path) => new WebAssembly.Module(readFile(path));

/** What makes fresh instances of a module; by the JavaScript of Emscripten if that lies beside it.
 *  @param {string} path */
export async function maker(path) {
  const module = compile(path);
  const glue = path.replace(/wasm$/, 'mjs');
  if (shell || !fs.existsSync(glue)) return async () => instantiate(module);
  const { default: factory } = await import(new URL(glue, `file://${process.cwd()}/`).href);
  const instantiateWasm = (imports, ready) => {
    const instance = new WebAssembly.Instance(module, imports);
    ready(instance, module);
    return instance.exports;
  };
  return async () => {
    const program = await factory({ instantiateWasm });
    return {
      memory: program.wasmMemory,
      trace_at: program._trace_at,
      piece: program._piece,
      max_ids: program._max_ids,
      addresses_at: program._addresses_at,
      replay: program._replay,
    };
  };
}

/** A fresh instance of a module of the benchmark, its constructors run.  WASI has an empty
 *  environment, a clock, always the same random bytes, and fails with EBADF otherwise.
 *  @param {WebAssembly.Module} module */
export function instantiate(module) {
  let exports;
  const at = (...where) => new DataView(exports.memory.buffer, ...where);
  const none = (count, bytes) => {
    at(count).setUint32(0, 0, true);
    at(bytes).setUint32(0, 0, true);
    return 0;
  };
  const known = {
    environ_sizes_get: none,
    args_sizes_get: none,
    environ_get: () => 0,
    args_get: () => 0,
    clock_time_get: (clock, precision, to) => {
      at(to).setBigUint64(0, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
    random_get: (to, n) => {
      for (let i = 0; i < n; i++) at(to).setUint8(i, (i * 167 + 13) & 255);
      return 0;
    },
    proc_exit: (code) => {
      throw new Error(`the module exits with ${code}`);
    },
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = known[name] ?? (() => 8);
  }
  ({ exports } = new WebAssembly.Instance(module, imports));
  exports.__wasm_call_ctors?.(); // not of freestanding modules
  return exports;
}
