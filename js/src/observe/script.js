/** For pages: watches every module that scripts after this one instantiate.
 *
 *    <script src="/node_modules/wasm-pymalloc/dist/observe.js?limit=64M"></script>
 *
 *  before all other scripts; the same file by importScripts() as the first line of a worker.  Where
 *  all of a page's scripts are modules, src/observe/script.js with type=module does without a copy of
 *  the library.  `wasmPymalloc` has what is watched. */

import { memoryReport } from '../report.js';
import { parseVariable } from './options.js';
import { modulesLeftAlone, preload, preloadedWatches } from './preload.js';

/** @returns {string} what stands behind the question mark of this script's address; in a worker,
 *    which does not know that address, the variable PYM_OBSERVE */
function optionsText() {
  const { document, PYM_OBSERVE = '' } = /** @type {any} */ (globalThis);
  const address = document?.currentScript?.src ?? import.meta.url;
  return address ? decodeURIComponent(new URL(address).search.slice(1)) : String(PYM_OBSERVE);
}

const { limit, sample } = parseVariable(optionsText());

// A page has no hash that is there at once, so that modules are searched even if they are known.
preload({
  known: () => null,
  glueOf: () => '',
  options: () => ({ limit, sample, recorder: null }),
});

/** For the console of the page. */
/** @type {any} */ (globalThis).wasmPymalloc = Object.freeze({
  watches: preloadedWatches,
  leftAlone: modulesLeftAlone,
  report: () =>
    preloadedWatches()
      .map(({ name, watch }) => memoryReport(watch.stats(), { title: name }))
      .join('\n'),
});
