/** A heap of 6 GiB, filled, read and limited from JavaScript.  Needs a Node.js of 24 or newer.
 *
 *    node heap64.mjs heap64.wasm */
import { readFile } from 'node:fs/promises';
import { ChunkKind, Heap, PageKind, compileModule } from 'wasm-pymalloc';
import { memoryReport } from 'wasm-pymalloc/report';

const GIB = 2 ** 30;
const module = await compileModule(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, {});
const { fill, thin, verify } = instance.exports;
const heap = Heap.from(module, instance); // addresses and sizes are numbers

heap.setLimits({ heap: { hard: 6.5 * GIB } });
console.log(`${fill(BigInt(6 * GIB))} tables of 64 MiB`); // what a function takes is a BigInt
console.log(`${fill(BigInt(GIB))} more, then the limit of 6.5 GiB refuses one`);
thin();
console.log(`after every other one was freed: ${verify() ? 'all' : 'not all'} tables are whole\n`);
console.log(memoryReport(heap.stats(), { title: 'heap64.wasm' }));

// A line a GiB, a letter for 16 MiB: what most of its pages hold.
const { pages, pageBytes, totals } = heap.map();
const letters = { [PageKind.FREE]: '.', [PageKind.RAW]: '#', [PageKind.POOL]: 'o' };
const perLetter = (16 << 20) / pageBytes;
for (let p = 0; p < pages.length; p += 64 * perLetter) {
  const line = Array.from({ length: 64 }, (_, i) => {
    const kind = pages[p + i * perLetter + perLetter / 2];
    return kind === undefined ? '' : (letters[kind] ?? ' ');
  });
  console.log(`${((p * pageBytes) / GIB).toFixed(0)} GiB  ${line.join('')}`);
}
const { raw, free, pool, foreign } = totals;
console.log(
  `pages: ${raw} raw (#), ${free} free (.), ${pool} with pools (o), ${foreign} not its own`,
);

const { address, bytes, kind } = heap.chunks(4 * GIB, heap.stats().pages.memory * pageBytes);
const first = address.findIndex((at, i) => kind[i] === ChunkKind.RAW && at > 4 * GIB);
const block = address[first] + heap.chunkHeader;
console.log(
  `0x${block.toString(16)}: ${heap.look(block).text} ${bytes[first]} bytes with its header`,
);
