/** Serves the page on this machine and prints its address.
 *
 *    node server.js [PORT]      (default 8080, or the next port that is free)
 *
 *  Builds it first if it was not built.  Sends no header that a plain static host would not. */

import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TYPES = new Map([['.html', 'text/html; charset=utf-8'], ['.js', 'text/javascript; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'], ['.css', 'text/css; charset=utf-8'], ['.json', 'application/json'],
  ['.wasm', 'application/wasm'], ['.lua', 'text/plain; charset=utf-8'], ['.map', 'application/json'], ['.png', 'image/png']]);
/** What of this folder is the page. */
const SERVED = /^(index\.html|dist\/.*)$/;

/** @param {string} url  @returns {string | null} a file of the page; null: there is none */
function fileOf(url) {
  const path = normalize(decodeURIComponent(new URL(url, 'http://x').pathname)).replace(/^[/\\]+/, '') || 'index.html';
  if (!SERVED.test(path)) return null;
  const file = join(HERE, path);
  return existsSync(file) && statSync(file).isFile() ? file : null;
}

const server = createServer((request, response) => {
  let file = null;
  try {
    file = fileOf(request.url ?? '/');
  } catch { /* an address that cannot be read is not found */ }
  if (!file || !/^(GET|HEAD)$/.test(request.method ?? '')) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  response.writeHead(200, { 'content-type': TYPES.get(extname(file)) ?? 'application/octet-stream', 'cache-control': 'no-cache' });
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).pipe(response);
});

if (!existsSync(`${HERE}dist/.built`)) {
  const { status } = spawnSync(process.execPath, [`${HERE}build.js`], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
let port = Number(process.argv[2] ?? 8080);
server.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE' || process.argv[2]) throw error;
  server.listen(++port, 'localhost');
});
server.on('listening', () => console.log(`the page: http://localhost:${port}/  (Ctrl+C ends it)`));
server.listen(port, 'localhost');
