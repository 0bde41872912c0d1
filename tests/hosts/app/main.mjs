/** The program under Node.js, Bun and Deno; the result is a line of JSON. */
import { readFile } from 'node:fs/promises';

import factory from './guest_emscripten.mjs';
import { run } from './program.js';

const read = (name) => readFile(new URL(`./${name}.wasm`, import.meta.url));
const compiled = async (name) => WebAssembly.compile(await read(name));

console.log(
  JSON.stringify(
    await run({
      guest: await compiled('guest_export'),
      bytes: await read('guest_export'),
      importer: await compiled('guest_import'),
      bare: await compiled('bare'),
      factory,
    }),
  ),
);
