/** Serves the page on this machine and prints its address.
 *
 *    node server.js [PORT]      (default 8080, or the next one that is free)
 *
 *  Makes what is missing first: packages, the page's Lua, dist/.  Sends no header that a plain static
 *  host would not. */

import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TOP = fileURLToPath(new URL('../../', import.meta.url));
const TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.json', 'application/json'],
  ['.wasm', 'application/wasm'],
  ['.lua', 'text/plain; charset=utf-8'],
  ['.py', 'text/plain; charset=utf-8'],
  ['.map', 'application/json'],
  ['.zip', 'application/zip'],
  ['.whl', 'application/zip'],
]);
/** What of this folder is the page, and a Pyodide that was copied beside it. */
const SERVED = /^((index|any)\.html|(dist|pyodide)\/.*)$/;
const LUA = `${TOP}build/lua-page`;
const PYODIDE = `${TOP}js/wasm/pyodide.wasm`;

/** @param {string} command  @param {string[]} args  @param {string} cwd */
function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`page: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}

/** @param {string} path  @returns {number} when it, or the newest file in it, was written */
function newest(path) {
  if (!existsSync(path)) return 0;
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  return Math.max(
    0,
    ...readdirSync(path)
      .filter((name) => name !== 'node_modules')
      .map((name) => newest(join(path, name))),
  );
}

function makeWhatIsMissing() {
  if (!existsSync(`${HERE}node_modules/esbuild`))
    run('npm', ['ci', '--no-audit', '--no-fund'], HERE);
  if (!existsSync(`${LUA}/lua.mjs`) && existsSync(`${TOP}wasm/setup.sh`)) {
    console.log(
      'page: building its Lua, once; Emscripten is fetched into the cache folder if it is not there (2.4 GB)',
    );
    run('wasm/setup.sh', ['build', 'emscripten', 'lua'], TOP);
    run(
      'cmake',
      [
        '-S',
        'js/page/guest',
        '-B',
        LUA,
        '-G',
        'Ninja',
        '--toolchain',
        `${TOP}wasm/toolchain-emscripten.cmake`,
      ],
      TOP,
    );
    run('cmake', ['--build', LUA], TOP);
  }
  if (!existsSync(PYODIDE) && existsSync(`${TOP}wasm/setup.sh`)) {
    run('wasm/setup.sh', ['build'], TOP);
    run(
      'cmake',
      [
        '-S',
        'js/pyodide',
        '-B',
        'build/js-pyodide',
        '-G',
        'Ninja',
        '--toolchain',
        `${TOP}wasm/toolchain-freestanding.cmake`,
      ],
      TOP,
    );
    run('cmake', ['--build', 'build/js-pyodide'], TOP);
  }
  const built = newest(`${HERE}dist/.built`);
  const sources = ['src', 'programs', 'build.js', '../src'].map((name) => newest(HERE + name));
  if (Math.max(...sources, newest(`${LUA}/lua.mjs`), newest(PYODIDE)) > built)
    run(process.execPath, ['build.js'], HERE);
}

/** @param {string} url  @returns {string | null} a file of the page; null: there is none */
function fileOf(url) {
  const path =
    normalize(decodeURIComponent(new URL(url, 'http://x').pathname)).replace(/^[/\\]+/, '')
    || 'index.html';
  if (!SERVED.test(path)) return null;
  const file = join(HERE, path);
  return existsSync(file) && statSync(file).isFile() ? file : null;
}

const server = createServer((request, response) => {
  let file = null;
  try {
    file = fileOf(request.url ?? '/');
  } catch {
    /* an address that cannot be read is not found */
  }
  if (!file || !/^(GET|HEAD)$/.test(request.method ?? '')) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES.get(extname(file)) ?? 'application/octet-stream',
    'cache-control': 'no-cache',
  });
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).pipe(response);
});

makeWhatIsMissing();
let port = Number(process.argv[2] ?? 8080);
server.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE' || process.argv[2])
    throw error;
  server.listen(++port, 'localhost');
});
server.on('listening', () => console.log(`the page: http://localhost:${port}/  (Ctrl+C ends it)`));
server.listen(port, 'localhost');
