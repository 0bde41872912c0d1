/** A memory limit that holds in stock quickjs-emscripten. */
import { getQuickJS } from 'quickjs-emscripten';
import { watches } from 'wasm-pymalloc/observe';

const MIB = 1 << 20;
/** Asks for 400 pieces of 1 MiB. */
const GREEDY = `(() => {
  const kept = [];
  try {
    for (let i = 0; i < 400; i++) kept.push(new ArrayBuffer(1 << 20));
  } catch (error) {
    return kept.length + ' MiB, then ' + error.message;
  }
  return kept.length + ' MiB';
})()`;

/** @param {import('quickjs-emscripten').QuickJSContext} context  @param {string} code */
function evaluate(context, code) {
  return context.unwrapResult(context.evalCode(code)).consume((value) => context.dump(value));
}

const quickjs = await getQuickJS();
const context = quickjs.newContext();
const { watch } = watches().find(({ name }) => name.includes('quickjs'));

context.runtime.setMemoryLimit(64 * MIB);
console.log(`QuickJS's own limit of 64 MiB: the program had ${evaluate(context, GREEDY)}`);

context.runtime.setMemoryLimit(-1);
watch.setLimit(64 * MIB);
watch.on('refused', (e) => console.log(`refused: ${e.bytes} bytes with ${e.liveBytes} live`));
console.log(`the limit of the module: the program had ${evaluate(context, GREEDY)}`);
console.log(`it goes on: ${evaluate(context, '6 * 7')}`);
console.log(`most that lived since: ${watch.stats().domains.malloc.liveBytes <= 64 * MIB}`);
context.dispose();
