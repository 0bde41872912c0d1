/** Runs a module that need not link the library, and tells what its allocator does.  All modules that
 *  this worker instantiates are watched, as by `node --import wasm-pymalloc/observe`. */

import { ConsoleStdout, File, OpenFile, WASI, WASIProcExit } from '@bjorn3/browser_wasi_shim';

import { SAMPLE_BYTES } from '../../../src/observe/options.js';
import { modulesLeftAlone, preload, preloadedWatches } from '../../../src/observe/preload.js';
import { frameText } from '../../../src/observe/stacks.js';
import { PageError, wordsOf } from '../failure.js';
import { startOf } from '../guests/emscripten.js';

/** What the page asks for.
 *  @typedef {object} Order
 *  @property {string} name
 *  @property {ArrayBuffer} wasm
 *  @property {string | null} glue  text of Emscripten's JavaScript
 *  @property {string[]} args
 *  @property {string} code         JavaScript
 *  @property {number | null} limit
 *  @property {boolean} stacks */

/** @typedef {import('../../../src/observe/watch.js').ObservedStats} ObservedStats */

/** What this worker tells.
 *  @typedef {{type: 'output', text: string}
 *    | {type: 'figures', how: string, stats: ObservedStats, stacks: Stack[]}
 *    | {type: 'left', reason: string}
 *    | {type: 'end', error: string | null}} Told */
/** @typedef {{frames: string[], bytes: number, totalBytes: number}} Stack */

const EVERY_MS = 100;
const STACKS_SHOWN = 20;
const FRAMES_SHOWN = 12;

/** @param {Told} message */
const tell = (message) => postMessage(message);

let told = 0;

/** Figures of the module that allocated most: glue may make small ones beside it. */
function figures() {
  told = performance.now();
  const all = preloadedWatches().map(({ watch }) => ({ watch, stats: watch.stats() }));
  all.sort((a, b) => b.stats.domains.malloc.totalBytes - a.stats.domains.malloc.totalBytes);
  const [first] = all;
  if (!first) return;
  const stacks = first.watch
    .allocations()
    .slice(0, STACKS_SHOWN)
    .map(({ frames, bytes, totalBytes }) => ({
      frames: frames.slice(0, FRAMES_SHOWN).map(frameText),
      bytes,
      totalBytes,
    }));
  tell({ type: 'figures', how: first.watch.identity.how, stats: first.stats, stacks });
}

/** @param {Order} order */
async function run({ name, wasm, glue, args, code, limit, stacks }) {
  preload({
    known: () => null,
    glueOf: () => glue ?? '',
    options: () => ({
      limit,
      sample: stacks ? SAMPLE_BYTES / 8 : null,
      recorder: null,
      drained: () => {
        if (performance.now() - told > EVERY_MS) figures();
      },
    }),
  });
  const timer = setInterval(figures, EVERY_MS);
  try {
    const module = glue === null ? await plain(name, wasm, args) : await byGlue(wasm, glue, args);
    if (code.trim() !== '') await runCode(code, module);
    return null;
  } catch (error) {
    return error instanceof PageError ? error.message : wordsOf(error);
  } finally {
    clearInterval(timer);
    figures();
    if (preloadedWatches().length === 0) {
      const [left] = modulesLeftAlone().filter(({ code: why }) => why !== 'NO_MEMORY');
      const [only] = modulesLeftAlone();
      const reason = (left ?? only)?.reason ?? 'no module was instantiated';
      tell({ type: 'left', reason });
    }
  }
}

/** @param {string} text */
const write = (text) => tell({ type: 'output', text });

/** A WASI command, or a module that needs nothing.
 *  @param {string} name  @param {ArrayBuffer} wasm  @param {string[]} args
 *  @returns {Promise<object>} its exports */
async function plain(name, wasm, args) {
  const decoder = new TextDecoder();
  const out = new ConsoleStdout((bytes) => write(decoder.decode(bytes, { stream: true })));
  const stdin = new OpenFile(new File(new Uint8Array(0)));
  const wasi = new WASI([name, ...args], [], [stdin, out, out], { debug: false });
  const imports = { wasi_snapshot_preview1: wasi.wasiImport, wasi_unstable: wasi.wasiImport };
  const { instance } = await WebAssembly.instantiate(wasm, imports);
  const { exports } = /** @type {{exports: any}} */ (instance);
  wasi.inst = /** @type {any} */ (instance);
  try {
    if (exports._start) exports._start();
    else exports._initialize?.();
  } catch (error) {
    if (!(error instanceof WASIProcExit)) throw error;
    if (error.code !== 0) write(`exit code ${error.code}\n`);
  }
  return exports;
}

/** @param {ArrayBuffer} wasm  @param {string} glue  @param {string[]} args
 *  @returns {Promise<unknown>} what the script makes of the module */
async function byGlue(wasm, glue, args) {
  const start = await startOf(glue);
  const line = (/** @type {unknown[]} */ ...words) => write(`${words.join(' ')}\n`);
  const config = { wasmBinary: wasm, arguments: args, print: line, printErr: line };
  const made = await start({ ...config, locateFile: (/** @type {string} */ file) => file });
  return made ?? config;
}

/** @param {string} code  @param {unknown} module */
async function runCode(code, module) {
  const text = `export default async (module, print) => {${code}\n}`;
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`;
  const { default: fn } = await import(/* @vite-ignore */ /* webpackIgnore: true */ url);
  await fn(module, (/** @type {unknown[]} */ ...words) => write(`${words.join(' ')}\n`));
}

globalThis.addEventListener('message', async ({ data }) => {
  tell({ type: 'end', error: await run(data) });
});
