/** QuickJS of quickjs-emscripten, release-asyncify: it waits for the host. */
import { newAsyncContext } from 'quickjs-emscripten';

const context = await newAsyncContext();
const later = context.newAsyncifiedFunction('later', async (n) => {
  const value = context.getNumber(n);
  await new Promise((resolve) => setTimeout(resolve, 1));
  return context.newNumber(value * 2);
});
later.consume((fn) => context.setProp(context.global, 'later', fn));
const result = await context.evalCodeAsync(
  `
  let sum = 0;
  for (let i = 0; i < 20; i++) sum += later(i);
  const rows = [];
  for (let i = 0; i < 50000 * ROUNDS; i++) rows[i % 5000] = { i, text: 'x'.repeat(i % 50) };
  sum + ' ' + rows.length`.replace('ROUNDS', process.env.ROUNDS ?? '1'),
);
console.log(context.unwrapResult(result).consume((value) => context.getString(value)));
context.dispose();
