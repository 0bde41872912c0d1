/** The programs of examples/observe, and those of docs/observe.md, as their pages say to run them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

// A folder where the packages and this one are installed.
const folder = mkdtempSync(join(tmpdir(), 'pymalloc-examples-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'node_modules'));
for (const name of readdirSync(path('node_modules'))) {
  if (!name.startsWith('.'))
    symlinkSync(path(`node_modules/${name}`), join(folder, 'node_modules', name));
}
symlinkSync(path('../../js'), join(folder, 'node_modules/wasm-pymalloc'));

/** @param {string} file  @param {string} [observe]  of PYM_OBSERVE */
function run(file, observe = 'quiet') {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--no-warnings', '--import', 'wasm-pymalloc/observe', file],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', PYM_OBSERVE: observe },
    },
  );
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

function example(name, observe) {
  copyFileSync(path(`../../examples/observe/${name}/${name}.mjs`), join(folder, `${name}.mjs`));
  return run(`${name}.mjs`, observe);
}

test("examples/observe/limit: QuickJS's own limit does not hold, that of the module does", () => {
  const [own, refused, held, after, most] = example('limit');
  assert.match(own, /had 400 MiB$/);
  assert.match(refused, /^refused: \d+ bytes with 6\d{7} live$/);
  assert.match(held, /had 6[0-3] MiB, then out of memory$/);
  assert.equal(after, 'it goes on: 42');
  assert.match(most, /true$/);
});

test('examples/observe/memory: QuickJS says less than half of what it asked for', () => {
  const [said, observed] = example('memory').map((line) => Number(/([\d.]+) MB/.exec(line)?.[1]));
  assert.ok(observed > 4 && said < observed / 2, `${said} MB said, ${observed} MB observed`);
});

test('examples/observe/leak: the line that prepares the forgotten statement is named, and no other', () => {
  const source = readFileSync(path('../../examples/observe/leak/leak.mjs'), 'utf8').split('\n');
  const line = source.findIndex((text) => text.includes('id > ?')) + 1;
  const leaks = example('leak', 'quiet,sample=1');
  assert.ok(leaks.length > 0);
  for (const text of leaks) assert.match(text, new RegExp(`leak\\.mjs:(${line}|${line + 1}):`));
});

const programs = [
  ...readFileSync(path('../../docs/observe.md'), 'utf8').matchAll(/```js\n([^]*?)```/g),
].map(([, code]) => code);

test('docs/observe.md has programs', () => assert.ok(programs.length >= 2));

programs.forEach((code, i) => {
  test(`program ${i + 1} of docs/observe.md runs`, () => {
    writeFileSync(join(folder, `doc${i}.mjs`), code);
    assert.doesNotMatch(run(`doc${i}.mjs`).join('\n'), /undefined|NaN/);
  });
});
