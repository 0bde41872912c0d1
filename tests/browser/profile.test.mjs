/** Each file of a profile but Firefox's, opened by speedscope's own importers in a browser. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch } from './lib/browser.mjs';
import { serve } from './lib/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const speedscope = join(
  dirname(createRequire(import.meta.url).resolve('speedscope/package.json')),
  'dist/release',
);
const FILES = ['out.pb.gz', 'out.heapprofile', 'out.speedscope.json', 'out.folded'];

const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
const files = {};
let browser, server;
before(async () => {
  for (const name of FILES) {
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        join(root, 'js/bin/wasm-pymalloc.js'),
        'run',
        '--profile',
        join(folder, name),
        '--every',
        '16K',
        join(root, 'build/wasi/tests/c/profile_leak.wasm'),
      ],
      { encoding: 'utf8' },
    );
    assert.deepEqual([status, stderr], [0, '']);
    files[`files/${name}`] = readFileSync(join(folder, name));
  }
  server = await serve(speedscope, { files });
  browser = await launch('chromium');
});
after(async () => {
  rmSync(folder, { recursive: true });
  await browser?.close();
  await server?.close();
});

/** What speedscope shows of a file: its title, and the names of its sandwich view's table. */
async function opened(name) {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('dialog', (dialog) => {
    errors.push(dialog.message());
    dialog.dismiss();
  });
  const url = `${server.url}files/${name}`;
  await page.goto(`${server.url}#profileURL=${encodeURIComponent(url)}&view=sandwich`);
  await page.waitForFunction(
    () =>
      document.title.includes(' - speedscope')
      || document.body.innerText.includes('Something went wrong'),
    { timeout: 60000 },
  );
  await page.waitForFunction(
    () =>
      document.body.innerText.includes('remember')
      || document.body.innerText.includes('Something went wrong'),
    { timeout: 60000 },
  );
  const text = await page.evaluate(() => document.body.innerText);
  await page.close();
  return { text, errors };
}

for (const name of FILES) {
  test(`speedscope opens ${name}`, async () => {
    const { text, errors } = await opened(name);
    assert.deepEqual(errors, []);
    assert.match(text, /remember/);
    assert.match(text, /__original_main/);
  });
}
