/** What index.node.js exports: index.js, of files too, and the preload. */

import { readSourceOfFile } from '../file.node.js';
import { observeOn } from './api.js';
import { digest, isPreloaded, preloadNode } from './preload.node.js';

export { Watch } from './watch.js';
export { diff } from './snapshot.js';
export { memoryReport } from '../report.js';
export { watches } from './index.js';

/** @type {typeof import('./index.js').observe} */
export async function observe(source, options = {}) {
  return observeOn(source, options, {
    read: readSourceOfFile,
    digest: async (bytes) => digest(bytes),
  });
}

/** @param {string} entry  address of the file that --import may have named */
export async function start(entry) {
  if (isPreloaded(entry)) await preloadNode();
}
