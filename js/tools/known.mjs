/** The table in js/src/observe/known.js: the allocators of modules that packages bring, found and
 *  proven as observe() does it.  Of the packages that tests/observe and tests/pyodide install.
 *
 *    node js/tools/known.mjs            writes it
 *    node js/tools/known.mjs --check    exit code 1 if it is not current */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { allocatorOf, readModule } from '../src/observe/rewrite.js';

const TABLE = new URL('../src/observe/known.js', import.meta.url);
const TESTS = new URL('../../tests/', import.meta.url);

/** By folder, with their versions taken from their package.json. */
const FILES = {
  'observe/node_modules/@jitl/quickjs-wasmfile-release-sync': ['dist/emscripten-module.wasm'],
  'observe/node_modules/@jitl/quickjs-wasmfile-release-asyncify': ['dist/emscripten-module.wasm'],
  'observe/node_modules/quickjs-wasi': ['quickjs.wasm'],
  'observe/node_modules/sql.js': ['dist/sql-wasm.wasm'],
  'observe/node_modules/@sqlite.org/sqlite-wasm': ['dist/sqlite3.wasm'],
  'observe/node_modules/wasmoon': ['dist/glue.wasm'],
  'observe/node_modules/@php-wasm/node-8-3': [
    'asyncify/8_3_33/php_8_3.wasm',
    'jspi/8_3_33/php_8_3.wasm',
  ],
  'observe/node_modules/@ruby/3.4-wasm-wasi': ['dist/ruby.wasm', 'dist/ruby+stdlib.wasm'],
  'observe/node_modules/@micropython/micropython-webassembly-pyscript': ['micropython.wasm'],
  'observe/node_modules/web-tree-sitter': ['web-tree-sitter.wasm'],
  'observe/node_modules/@resvg/resvg-wasm': ['index_bg.wasm'],
  'observe/node_modules/draco3d': ['draco_encoder.wasm', 'draco_decoder.wasm'],
  'observe/node_modules/yoga-layout': ['dist/binaries/yoga-wasm-base64-esm.js'],
  'pyodide/node_modules/pyodide-0.28': ['pyodide.asm.wasm'],
  'pyodide/node_modules/pyodide-0.29': ['pyodide.asm.wasm'],
  'pyodide/node_modules/pyodide-314': ['pyodide.asm.wasm'],
  'pyodide/node_modules/pyodide-315': ['pyodide.asm.wasm'],
};

/** @param {URL} url  @returns {Uint8Array} a module, also one that is text in a script */
export function moduleBytes(url) {
  const contents = readFileSync(url);
  if (!url.pathname.endsWith('.js')) return contents;
  const text = /data:application\/octet-stream;base64,([\w+/=]+)/.exec(contents.toString('latin1'));
  return Buffer.from(text[1], 'base64');
}

/** @returns {{url: URL, name: string}[]} the modules of the table */
export function modules() {
  return Object.entries(FILES).flatMap(([folder, files]) => {
    const at = new URL(`${folder}/`, TESTS);
    const { name, version } = JSON.parse(readFileSync(new URL('package.json', at), 'utf8'));
    return files.map((file) => ({ url: new URL(file, at), name: `${name}@${version}/${file}` }));
  });
}

/** @param {{url: URL, name: string}} module  @returns {string} a line of the table */
export function lineOf({ url, name }) {
  const bytes = moduleBytes(url);
  const { roles } = allocatorOf(readModule(bytes));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const functions = roles.map(({ role, f, prefix }) =>
    prefix === 0 ? `['${role}', ${f}]` : `['${role}', ${f}, ${prefix}]`,
  );
  return `  [${bytes.length}, '${sha256}', '${name}',\n    ${functions.join(', ')}],\n`;
}

/** @returns {string} the file known.js */
export function render() {
  const lines = modules().map(lineOf);
  return readFileSync(TABLE, 'utf8').replace(
    /(export const KNOWN = \[)[^;]*\];/,
    (_, head) => `${head}\n${lines.join('')}];`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = render();
  if (!process.argv.includes('--check')) {
    writeFileSync(TABLE, text);
  } else if (readFileSync(TABLE, 'utf8') !== text) {
    console.error('js/src/observe/known.js is not what the modules say: node js/tools/known.mjs');
    process.exitCode = 1;
  }
}
