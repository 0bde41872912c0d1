/** A Go program, which runs as it is. */
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';

const from = createRequire(import.meta.url);
const esbuild = from('esbuild-wasm/lib/browser.js');
globalThis.self ??= globalThis;
await esbuild.initialize({
  worker: false,
  wasmModule: await WebAssembly.compile(await readFile(from.resolve('esbuild-wasm/esbuild.wasm'))),
});
const { code } = await esbuild.transform('const x: number = 1 + 2; console.log(x)', {
  loader: 'ts',
});
console.log(code.trim());
process.exit(0);
