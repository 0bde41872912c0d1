// Run the attacks of a wasm module, see traps.h: node traps.mjs module.wasm.
// Each must trap, and its report, which the module or the fd_write here keeps, must be the right
// one.  The instance goes on after a trap: its stack pointer is put back.
import { readFile } from 'node:fs/promises';

const PRINTED_MAX = 10;
const module = await WebAssembly.compile(await readFile(process.argv[2]));

let wasm;
const fd_write = (fd, pieces, count, written) => {
  const view = new DataView(wasm.memory.buffer);
  let n = 0;
  for (let i = 0; i < count; i++) {
    const from = view.getUint32(pieces + 8 * i, true),
      bytes = view.getUint32(pieces + 8 * i + 4, true);
    const to = wasm.said_more(bytes);
    if (to) new Uint8Array(wasm.memory.buffer).copyWithin(to, from, from + bytes);
    n += bytes;
  }
  view.setUint32(written, n, true);
  return fd === 2 ? 0 : 8;
};
// No randomness: the keys are the same in each run.
const random_get = () => 52;
const missing = (name) => () => {
  throw new Error(`${name} was called`);
};
const wasi = Object.fromEntries(
  WebAssembly.Module.imports(module).map(({ name }) => [
    name,
    { fd_write, random_get }[name] ?? missing(name),
  ]),
);
({ exports: wasm } = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi }));

function text(at) {
  const bytes = new Uint8Array(wasm.memory.buffer, at);
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
}

/** Does attack i trap? */
function traps(i) {
  const sp = wasm.__stack_pointer.value;
  try {
    wasm.attack(i);
    return false;
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    return error.message === 'unreachable'; // not an access out of memory
  } finally {
    wasm.__stack_pointer.value = sp;
  }
}

Error.stackTraceLimit = 0;
const count = wasm.attacks(),
  start = performance.now();
let failed = 0;
for (let i = 0; i < count; i++) {
  const trapped = traps(i);
  if (wasm.attack_noticed(i) && trapped) continue;
  if (++failed > PRINTED_MAX) continue;
  console.log(
    `attack ${i}, ${text(wasm.attack_name(i))}: ${trapped ? '' : 'no trap of ours: '}`
      + text(wasm.said()),
  );
}
console.log(
  `${count} attacks, ${failed} not noticed as they should, `
    + `${((performance.now() - start) / 1000).toFixed(2)} s`,
);
process.exitCode = failed || !count ? 1 : 0;
