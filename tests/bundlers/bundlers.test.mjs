/** Each bundler's output, served as it is, runs in Chromium and finds the wasm file. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { launch, open } from '../browser/lib/browser.mjs';
import { serve } from '../browser/lib/server.mjs';
import { built } from '../hosts/paths.mjs';
import { BUNDLERS } from './bundlers.mjs';

const results = built('bundlers/results/');
let browser;
before(async () => {
  mkdirSync(results, { recursive: true });
  browser = await launch('chromium');
});
after(() => browser?.close());

/** @param {string} out  @param {string} ending
 *  @returns {{bytes: number, gzip: number, files: number}} of all files with that ending */
function sizeOf(out, ending) {
  const files = readdirSync(out, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(`${out}/${name}`));
  const sum = (of) => files.reduce((n, file) => n + of(file), 0);
  return { bytes: sum((f) => f.length), gzip: sum((f) => gzipSync(f).length), files: files.length };
}

for (const [name, bundler] of Object.entries(BUNDLERS)) {
  test(`the app that ${bundler.title} bundles makes a heap`, async () => {
    const out = built(`bundlers/${name}`);
    rmSync(out, { recursive: true, force: true });
    rmSync(`${results}${name}.json`, { force: true });
    await bundler.build(out);
    const server = await serve(out);
    try {
      const { page, problems } = await open(browser, server.url);
      await page
        .waitForFunction('window.outcome')
        .catch((error) => assert.fail(`${error}\n${problems.join('\n')}`));
      const { p, ...blocks } = await page.evaluate('window.outcome');
      assert.deepEqual(blocks, { during: 1, after: 0 });
      assert.ok(p > 0 && p % 16 === 0, `a block at ${p}`);
      assert.deepEqual(problems, []);
    } finally {
      await server.close();
    }
    const [js, wasm] = [sizeOf(out, '.js'), sizeOf(out, '.wasm')];
    assert.equal(wasm.files, 1, 'the wasm file is there once');
    writeFileSync(
      `${results}${name}.json`,
      `${JSON.stringify({ version: bundler.version(), js, wasm }, null, 2)}\n`,
    );
  });
}
