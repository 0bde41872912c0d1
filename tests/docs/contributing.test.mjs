/** Each section of CONTRIBUTING.md does what it says: its diffs apply to a copy of the repository, and
 *  its commands succeed there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { files, parse, root } from './markdown.mjs';

const folder = mkdtempSync(join(tmpdir(), 'contributing-'));
after(() => rmSync(folder, { recursive: true }));

/** @param {string} name  @returns {string} a copy of what git knows or would add */
function copy(name) {
  const to = join(folder, name);
  for (const file of files()) cpSync(join(root, file), join(to, file));
  return to;
}

/** @param {string} cwd  @param {string} program  @param {string[]} args  @param {string} [input] */
function succeeds(cwd, program, args, input) {
  // A repository around the folder is none of the copy's.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: folder };
  const options = { cwd, input, env, encoding: /** @type {const} */ ('utf8') };
  const { status, stdout, stderr } = spawnSync(program, args, options);
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}${stderr}`);
}

const text = readFileSync(`${root}CONTRIBUTING.md`, 'utf8');
const sections = text
  .split(/^## /m)
  .slice(1)
  .map((part) => ({ title: part.split('\n')[0], ...parse('CONTRIBUTING.md', part) }))
  .filter(({ blocks }) => blocks.some(({ lang }) => lang === 'sh'));

test('an adapter, a port and a statistic are shown by a diff each', () => {
  const shown = sections.filter(({ blocks }) => blocks.some(({ lang }) => lang === 'diff'));
  assert.deepEqual(
    shown.map(({ title }) => title),
    ['Add an adapter', 'Add a port', 'Add a statistic'],
  );
});

for (const { title, blocks } of sections) {
  test(`CONTRIBUTING.md, ${title}`, () => {
    const cwd = copy(title.replaceAll(' ', '-'));
    for (const { lang, text } of blocks) {
      if (lang === 'diff') succeeds(cwd, 'git', ['apply', '-'], `${text}\n`);
      if (lang === 'sh') succeeds(cwd, 'bash', ['-euo', 'pipefail', '-c', text]);
    }
  });
}
