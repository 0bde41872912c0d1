/** How much memory QuickJS uses: what it says, and what it asked for. */
import { getQuickJS } from 'quickjs-emscripten';
import { memoryReport, watches } from 'wasm-pymalloc/observe';

const context = (await getQuickJS()).newContext();
const { watch } = watches().find(({ name }) => name.includes('quickjs'));

context
  .unwrapResult(
    context.evalCode(`
  globalThis.rows = [];
  for (let i = 0; i < 50000; i++) rows.push(BigInt(i) ** 40n);`),
  )
  .dispose();
const usage = context.runtime.computeMemoryUsage();
const { memory_used_size: said, malloc_count: blocks } = context.dump(usage);
usage.dispose();
const { liveBytes, liveBlocks } = watch.stats().domains.malloc;
console.log(`QuickJS says ${(said / 1e6).toFixed(1)} MB in ${blocks} blocks`);
console.log(`observed     ${(liveBytes / 1e6).toFixed(1)} MB in ${liveBlocks} blocks`);
console.error(memoryReport(watch.stats(), { title: 'QuickJS' }));
context.dispose();
