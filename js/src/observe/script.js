/** For pages: watches every module that scripts after this one instantiate.
 *
 *    <script type="module" src="/node_modules/wasm-pymalloc/src/observe/script.js?limit=64M"></script>
 *
 *  before the page's own module scripts, which run in their order.  A classic script that
 *  instantiates wasm while the page is still read comes before.  `wasmPymalloc` has what is watched. */

import { memoryReport } from '../report.js';
import { parseVariable } from './options.js';
import { modulesLeftAlone, preload, preloadedWatches } from './preload.js';

const { limit, sample } = parseVariable(decodeURIComponent(new URL(import.meta.url).search.slice(1)));

// A page has no hash that is there at once, so that modules are searched even if they are known.
preload({ known: () => null, glueOf: () => '', options: () => ({ limit, sample, recorder: null }) });

/** For the console of the page. */
/** @type {any} */ (globalThis).wasmPymalloc = Object.freeze({
  watches: preloadedWatches,
  leftAlone: modulesLeftAlone,
  report: () => preloadedWatches().map(({ name, watch }) =>
    memoryReport(watch.stats(), { title: name })).join('\n'),
});
