// QuickJS's own tests, those that need neither threads nor processes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomes } from '../suite.mjs';

const read = (name) => readFileSync(join(process.env.PYM_SOURCES, 'tests', name), 'utf8');
/** What the tests use of the modules `std` and `os`, and of assert.js, where they import it. */
const MODULES = 'const std = { gc() {} }, os = { setTimeout(f) { Promise.resolve().then(f); } };';
const ASSERT = read('assert.js').replace(/^export /gm, '');

for (const name of ['bigint', 'builtin', 'closure', 'language', 'loop']) {
  test(`test_${name}.js passes with each allocator`, () => {
    const text = read(`test_${name}.js`);
    const script = text
      .replace(/^import .*assert\.js.*$/m, () => ASSERT)
      .replace(/^import .*$/gm, '');
    const mode = text.startsWith('"use strict"') ? '"use strict";' : '';
    const all = outcomes('test.js', `${mode} ${MODULES}\n${script}`);
    for (const [allocator, outcome] of Object.entries(all)) {
      assert.deepEqual(outcome, { status: 0, stdout: '', stderr: '' }, allocator);
    }
  });
}

test('a test that fails is noticed', () => {
  for (const { status, stderr } of Object.values(outcomes('test.js', 'throw Error("failed")'))) {
    assert.equal(status, 1);
    assert.match(stderr, /failed/);
  }
});
