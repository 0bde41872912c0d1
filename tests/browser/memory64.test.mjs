/** Memories with 64-bit addresses in real browsers: the C test of blocks beyond 4 GiB, and the model.
 *
 *  PYM_BUILD  a build folder for wasm64; default: build/freestanding64 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BROWSERS, launch, open } from './lib/browser.mjs';
import { serve } from './lib/server.mjs';

const top = fileURLToPath(new URL('../..', import.meta.url));
const programs = resolve(top, process.env.PYM_BUILD ?? 'build/freestanding64', 'tests/c');

/** @param {string} file  @returns {string} a page that runs a module as wasm/run-freestanding.mjs does */
const pageOf = (file) => `<!doctype html><link rel="icon" href="data:,"><script type="module">
  const end = (failures, lines) => { window.result = { failures, lines }; };
  try {
    const bytes = await (await fetch(${JSON.stringify(file)})).arrayBuffer();
    const { instance: { exports } } = await WebAssembly.instantiate(bytes);
    const failures = exports.test_main();
    const at = Number(exports.test_log_ptr());
    const log = new Uint8Array(exports.memory.buffer, at, Number(exports.test_log_len()));
    end(failures, new TextDecoder().decode(log));
  } catch (error) {
    end(String(error), error.stack);
  }
</script>`;

for (const name of BROWSERS) {
  describe(name, () => {
    let browser, server;
    before(async () => {
      const files = {
        'memory64.html': pageOf('memory64.wasm'),
        'limits.html': pageOf('limits.wasm'),
      };
      [browser, server] = await Promise.all([launch(name), serve(programs, { files })]);
      console.log(await browser.version());
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    /** @param {string} file  @returns {Promise<string>} what it wrote */
    async function run(file) {
      const { page, problems } = await open(browser, server.url + file);
      await page.waitForFunction(() => window.result, { polling: 50, timeout: 60_000 });
      const { failures, lines } = await page.evaluate(() => window.result);
      assert.deepEqual([failures, problems], [0, []], lines);
      await page.close();
      return lines;
    }

    test('blocks beyond 4 GiB, of every kind', async () => {
      assert.match(await run('memory64.html'), /ok {4}a_block_of_more_than_4_gib/);
    });

    test('limits', async () => {
      assert.match(await run('limits.html'), /ok {4}a_hard_limit_is_exact_to_the_byte/);
    });
  });
}
