/** The program under Node.js, Bun and Deno; the result is a line of JSON. */
import { readFile } from 'node:fs/promises';

import { run } from './program.js';

const compiled = async (name) =>
  WebAssembly.compile(await readFile(new URL(`./${name}.wasm`, import.meta.url)));

console.log(JSON.stringify(await run({
  guest: await compiled('guest_export'),
  importer: await compiled('guest_import'),
  bare: await compiled('bare'),
})));
