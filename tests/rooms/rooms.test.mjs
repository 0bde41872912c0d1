/** Includes and imports go one way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  UPWARD,
  cGraph,
  cStrangers,
  climbsOf,
  cyclesOf,
  importsOf,
  includesOf,
  jsGraph,
  strangersOf,
} from './graph.mjs';

test('no file of src/ includes itself by way of others', () => {
  const graph = cGraph();
  assert.ok(graph.size > 40, `${graph.size} nodes`);
  assert.deepEqual(cyclesOf(graph), []);
});

test('no layer of src/ includes a higher one', () => {
  assert.deepEqual(climbsOf(cGraph()), []);
});

test('what a header of src/ declares is defined in its own file, but for the calls upwards', () => {
  const listed = Object.entries(UPWARD).flatMap(([node, all]) => all.map((f) => `${node} ${f}`));
  assert.deepEqual(cStrangers().sort(), listed.sort());
});

test('no file of js/ imports itself by way of others', () => {
  const graph = jsGraph();
  assert.ok(graph.size > 80, `${graph.size} files`);
  assert.deepEqual(cyclesOf(graph), []);
});

// ---- What the checks above would find ----

const files = (all) => new Map(Object.entries(all));

test('a cycle by way of two headers is found', () => {
  const graph = includesOf(
    files({
      'core/pool.h': '',
      'core/pool.c': '#include "core/pool.h"\n#include "core/chunk.h"\n',
      'core/chunk.h': '',
      'core/chunk.c': '#include "core/chunk.h"\n#include "core/pool.h"\n',
    }),
  );
  assert.deepEqual(cyclesOf(graph), [['core/pool', 'core/chunk', 'core/pool']]);
  assert.deepEqual(climbsOf(graph), ['core/chunk (chunk) includes core/pool (pool)']);
});

test('a file in no room, and an include that is no path below src/, are found', () => {
  assert.deepEqual(climbsOf(includesOf(files({ 'new.c': '' }))), ['new is in no layer']);
  assert.throws(
    () => includesOf(files({ 'core/a.c': '#include "b.h"\n', 'core/b.h': '' })),
    /b\.h/,
  );
});

test('a function that is defined elsewhere than it is declared is found', () => {
  assert.deepEqual(
    strangersOf(
      files({
        'core/pool.h':
          'HOT u32 pym__in(void) { return 1; }\nu32 pym__a(u32 s); /* s */\nint pym__b(void);\n',
        'core/pool.c': 'u32 pym__a(u32 s) {\n}\nint x(void) { return pym__b(); }\n',
      }),
    ),
    ['core/pool pym__b'],
  );
});

test('a cycle of imports is found, over several lines and by way of export', () => {
  assert.deepEqual(
    cyclesOf(
      importsOf(
        files({
          'src/a.js': "import {\n  b,\n} from './b.js';\n",
          'src/b.js': "export { c } from '../c.js';\n",
          'c.js': "import './src/a.js';\n",
        }),
      ),
    ),
    [['src/a.js', 'src/b.js', 'c.js', 'src/a.js']],
  );
});
