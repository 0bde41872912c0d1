/** One Pyodide for the tests: the release that PYODIDE names, as npm has it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const VERSION = process.env.PYODIDE ?? '314';
export const HOOK =
  process.env.PYODIDE_HOOK ?? new URL('../../build/js-pyodide/hook.wasm', import.meta.url).pathname;

const { loadPyodide, version } = await import(`pyodide-${VERSION}`);
export { version };

/** @param {object} [options]  of loadPyodide */
export function load(options = {}) {
  return loadPyodide({ stdout: () => {}, stderr: () => {}, ...options });
}

/** The words of the allocators of these domains (mem and object), as PyMem_GetAllocator has them. */
export function allocators({ _module: module }, ...domains) {
  const before = module.stackSave();
  const at = module.stackAlloc(20);
  const words = (domains.length > 0 ? domains : [1, 2]).flatMap((domain) => {
    module._PyMem_GetAllocator(domain, at);
    return [...new Uint32Array(module.HEAPU8.slice(at, at + 20).buffer)];
  });
  module.stackRestore(before);
  return words;
}

/** Another package's allocator over the object domain (hook.c). */
export async function loadHook({ _module: module }) {
  const wasm = await WebAssembly.compile(await readFile(HOOK));
  const flags = { loadAsync: false, nodelete: true, allowUndefined: true };
  return module.loadWebAssemblyModule(wasm, flags, 'hook', {}, 0);
}

/** Runs fn while the host refuses to grow any memory. */
export async function withoutGrowth(fn) {
  const { grow } = WebAssembly.Memory.prototype;
  WebAssembly.Memory.prototype.grow = () => {
    throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded');
  };
  try {
    return await fn();
  } finally {
    WebAssembly.Memory.prototype.grow = grow;
  }
}

/** A program that uses both domains, with a result that tells whether it ran right. */
const PROGRAM = `
import gc, json
rows = [{"id": i, "name": f"row {i}", "tags": [str(j) for j in range(i % 5)], "on": None}
        for i in range(3000)]
text = json.dumps(rows)
assert json.loads(text) == rows
big = bytearray(300_000)
big.extend(big)
cycle = []
cycle.append(cycle)
result = (len(text), sum(len(r["tags"]) for r in rows), len(big))
del rows, text, big, cycle
gc.collect()
str(result)
`;
const EXPECTED = '(196980, 6000, 600000)';

/** Blocks of the object domain that there ever were. */
export const objectBlocks = (heap) => heap.stats().domains.object.totalBlocks;

export const sound = (heap) => assert.deepEqual(heap.check(), { sound: true, message: '' });

/** Python runs, gets its right result, and the heap, if there is one, is sound. */
export function alive(pyodide, heap) {
  assert.equal(pyodide.runPython(PROGRAM), EXPECTED);
  if (heap) sound(heap);
}
