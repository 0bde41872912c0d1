/** The entry for Node.js, Deno and Bun: as index.js, of files too; and with
 *
 *    node --import wasm-pymalloc/observe app.mjs
 *
 *  every module that the program instantiates is watched.
 *
 *  A package that is installed has all of this in one file, dist/observe.node.js: to load forty files
 *  takes as long as the rest of a start.  A checkout is taken as it is. */

const installed = import.meta.url.includes('/node_modules/');
/** @type {typeof import('./entry.node.js')} */
const { Watch, diff, memoryReport, observe, start, watches } = await import(
  installed ? '../../dist/observe.node.js' : './entry.node.js'
);
await start(import.meta.url);

export { PymallocError, PymallocTypeError, PymallocRangeError } from '../errors.js';
export { Watch, diff, memoryReport, observe, watches };
