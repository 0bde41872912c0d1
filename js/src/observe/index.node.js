/** The entry for Node.js, Deno and Bun: as index.js, of files too; and with
 *
 *    node --import wasm-pymalloc/observe app.mjs
 *
 *  every module that the program instantiates is watched. */

import { createHash } from 'node:crypto';

import { readSourceOfFile } from '../file.node.js';
import { observeOn } from './api.js';
import { isPreloaded, preloadNode } from './preload.node.js';

export { Watch } from './watch.js';
export { PymallocError, PymallocTypeError, PymallocRangeError } from '../errors.js';
export { memoryReport } from '../report.js';
export { watches } from './index.js';

/** @type {typeof import('./index.js').observe} */
export async function observe(source, options = {}) {
  return observeOn(source, options, { read: readSourceOfFile, digest: async (bytes) =>
    createHash('sha256').update(bytes).digest('hex') });
}

if (isPreloaded(import.meta.url)) preloadNode();
