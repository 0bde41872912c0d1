// The export that does what PYTHONMALLOC does, where there is no environment: each of its values in
// an instance of its own.  node pythonmalloc.mjs module.wasm, a module of `pythonmalloc_host.c`.
import { readFile } from 'node:fs/promises';
import assert from 'node:assert/strict';

// bit 0: marks of the debug hooks; bit 1: from a pool
const wanted = [2, 0, 2, 3, 1, 3];
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const { exports: unset } = await WebAssembly.instantiate(module);
assert.equal(unset.serves(), 2, 'not called');
for (const [which, serves] of wanted.entries()) {
  const { exports } = await WebAssembly.instantiate(module);
  assert.equal(exports.pym_pythonmalloc(which), 0, `${which}`);
  assert.equal(exports.serves(), serves, `${which}`);
}
assert.equal(unset.pym_pythonmalloc(wanted.length), -1, 'there are no more');
assert.equal(unset.pym_pythonmalloc(-1), -1);
assert.equal(unset.serves(), 2, 'and nothing was changed');
console.log(`${wanted.length} choices`);
