/** Chromium and Firefox for tests, driven by puppeteer-core: Debian's, or the programs that
 *  PYM_CHROMIUM and PYM_FIREFOX name. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';

/** @typedef {'chromium' | 'firefox'} Name */

/** @type {readonly Name[]} */
export const BROWSERS = ['chromium', 'firefox'];

const PROGRAMS = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  firefox: ['firefox-esr', 'firefox'],
};

// No GPU, no calls home.  Chromium's sandbox does not work for root, nor in most containers.
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/** Milliseconds that something may take on a machine that is busy with other tests. */
const PATIENCE = 120_000;

const screenshots = fileURLToPath(new URL('../../../build/screenshots/', import.meta.url));

/** @param {Name} name  @returns {string} path of the program */
export function programOf(name) {
  const set = process.env[`PYM_${name.toUpperCase()}`];
  if (set) return set;
  for (const program of PROGRAMS[name]) {
    for (const dir of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(dir, program);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        /* not this one */
      }
    }
  }
  throw new Error(`no ${name} found: run wasm/setup.sh browsers, or set PYM_${name.toUpperCase()}`);
}

/** Starts a browser with a profile of its own.  Close it in the end.
 *  @param {Name} name
 *  @param {{flags?: string[], prefs?: Record<string, unknown>}} [options]  flags: more of them;
 *    prefs: of Firefox, as about:config has them
 *  @returns {Promise<import('puppeteer-core').Browser>} */
export function launch(name, { flags = [], prefs = {} } = {}) {
  return puppeteer.launch({
    browser: name === 'chromium' ? 'chrome' : 'firefox',
    executablePath: programOf(name),
    headless: true,
    timeout: PATIENCE,
    args: name === 'chromium' ? [...CHROMIUM_FLAGS, ...flags] : flags,
    extraPrefsFirefox: prefs,
  });
}

/** Opens an address in a new tab.
 *  @param {import('puppeteer-core').Browser} browser
 *  @param {string} url
 *  @param {object} [options]
 *  @param {{width: number, height: number}} [options.viewport]
 *  @param {'light' | 'dark'} [options.scheme]  what prefers-color-scheme says (Chromium only)
 *  @param {() => void} [options.before]  runs in the page, before its own scripts
 *  @returns {Promise<{page: import('puppeteer-core').Page, problems: string[]}>} problems: grows by
 *    a line for each error on the console, uncaught exception, and request that failed */
export async function open(browser, url, { viewport, scheme, before } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  /** @type {string[]} */
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    problems.push(`uncaught: ${error.stack ?? error}`);
  });
  page.on('requestfailed', (request) => {
    // Of a worker that is stopped while it loads.
    if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
    problems.push(`failed: ${request.url()}: ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`);
  });
  if (viewport) await page.setViewport(viewport);
  if (scheme) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  }
  if (before) await page.evaluateOnNewDocument(before);
  await page.goto(url);
  return { page, problems };
}

/** @param {import('puppeteer-core').Page} page
 *  @param {string} name
 *  @returns {Promise<string>} the file, build/screenshots/NAME.png */
export async function screenshot(page, name) {
  mkdirSync(screenshots, { recursive: true });
  const path = `${screenshots}${name}.png`;
  await page.screenshot({ path, fullPage: true });
  return path;
}
