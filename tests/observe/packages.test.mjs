/** Packages of npm as they are, each with a program of its own: what it prints is the same with the
 *  preload, every block that is freed is known, no address is in use twice, and where a package
 *  counts memory itself the figures agree. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ENTRY, observed, run, taken } from './lib/run.mjs';

/** @type {Record<string, {prints: string, module: string, blocks: number}>}  module: part of the name
 *    of the script that instantiates it; blocks: that it allocates at the least */
const PACKAGES = {
  quickjs: {
    prints: '20000 row 0 row 9999\n',
    module: 'quickjs-wasmfile-release-sync',
    blocks: 1e5,
  },
  'quickjs-asyncify': {
    prints: '380 5000\n',
    module: 'quickjs-wasmfile-release-asyncify',
    blocks: 50_000,
  },
  'quickjs-wasi': { prints: '9000 2\n', module: 'quickjs-wasi', blocks: 10 },
  'sql-js': { prints: '2161 109289\n', module: 'sql.js', blocks: 20_000 },
  'sqlite-wasm': { prints: '18750 true\n', module: 'sqlite-wasm', blocks: 1e5 },
  wasmoon: { prints: '5000 word 59999\n', module: 'wasmoon', blocks: 1e5 },
  php: { prints: '7000 ok\n', module: 'php_8_3', blocks: 1000 },
  ruby: { prints: '6000 true 616772\n', module: 'ruby/wasm-wasi', blocks: 10_000 },
  pyodide: { prints: '20000 20000 1105780\n', module: 'pyodide-314', blocks: 1e5 },
  micropython: { prints: '3000 word 0\n', module: 'micropython', blocks: 3 },
  'tree-sitter': {
    prints:
      '13201 (program (lexical_declaration (variable_declarator name: '
      + '(identifier) value: (number))))\n',
    module: 'web-tree-sitter',
    blocks: 100,
  },
  resvg: { prints: 'true 64 PNG\n', module: 'resvg-wasm', blocks: 10_000 },
  'draco (encoder)': { prints: 'true 3600\n', module: 'draco_encoder', blocks: 100 },
  'draco (decoder)': { prints: 'true 3600\n', module: 'draco_decoder', blocks: 100 },
  yoga: { prints: '301\n', module: 'yoga-layout', blocks: 2000 },
};

/** @type {Map<string, ReturnType<typeof observed>>} */
const runs = new Map();
function observedOnce(program) {
  if (!runs.has(program)) {
    runs.set(program, observed(program, { observe: 'quiet', env: { PYM_ENTRY: ENTRY } }));
  }
  return runs.get(program);
}

for (const [name, { prints, module, blocks }] of Object.entries(PACKAGES)) {
  const program = `programs/${name.split(' ')[0]}.mjs`;
  describe(name, () => {
    test('the program prints the same with the preload, and nothing is added', () => {
      const { stdout, status } = run(program);
      assert.deepEqual([taken(stdout).lines, status], [prints, 0]);
      const watched = observedOnce(program);
      assert.deepEqual([taken(watched.stdout).lines, watched.status], [prints, 0]);
    });

    test('every block that is freed is known, and no address is in use twice', () => {
      const { modules } = observedOnce(program);
      const found = modules.find((one) => one.name.includes(module));
      assert.ok(found, modules.map((one) => one.name).join());
      const { stats } = found;
      assert.deepEqual([stats.unknownFrees, stats.doubledAddresses, stats.lostRecords], [0, 0, 0]);
      assert.equal(stats.complete, true);
      const { liveBytes, peakBytes, liveBlocks, totalBlocks } = stats.domains.malloc;
      assert.ok(totalBlocks >= blocks, `${totalBlocks} blocks`);
      assert.ok(liveBytes >= 0 && liveBlocks >= 0 && peakBytes >= liveBytes);
      assert.equal(
        stats.calls.malloc + stats.calls.calloc + stats.calls.realloc >= totalBlocks,
        true,
      );
    });
  });
}

test('QuickJS counts as many blocks as were observed, and their bytes short', () => {
  const { figures } = taken(observedOnce('programs/quickjs.mjs').stdout);
  assert.ok(Math.abs(figures.saidBlocks - figures.blocks) < 10, JSON.stringify(figures));
});

test('Lua and SQLite say within 4 KiB as many bytes as were observed', () => {
  for (const program of ['wasmoon', 'sqlite-wasm']) {
    const { figures } = taken(observedOnce(`programs/${program}.mjs`).stdout);
    assert.ok(figures.said > 500_000);
    assert.ok(
      Math.abs(figures.said - figures.bytes) < 4096,
      `${program}: ${JSON.stringify(figures)}`,
    );
  }
});

test("MicroPython's own heap is one block of the size that was asked for", () => {
  const { modules } = observedOnce('programs/micropython.mjs');
  const { classes } = modules.find(({ name }) => name.includes('micropython')).stats;
  assert.equal(classes.find(({ blockSize }) => blockSize === 4 << 20)?.liveBytes, 4 << 20);
});

test('a Go program runs as it is, and the report says why', () => {
  const { stdout, status, leftAlone, modules } = observed('programs/esbuild.mjs');
  assert.deepEqual([stdout, status], ['const x = 1 + 2;\nconsole.log(x);\n', 0]);
  assert.deepEqual(
    leftAlone.map(({ code }) => code),
    ['NO_ALLOCATOR'],
  );
  assert.match(leftAlone[0].reason, /Go program/);
  assert.equal(modules.filter(({ stats }) => stats.domains.malloc.totalBlocks > 0).length, 0);
});

test('a side module that brings no allocator runs as it is beside the one that is watched', () => {
  const { leftAlone, modules } = observedOnce('programs/tree-sitter.mjs');
  assert.ok(leftAlone.some(({ code }) => code === 'NO_ALLOCATOR'));
  assert.ok(modules.some(({ name }) => name.includes('web-tree-sitter')));
});
