// Run the module `tiny` in memories of at most 1..64 pages: node tiny.mjs tiny.wasm [ON], ON for
// memories with 64-bit addresses, where the library's own data alone is a page.
import { readFile } from 'node:fs/promises';

const module = await WebAssembly.compile(await readFile(process.argv[2]));
const PAGE = 65536;
const is64 = process.argv[3] === 'ON';
const FIRST = is64 ? 2 : 1;
const size = (n) => (is64 ? Number(n) : n >>> 0);
let failed = 0;
let least = 0;

for (let maximum = FIRST; maximum <= 64; maximum++) {
  let memory, instance;
  try {
    memory = new WebAssembly.Memory(
      is64
        ? { address: 'i64', initial: BigInt(FIRST), maximum: BigInt(maximum) }
        : { initial: FIRST, maximum },
    );
    instance = await WebAssembly.instantiate(module, { env: { memory } });
  } catch (error) {
    if (!(error instanceof WebAssembly.LinkError)) throw error;
    continue; // the module's own data needs more
  }
  least ||= maximum;
  const { test_main, test_log_ptr, test_log_len } = instance.exports;
  let failures;
  try {
    failures = test_main();
  } catch (error) {
    failures = error;
  }
  const log = Buffer.from(memory.buffer, size(test_log_ptr()), size(test_log_len())).toString();
  const bytes = Number(/^(\d+) bytes$/m.exec(log)?.[1] ?? 0);
  if (failures !== 0 || bytes < ((maximum - FIRST) * PAGE) / 3) {
    console.log(`maximum of ${maximum} pages: ${failures}, ${bytes} bytes served\n${log}`);
    failed++;
  }
}
console.log(`maxima of ${least}..64 pages, ${failed} failed`);
process.exitCode = failed === 0 && least === FIRST ? 0 : 1;
