/** QuickJS of quickjs-wasi. */
import { QuickJS } from 'quickjs-wasi';

const vm = await QuickJS.create();
const result = vm.evalCode(`
  const found = new Map();
  for (let i = 0; i < 60000 * ROUNDS; i++) found.set('key ' + i % 9000, { i, list: [i, i + 1] });
  found.size + ' ' + found.get('key 8999').list.length`.replace('ROUNDS', process.env.ROUNDS ?? '1'));
console.log(vm.dump(result));
result.dispose();
vm.dispose();
