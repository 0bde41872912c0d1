/** QuickJS of quickjs-wasi. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { QuickJS } from 'quickjs-wasi';

const file = createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm');
const vm = await QuickJS.create({ wasm: await readFile(file) });
const result = vm.evalCode(
  `
  const found = new Map();
  for (let i = 0; i < 60000 * ROUNDS; i++) found.set('key ' + i % 9000, { i, list: [i, i + 1] });
  found.size + ' ' + found.get('key 8999').list.length`.replace(
    'ROUNDS',
    process.env.ROUNDS ?? '1',
  ),
);
console.log(vm.dump(result));
result.dispose();
vm.dispose();
