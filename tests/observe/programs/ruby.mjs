/** Ruby of @ruby/3.4-wasm-wasi. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { DefaultRubyVM } from '@ruby/wasm-wasi/dist/node';

const file = createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby.wasm');
const { emitWarning } = process;
process.emitWarning = () => {};
const { vm } = await DefaultRubyVM(await WebAssembly.compile(await readFile(file)));
process.emitWarning = emitWarning;
console.log(
  vm
    .eval(
      `
  words = Hash.new(0)
  (30000 * ROUNDS).times { |i| words["word #{i % 6000}"] += i.to_s.length }
  [words.size, words["word 5999"] > 0, (1..50).reduce(:*) % 1000007].join(" ")`.replace(
        'ROUNDS',
        process.env.ROUNDS ?? '1',
      ),
    )
    .toString(),
);
