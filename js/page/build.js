/** Builds the page into dist/: the bundles and the style sheet, the programs, Lua, and what attaches
 *  to a Pyodide.
 *
 *    node build.js [--lua FOLDER]
 *
 *  FOLDER holds lua.mjs and lua.wasm (default: build/lua-page of the checkout).  Without them the
 *  page is built all the same; it then runs only modules that are opened. */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { THEMES, mix } from './src/ui/palette.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DIST = `${HERE}dist`;
const PYODIDE = fileURLToPath(new URL('../wasm/pyodide.wasm', import.meta.url));

/** Custom properties for what the style sheet names with var(): each has its two values once, and
 *  color-scheme says which holds.
 *  @returns {string} */
function properties() {
  const of = (/** @type {keyof typeof THEMES} */ name) => {
    const { ui, map } = THEMES[name];
    return {
      ...ui,
      'm-pool-empty': map.pool[0],
      'm-pool-half': `rgb(${mix(map.pool[0], map.pool[1], 0.5).join(' ')})`,
      'm-pool-full': map.pool[1],
      'm-raw-full': map.raw[1],
    };
  };
  const [light, dark] = [of('light'), of('dark')];
  const pairs = Object.entries(light).map(
    ([key, value]) => `--${key}:light-dark(${value},${dark[/** @type {'page'} */ (key)]})`,
  );
  return (
    `:root{color-scheme:light dark;${pairs.join(';')}}`
    + ':root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark}'
  );
}

/** @param {string} lua  folder with lua.mjs and lua.wasm */
async function buildPage(lua) {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  const shared = {
    bundle: true,
    minify: true,
    sourcemap: true,
    target: 'es2022',
    logLevel: /** @type {const} */ ('warning'),
  };
  await build({
    ...shared,
    entryPoints: {
      main: `${HERE}src/ui/main.js`,
      worker: `${HERE}src/worker.js`,
      any: `${HERE}src/any/main.js`,
      'any-worker': `${HERE}src/any/worker.js`,
    },
    outdir: DIST,
    format: 'esm',
  });
  const sheet = [
    readFileSync(`${HERE}node_modules/uplot/dist/uPlot.min.css`, 'utf8'),
    properties(),
    readFileSync(`${HERE}src/ui/page.css`, 'utf8'),
  ].join('\n');
  await build({
    ...shared,
    stdin: { contents: sheet, loader: 'css' },
    outfile: `${DIST}/page.css`,
    sourcemap: false,
  });
  cpSync(`${HERE}programs`, `${DIST}/programs`, { recursive: true });
  mkdirSync(`${DIST}/lua`);
  for (const name of ['lua.mjs', 'lua.wasm']) {
    if (existsSync(`${lua}/${name}`)) cpSync(`${lua}/${name}`, `${DIST}/lua/${name}`);
    else console.warn(`page: ${lua}/${name} is not there; the page is built without Lua`);
  }
  if (existsSync(PYODIDE)) cpSync(PYODIDE, `${DIST}/pyodide.wasm`);
  else console.warn(`page: ${PYODIDE} is not there; the page is built without what Pyodide needs`);
  writeFileSync(`${DIST}/.built`, '');
}

const { values } = parseArgs({ options: { lua: { type: 'string' } } });
await buildPage(values.lua ?? fileURLToPath(new URL('../../build/lua-page', import.meta.url)));
