// Limits of quickjs-ng under Node.js: PYM_MODULE is the module.  Two have to hold: the engine's own
// (--memory-limit) and the heap's, which a host sets (--limit).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const LIMIT = 48 << 20,
  BLOCK = 1 << 16;

/** What the program prints with these options of the command line and of the module. */
function run(code, { options = [], args = [] }) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      '--no-warnings',
      `${here}../../js/bin/wasm-pymalloc.js`,
      'run',
      ...options,
      process.env.PYM_MODULE,
      ...args,
      '-e',
      code,
    ],
    { encoding: 'utf8' },
  );
  assert.deepEqual([stderr, status], ['', 0]);
  return stdout;
}

/** Code that keeps what `make` makes until there is no memory, prints how many, lets all go, and
 *  does it again: the count of what was freed has to go down as well. */
const fill = (make) => `
  function fill() {
    var kept = [], n = 0;
    try { for (;;) kept.push((${make})(n)), n++ } catch (e) { kept = null }
    return n
  }
  print(fill(), fill())`;

const KINDS = {
  'typed arrays': [`function () { return new Uint8Array(${BLOCK}) }`, BLOCK],
  'long strings': [`function (i) { return 'x'.repeat(${BLOCK - 8}) + (1e7 + i) }`, BLOCK],
  'wide strings': [`function (i) { return '\\u4e00'.repeat(${BLOCK / 2 - 8}) + (1e7 + i) }`, BLOCK],
};
const LIMITS = {
  "the engine's limit": { args: ['--memory-limit', String(LIMIT)] },
  "the heap's limit": { options: ['--limit', String(LIMIT)] },
};

for (const [name, how] of Object.entries(LIMITS)) {
  for (const [kind, [make, bytes]] of Object.entries(KINDS)) {
    test(`${name} refuses ${kind} within 1 % of it, twice`, () => {
      const counts = run(fill(make), how).trim().split(' ').map(Number);
      assert.equal(counts.length, 2);
      for (const n of counts) {
        assert.ok(n * bytes <= LIMIT && n * bytes > 0.99 * LIMIT, `${n * bytes} of ${LIMIT} bytes`);
      }
    });
  }
}
