/** A plain static server for tests: files of a folder, with the type that their name says and no
 *  special headers. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** @typedef {object} Server
 *  @property {string} url  with a slash at its end
 *  @property {() => Promise<void>} close */

/** @param {string} folder
 *  @param {object} [options]
 *  @param {boolean} [options.isolated]  send the headers that make pages cross-origin isolated
 *  @param {Record<string, string | Uint8Array>} [options.files]  by path, without the first slash;
 *    they go before what the folder has
 *  @param {Record<string, string>} [options.headers]  more of them, with every answer
 *  @returns {Promise<Server>} listens on a free port of 127.0.0.1 */
export async function serve(folder, { isolated = false, files = {}, headers = {} } = {}) {
  const always = { 'cache-control': 'no-store', ...headers };
  if (isolated) {
    always['cross-origin-opener-policy'] = 'same-origin';
    always['cross-origin-embedder-policy'] = 'require-corp';
  }
  const server = createServer(async (request, response) => {
    // normalize() of an absolute path never leads above its root.
    let path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (path.endsWith('/')) path += 'index.html';
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    const given = files[path.slice(1)];
    if (given !== undefined) {
      response.writeHead(200, { 'content-type': type, ...always }).end(given);
      return;
    }
    const file = join(folder, path);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) {
      response.writeHead(404, { 'content-type': 'text/plain', ...always }).end(`no ${path}\n`);
      return;
    }
    response.writeHead(200, { 'content-type': type, 'content-length': found.size, ...always });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
