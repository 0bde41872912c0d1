// Run a freestanding test module, which imports nothing: node wasm/run-freestanding.mjs test.wasm.
// Its export test_main() returns the number of failures; test_log_ptr() and test_log_len() say
// where the text it wrote lies, printed also after a trap (then the exit code is 134).
import { readFile } from 'node:fs/promises';

// Addresses and sizes: numbers of 32 bits, or BigInts where the module's memory has 64-bit addresses.
const size = (n) => (typeof n === 'bigint' ? Number(n) : n >>> 0);

const { exports } = await WebAssembly.instantiate(
  await WebAssembly.compile(await readFile(process.argv[2])),
);
try {
  process.exitCode = exports.test_main() === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  console.error(`trap: ${error.stack}`);
  process.exitCode = 134;
}
process.stdout.write(
  Buffer.from(exports.memory.buffer, size(exports.test_log_ptr()), size(exports.test_log_len())),
);
