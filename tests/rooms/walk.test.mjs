/** The newcomer's walk of docs/architecture.md is true to the code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** The steps of a paragraph: `file`: `function`, in order.
 *  @returns {{file: string, name: string}[]} */
function stepsOf(paragraph) {
  return [...paragraph.matchAll(/`([\w/]+\.[ch])`:\s+`(\w+)`/g)].map(([, file, name]) => ({
    file,
    name,
  }));
}

/** The body of a function that stands in a file of src/; undefined: there is none. */
function bodyOf({ file, name }) {
  const text = readFileSync(`${TOP}src/${file}`, 'utf8');
  const start = text.search(new RegExp(`^[A-Za-z][^;\\n]*\\b${name}\\([^;{]*\\)\\s*{`, 'm'));
  if (start < 0) return undefined;
  return text.slice(start, text.indexOf('\n}', start));
}

const text = readFileSync(`${TOP}docs/architecture.md`, 'utf8');
for (const call of ['malloc', 'free']) {
  test(`each function of the walk of ${call} stands in its file and is called by one before it`, () => {
    const paragraph = text.split(/\n\n/).find((part) => part.startsWith(`**${call}.** `));
    assert.ok(paragraph, `a paragraph that begins with **${call}.**`);
    const steps = stepsOf(paragraph);
    assert.ok(steps.length > 8, `${steps.length} steps`);
    const before = [];
    for (const step of steps) {
      const body = bodyOf(step);
      assert.ok(body, `${step.name} is a function of src/${step.file}`);
      const calls = new RegExp(`\\b${step.name}\\(`);
      const called = before.length === 0 || before.some((earlier) => calls.test(earlier));
      assert.ok(called, `${step.name} is called by a function before it`);
      before.push(body);
    }
  });
}
