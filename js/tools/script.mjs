/** js/dist/observe.js: js/src/observe/script.js and all that it needs in one classic script, for pages
 *  whose scripts run while the page is still read, and for importScripts() in workers.
 *
 *  js/dist/observe.node.js: the same of js/src/observe/entry.node.js, a module.  The classes of errors and
 *  what only traces need stay where they are: there is one of each.
 *
 *    node js/tools/script.mjs [FOLDER] */
import { build } from 'esbuild';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const folder = process.argv[2] ?? path('../dist');
const common = /** @type {const} */ ({
  bundle: true,
  minify: true,
  target: 'es2022',
  legalComments: 'none',
});

await build({
  ...common,
  entryPoints: [path('../src/observe/script.js')],
  outfile: join(folder, 'observe.js'),
  format: 'iife',
  // A classic script has no import.meta: script.js and preload.js look elsewhere then.
  define: { 'import.meta.url': 'undefined' },
});

const OUTSIDE = /\/(errors|cli\/record)\.js$/;
await build({
  ...common,
  entryPoints: [path('../src/observe/entry.node.js')],
  outfile: join(folder, 'observe.node.js'),
  format: 'esm',
  platform: 'node',
  keepNames: true, // console.log shows the name of a class
  plugins: [
    {
      name: 'outside',
      setup({ onResolve }) {
        onResolve({ filter: OUTSIDE }, ({ path: name }) => ({
          path: `../src/${/** @type {RegExpExecArray} */ (OUTSIDE.exec(name))[1]}.js`,
          external: true,
        }));
      },
    },
  ],
});
