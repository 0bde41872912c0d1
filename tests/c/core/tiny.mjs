// Run the module `tiny` in memories of at most 1..64 pages: node tiny.mjs tiny.wasm.
import { readFile } from 'node:fs/promises';

const module = await WebAssembly.compile(await readFile(process.argv[2]));
const PAGE = 65536;
let failed = 0;
let least = 0;

for (let maximum = 1; maximum <= 64; maximum++) {
  let memory, instance;
  try {
    memory = new WebAssembly.Memory({ initial: 1, maximum });
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
  const log = Buffer.from(memory.buffer, test_log_ptr() >>> 0, test_log_len() >>> 0).toString();
  const bytes = Number(/^(\d+) bytes$/m.exec(log)?.[1] ?? 0);
  if (failures !== 0 || bytes < ((maximum - 1) * PAGE) / 3) {
    console.log(`maximum of ${maximum} pages: ${failures}, ${bytes} bytes served\n${log}`);
    failed++;
  }
}
console.log(`maxima of ${least}..64 pages, ${failed} failed`);
process.exitCode = failed === 0 && least === 1 ? 0 : 1;
