/** QuickJS of quickjs-emscripten, release-sync: objects, strings and a sort. */
import { getQuickJS } from 'quickjs-emscripten';

import { compare } from './figures.mjs';

const quickjs = await getQuickJS();
const context = quickjs.newContext();
const result = context.unwrapResult(
  context.evalCode(
    `
  let rows = [];
  for (let round = 0; round < ROUNDS; round++) {
    rows = [];
    for (let i = 0; i < 20000; i++) rows.push({ id: i, name: 'row ' + (i * 7919 % 20000), tags: [i] });
    rows.sort((a, b) => a.name < b.name ? -1 : 1);
  }
  rows.length + ' ' + rows[0].name + ' ' + rows[19999].name`.replace(
      'ROUNDS',
      process.env.ROUNDS ?? '1',
    ),
  ),
);
console.log(context.getString(result));
result.dispose();
const usage = context.runtime.computeMemoryUsage();
const { malloc_count: saidBlocks, memory_used_size: saidBytes } = context.dump(usage);
usage.dispose();
await compare('quickjs', { saidBlocks, saidBytes });
context.dispose();
