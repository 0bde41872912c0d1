/** A host in fifteen lines: runs a WASI command and says what its memory did.
 *    node host.mjs lua.wasm program.lua */
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
import { Heap, compileModule } from 'wasm-pymalloc';
import { memoryReport } from 'wasm-pymalloc/report';

const args = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args, preopens: { '.': '.' } });
const module = await compileModule(await readFile(args[0]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
const heap = Heap.from(module, instance);
heap.setLimits({ heap: { hard: 256 << 20 } });
heap.on('limit', ({ bytes }) => console.error(`${bytes} bytes were refused`));
wasi.start(instance);
heap.poll();
console.error(memoryReport(heap.stats(), { title: args[0] }));
