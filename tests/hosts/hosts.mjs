/** The hosts, and how each runs the program. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { launch, open } from '../browser/lib/browser.mjs';
import { serve } from '../browser/lib/server.mjs';
import { app, cache, packed } from './paths.mjs';
import { bundleWorker } from './worker.mjs';

/** @typedef {{name: string, error: string | null}[]} Results  one for each test
 *  @typedef {{version: string, conditions: string, results: Results}} Run */

/** @param {string} name  @param {string[]} args
 *  @returns {string} what it wrote */
function output(name, args) {
  return execFileSync(`${cache}/bin/${name}`, args, {
    cwd: app,
    encoding: 'utf8',
    timeout: 120_000,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** @param {string} name  @param {...string} args  before the program's file
 *  @returns {Run} */
function script(name, ...args) {
  return {
    version: output(name, ['--version']).split('\n')[0].replace(/^\D+/, '').replace(/ .*/, ''),
    conditions: 'node',
    results: JSON.parse(output(name, [...args, 'main.mjs'])),
  };
}

/** @returns {Promise<Run>} */
async function workerd() {
  const config = await bundleWorker();
  return {
    version: output('workerd', ['--version']).trim().replace(/^\D+/, ''),
    conditions: 'workerd',
    results: JSON.parse(output('workerd', ['test', config]).match(/^\[.*\]$/m)[0]),
  };
}

/** What bare imports of the package mean in a browser, for an import map.
 *  @returns {Record<string, string>} addresses by specifier */
function browserImports() {
  const { name, exports } = JSON.parse(
    readFileSync(`${packed}node_modules/wasm-pymalloc/package.json`, 'utf8'),
  );
  const target = (value) =>
    typeof value === 'string' || value === null
      ? value
      : target(value[['browser', 'import', 'default'].find((condition) => condition in value)]);
  return Object.fromEntries(
    Object.entries(exports).map(([path, value]) => [
      name + path.slice(1),
      `../node_modules/${name}/${target(value).slice(2)}`,
    ]),
  );
}

/** @param {import('../browser/lib/browser.mjs').Name} name
 *  @returns {Promise<Run>} */
async function inBrowser(name) {
  const html = readFileSync(`${app}index.html`, 'utf8').replace(
    'IMPORTS',
    JSON.stringify(browserImports()),
  );
  const server = await serve(packed, { files: { 'hosts/index.html': html } });
  const browser = await launch(name);
  try {
    const { page, problems } = await open(browser, `${server.url}hosts/`);
    await page.waitForFunction('window.results').catch((error) => {
      throw new Error(`the program did not start: ${problems.join('\n')}`, { cause: error });
    });
    const results = await page.evaluate('window.results');
    return {
      version: (await browser.version()).replace(/^\D+/, ''),
      conditions: 'browser',
      results: [
        ...results,
        ...problems.map((error) => ({ name: 'the page has no errors', error })),
      ],
    };
  } finally {
    await Promise.all([browser.close(), server.close()]);
  }
}

/** Hosts by the name of their test: how the table calls them, how they run the program.
 *  @type {Record<string, {title: string, run: () => Run | Promise<Run>}>} */
export const HOSTS = {
  node20: { title: 'Node.js 20', run: () => script('node20') },
  node22: { title: 'Node.js 22', run: () => script('node22') },
  node24: { title: 'Node.js 24', run: () => script('node24') },
  node26: { title: 'Node.js 26', run: () => script('node26') },
  deno: { title: 'Deno', run: () => script('deno', 'run', '--quiet', '--allow-read') },
  bun: { title: 'Bun', run: () => script('bun', 'run') },
  workerd: { title: 'workerd', run: workerd },
  chromium: { title: 'Chromium', run: () => inBrowser('chromium') },
  firefox: { title: 'Firefox', run: () => inBrowser('firefox') },
};
