/** The table of known modules is what the search finds in them, and the rewritten modules validate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lineOf, moduleBytes, modules } from '../../js/tools/known.mjs';
import { rewrite } from '../../js/src/observe/rewrite.js';
import { KNOWN } from '../../js/src/observe/known.js';
import { readFileSync } from 'node:fs';

const table = readFileSync(new URL('../../js/src/observe/known.js', import.meta.url), 'utf8');

for (const one of modules()) {
  test(`${one.name}: the search finds what the table says`, () => {
    assert.ok(table.includes(lineOf(one)), `node js/tools/known.mjs writes:\n${lineOf(one)}`);
  });
}

test('the table has no other modules', () => assert.equal(KNOWN.length, modules().length));

test('rewritten, every module of the table is one that the host accepts', () => {
  for (const { url, name } of modules()) {
    const known = KNOWN.find((entry) => entry[2] === name)
      ?.slice(3)
      .map(([role, f, prefix = 0]) => ({ role, f, prefix }));
    const { bytes, identity } = rewrite(moduleBytes(url), { known });
    assert.equal(identity.how, 'table');
    assert.ok(WebAssembly.validate(bytes), name);
  }
});

test('a table that names functions of another type is not followed', () => {
  const bytes = moduleBytes(modules().find(({ name }) => name.startsWith('sql.js')).url);
  const { identity } = rewrite(bytes, {
    known: [
      { role: 'malloc', f: 300, prefix: 0 },
      { role: 'free', f: 301, prefix: 0 },
    ],
  });
  assert.equal(identity.how, 'shape');
});
