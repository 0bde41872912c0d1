// Aligned requests against libc's dlmalloc: wasm instructions of an aligned_alloc and a free, as
// WasmEdge counts them, with eight blocks alive.
//
//   node tests/bench/aligned.mjs WASMEDGE MODULES_FOLDER
//
// Fails where one takes more than MOST times what dlmalloc's takes.
import { join } from 'node:path';
import { countInstructions, fail } from './lib.mjs';

const [wasmedge, folder] = process.argv.slice(2);
const MOST = 1.75;
const PAIRS = 4000;
const CASES = [
  [32, 48],
  [32, 200],
  [64, 64],
  [64, 1000],
  [64, 5000],
  [64, 10000],
  [64, 100000],
  [128, 300],
  [256, 2000],
  [4096, 4096],
  [4096, 20000],
  [65536, 65536],
  [65536, 200000],
  [2 ** 21, 2 ** 21],
];

function pair(name, align, size) {
  const module = join(folder, `aligned-${name}.wasm`);
  const count = (n) =>
    countInstructions(wasmedge, module, [align, size, n].map(String)).instructions;
  return (count(2 * PAIRS) - count(PAIRS)) / PAIRS;
}

const slow = [];
for (const [align, size] of CASES) {
  const [own, libc] = ['pym', 'libc'].map((name) => pair(name, align, size));
  const ratio = own / libc;
  console.log(
    `aligned_alloc(${align}, ${size}) and free: ${own.toFixed(0)} instructions, `
      + `dlmalloc ${libc.toFixed(0)}, ratio ${ratio.toFixed(2)}`,
  );
  if (!(ratio <= MOST)) slow.push(`aligned_alloc(${align}, ${size}): ${ratio.toFixed(2)}`);
}
if (slow.length) fail(`more than ${MOST} times dlmalloc's instructions:\n  ${slow.join('\n  ')}`);
