/** Programs of Emscripten with -pthread in real browsers, from a server with the headers that shared
 *  memory needs: a main thread that may not wait, and the model of tests/threads with 1 to 8 threads.
 *
 *  PYM_BUILD  a build folder for Emscripten; default: build/emscripten */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BROWSERS, launch, open } from './lib/browser.mjs';
import { serve } from './lib/server.mjs';

const top = fileURLToPath(new URL('../..', import.meta.url));
const programs = resolve(top, process.env.PYM_BUILD ?? 'build/emscripten', 'tests/threads');
const SEED = Number(process.env.PYM_SEED ?? 1 + Math.floor(Math.random() * 2 ** 31));

/** @param {string} script  @param {string[]} args  @returns {string} a page that runs it */
function pageOf(script, args) {
  return `<!doctype html><link rel="icon" href="data:,"><script>
  const lines = [];
  const end = (how) => { window.result = { how, lines, isolated: crossOriginIsolated }; };
  var Module = {
    arguments: ${JSON.stringify([`PYM_SEED=${SEED}`, ...args])},
    print: (line) => lines.push(line),
    printErr: (line) => lines.push(line),
    onExit: end,
    onAbort: end,
  };
  window.onerror = end;
  </script><script src="${script}"></script>`;
}

for (const name of BROWSERS) {
  describe(name, () => {
    let browser, server;
    before(async () => {
      console.log(`PYM_SEED=${SEED}`);
      const files = {
        'main_thread.html': pageOf('threads_main_thread.js', []),
        'model.html': pageOf('threads_model.js', ['PYM_OPS=200000']),
      };
      [browser, server] = await Promise.all([
        launch(name),
        serve(programs, { isolated: true, files }),
      ]);
      console.log(await browser.version());
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    /** @param {string} file  @returns {Promise<string>} what it printed */
    async function run(file) {
      const { page, problems } = await open(browser, server.url + file);
      await page.waitForFunction(() => window.result, { polling: 50, timeout: 30_000 });
      const { how, lines, isolated } = await page.evaluate(() => window.result);
      assert.deepEqual([how, isolated, problems], [0, true, []], lines.join('\n'));
      await page.close();
      return lines.join('\n');
    }

    test('the main thread spins while a worker holds the lock, and allocates beside three', async () => {
      assert.match(await run('main_thread.html'), /\d+ blocks on the main thread beside 3 workers/);
    });

    test('the model: 1 to 8 threads, limits, refused growth, an interpreter with a lock', async () => {
      assert.match(await run('model.html'), /8 threads at the most, 32 rounds/);
    });
  });
}
