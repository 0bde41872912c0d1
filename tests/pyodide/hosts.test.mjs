/** attach() where Pyodide itself runs: other runtimes, workers, Chromium. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { launch, open } from '../browser/lib/browser.mjs';
import { serve } from '../browser/lib/server.mjs';
import { EXPECTED } from './app.mjs';
import { cache } from '../hosts/paths.mjs';

const HOST = fileURLToPath(new URL('host.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('pyodide.wasm has at most 22 KiB with gzip', () => {
  const size = gzipSync(readFileSync(`${ROOT}js/wasm/pyodide.wasm`), { level: 9 }).length;
  assert.ok(size <= 22 * 1024, `${size} bytes`);
});

for (const [name, program, ...args] of [
  ['Node.js 20', 'node20'],
  ['Node.js 26', 'node26'],
  ['Bun', 'bun'],
  ['Deno', 'deno', 'run', '--allow-all'],
]) {
  test(`${name} runs it`, () => {
    const output = execFileSync(`${cache}/bin/${program}`, [...args, HOST], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(output), EXPECTED);
  });
}

test('a worker of Node.js runs it', () => {
  const output = execFileSync(process.execPath, [HOST, 'worker'], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), EXPECTED);
});

const SCRIPT = `
  import { loadPyodide } from '/tests/pyodide/node_modules/pyodide-314/pyodide.mjs';
  import { attach } from '/js/src/pyodide.js';
  import { run } from '/tests/pyodide/app.mjs';
  const result = run(loadPyodide, attach).catch((error) => String(error.stack ?? error));
`;
const FILES = {
  'page.html': `<!doctype html><link rel=icon href=data:,><script type=module>${SCRIPT}
    window.result = await result;</script>`,
  'worker.html': `<!doctype html><link rel=icon href=data:,><script type=module>
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => { window.result = data; };</script>`,
  'worker.js': `${SCRIPT} postMessage(await result);`,
};

describe('Chromium', () => {
  let browser;
  let server;
  before(async () => {
    [browser, server] = await Promise.all([launch('chromium'), serve(ROOT, { files: FILES })]);
  });
  after(() => Promise.all([browser?.close(), server?.close()]));

  for (const [where, file] of [
    ['a page', 'page.html'],
    ['a worker', 'worker.html'],
  ]) {
    test(`${where} runs it`, async () => {
      const { page, problems } = await open(browser, server.url + file);
      await page.waitForFunction('window.result', { timeout: 60_000 }).catch((cause) => {
        throw new Error(`no result: ${problems.join('\n')}`, { cause });
      });
      assert.deepEqual(await page.evaluate('window.result'), EXPECTED, problems.join('\n'));
      await page.close();
    });
  }
});
