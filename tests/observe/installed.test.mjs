/** The package as npm installs it: the preload in one file. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { installed, observed, run } from './lib/run.mjs';

const entry = installed();
const folder = mkdtempSync(join(tmpdir(), 'pymalloc-installed-'));
after(() => rmSync(folder, { recursive: true }));

test('an installed preload watches, records and shows what that of a checkout does', () => {
  const program = 'programs/quickjs.mjs';
  const [one, other] = [observed(program), observed(program, { entry })];
  assert.equal(other.stdout, one.stdout);
  const figures = ({ modules }) => modules.map(({ how, roles, stats }) => ({ how, roles, stats }));
  assert.deepEqual(figures(other), figures(one));
  const trace = join(folder, 'calls.trace');
  const { status, stderr } = run(program, {
    preload: true,
    entry,
    observe: `quiet,record=${trace}`,
  });
  assert.deepEqual([status, stderr], [0, '']);
});

test('there is one class of each error', () => {
  const file = join(folder, 'few.mjs');
  writeFileSync(
    file,
    `import { observe, PymallocError, watches, Watch } from ${JSON.stringify(entry)};
    import { PymallocError as other } from ${JSON.stringify(new URL('../errors.js', entry).href)};
    const error = await observe(new Uint8Array(8)).catch((error) => error);
    console.log(PymallocError === other, error instanceof other, watches().length, Watch.name);`,
  );
  const { stdout } = run(file, { preload: true, entry });
  assert.match(stdout, /^true true 0 Watch\n/);
});
