/** Every link, anchor and file that a document names is there, and the index leads to all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dirname, join, normalize } from 'node:path';

import { deadLinks, missingFiles } from './links.mjs';
import { files, parse } from './markdown.mjs';

const names = files().filter((name) => name.endsWith('.md'));
const documents = new Map(names.map((name) => [name, parse(name)]));

test('there are documents', () => assert.ok(names.length > 20));

for (const document of documents.values()) {
  test(`links of ${document.name} lead somewhere`, () => {
    assert.deepEqual(deadLinks(document, documents), []);
  });

  test(`files that ${document.name} names exist`, () => {
    assert.deepEqual(missingFiles(document), []);
  });
}

test('the index of docs/ leads to every document', () => {
  const index = documents.get('docs/README.md');
  assert.ok(index);
  const led = new Set(
    index.links.map((link) => normalize(join(dirname(index.name), link.split('#')[0]))),
  );
  const missed = names.filter((name) => !led.has(name));
  assert.deepEqual(missed, ['README.md', 'docs/README.md']);
});

test('a dead link, a dead anchor and a missing file are found', () => {
  const text = `# One two\n[a](nowhere.md) [b](#one-two) [c](#three) [d](../README.md#four)
    \n[e](../../../etc/passwd) [f](https://example.org/x)\n\n\`src/nowhere.c\` \`src/core/pool.c\`
    \n\n\`\`\`\nnode tests/nowhere.mjs build/a.js src/core/*.c src/*.cc src/none/*.c\n\`\`\`\n`;
  const document = parse('docs/test.md', text);
  assert.deepEqual(deadLinks(document, documents), [
    'nowhere.md',
    '#three',
    '../README.md#four',
    '../../../etc/passwd',
  ]);
  assert.deepEqual(missingFiles(document), ['src/nowhere.c', 'tests/nowhere.mjs', 'src/none/*.c']);
});
