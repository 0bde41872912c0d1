/** The harness itself: what goes wrong in a page must be seen, or the other tests prove nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { BROWSERS, launch, open } from './lib/browser.mjs';
import { serve } from './lib/server.mjs';

const page = (body) => `<!doctype html><link rel=icon href=data:,><body>${body}`;
const FILES = {
  'fine.html': page('<script>document.title = String(crossOriginIsolated)</script>'),
  'logs.html': page('<script>console.error("an error", 7)</script>'),
  'throws.html': page('<script>setTimeout(() => { throw new Error("thrown") })</script>'),
  'misses.html': page('<script src="nowhere.js"></script>'),
};

/** @param {() => boolean} condition */
async function until(condition) {
  for (let i = 0; i < 100 && !condition(); i++) await new Promise((r) => setTimeout(r, 20));
}

for (const name of BROWSERS) {
  describe(name, () => {
    let browser;
    let server;
    before(async () => {
      [browser, server] = await Promise.all([launch(name), serve('.', { files: FILES })]);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    for (const [file, expected] of [
      ['logs.html', /^console: an error 7/],
      ['throws.html', /^uncaught: .*thrown/s],
      ['misses.html', /^404: .*nowhere\.js$/],
    ]) {
      test(`what goes wrong in ${file} is a problem`, async () => {
        const { page: tab, problems } = await open(browser, server.url + file);
        await until(() => problems.some((line) => expected.test(line)));
        assert.ok(
          problems.some((line) => expected.test(line)),
          problems.join('\n'),
        );
        await tab.close();
      });
    }

    test('a page is isolated only where the server is asked to', async () => {
      const isolating = await serve('.', { files: FILES, isolated: true });
      try {
        for (const [at, expected] of [
          [server.url, 'false'],
          [isolating.url, 'true'],
        ]) {
          const { page: tab, problems } = await open(browser, `${at}fine.html`);
          assert.equal(await tab.title(), expected);
          assert.deepEqual(problems, []);
          await tab.close();
        }
      } finally {
        await isolating.close();
      }
    });
  });
}
