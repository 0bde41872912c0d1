/** The page for any module: opens it, runs it in a worker, shows what its allocator does. */

import { byId, make, setFigure, setText } from '../ui/dom.js';
import { bytes, count, parseBytes, plural } from '../ui/format.js';
import { pairOf, wordsOf } from '../ui/modules.js';

/** @typedef {import('./worker.js').Order} Order */
/** @typedef {import('./worker.js').Told} Told */

const OUTPUT_KEPT = 64 * 1024;
const FOUND = Object.freeze(
  /** @type {Record<string, string>} */ ({
    export: 'its exported names',
    name: 'its section “name”',
    glue: 'the names in its .js',
    shape: 'what its functions look like',
  }),
);

/** @type {Pick<Order, 'name' | 'wasm' | 'glue'> | null} */
let opened = null;
/** @type {Worker | null} */
let worker = null;

/** @param {string} text  '' hides it */
function fail(text) {
  setText(byId('error-text'), text);
  byId('error').hidden = text === '';
}

/** @param {string} state  @param {string} text */
function status(state, text) {
  byId('status').dataset['state'] = state;
  setText(byId('status'), text);
  byId('run', HTMLButtonElement).disabled = state === 'running' || opened === null;
  byId('stop', HTMLButtonElement).disabled = state !== 'running';
}

/** @param {readonly globalThis.File[]} files */
async function open(files) {
  try {
    const { wasm, glue } = pairOf(files);
    const file = /** @type {globalThis.File} */ (files[wasm]);
    opened = {
      name: file.name,
      wasm: await file.arrayBuffer(),
      glue: glue < 0 ? null : await /** @type {globalThis.File} */ (files[glue]).text(),
    };
    setText(byId('name'), file.name);
    setText(byId('files-text'), files.map(({ name }) => name).join(', '));
    fail('');
    stop('idle', 'ready');
  } catch (error) {
    fail(error instanceof RangeError ? error.message : String(error));
  }
}

/** @param {string} state  @param {string} text */
function stop(state, text) {
  worker?.terminate();
  worker = null;
  status(state, text);
}

function run() {
  if (!opened) return;
  /** @type {number | null} */
  let limit;
  try {
    limit = parseBytes(byId('limit', HTMLInputElement).value);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  fail('');
  setText(byId('output'), '');
  setText(byId('found'), 'Looking for its allocator …');
  stop('running', 'running');
  worker = new Worker(new URL('any-worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => hear(data);
  worker.onerror = (event) => {
    event.preventDefault();
    hear({ type: 'end', error: event.message });
  };
  /** @type {Order} */
  const order = {
    ...opened,
    args: wordsOf(byId('args', HTMLInputElement).value),
    code: byId('code', HTMLTextAreaElement).value,
    stacks: byId('stacks', HTMLInputElement).checked,
    limit,
  };
  worker.postMessage(order);
}

/** @param {Told} told */
function hear(told) {
  if (told.type === 'output') {
    const all = byId('output').textContent + told.text;
    setText(byId('output'), all.slice(-OUTPUT_KEPT));
  } else if (told.type === 'figures') {
    show(told);
  } else if (told.type === 'left') {
    setText(byId('found'), `It ran, and was not watched: ${told.reason}`);
  } else {
    if (told.error !== null) fail(told.error);
    stop(told.error === null ? 'done' : 'failed', told.error === null ? 'done' : 'failed');
  }
}

/** @param {Extract<Told, {type: 'figures'}>} told */
function show({ how, stats, stacks }) {
  const { malloc } = stats.domains;
  const exact = stats.complete ? 'every call is recorded' : 'the figures are not exact';
  setText(byId('found'), `Its allocator was found by ${FOUND[how] ?? how}; ${exact}.`);
  setFigure(byId('live'), bytes(malloc.liveBytes), malloc.liveBytes);
  setText(byId('live-blocks'), plural(malloc.liveBlocks, 'block'));
  setFigure(byId('peak'), bytes(malloc.peakBytes), malloc.peakBytes);
  setText(byId('pages'), `linear memory ${bytes(stats.pages.memory * stats.pageBytes)}`);
  setFigure(byId('total'), bytes(malloc.totalBytes), malloc.totalBytes);
  setText(byId('total-blocks'), plural(malloc.totalBlocks, 'block'));
  setFigure(byId('refused'), count(malloc.failures), malloc.failures);
  const { hardLimit } = stats;
  setText(byId('refused-by'), hardLimit === null ? 'no limit' : `limit ${bytes(hardLimit)}`);
  rows(
    'classes',
    stats.classes.map((one) => [
      cell(bytes(one.blockSize)),
      cell(bytes(one.liveBytes)),
      cell(count(one.liveBlocks)),
      cell(count(one.totalBlocks)),
    ]),
  );
  rows(
    'allocations',
    stacks.map((one) => [
      make('td', {}, ...one.frames.map((frame) => make('div', {}, frame))),
      cell(bytes(one.bytes)),
      cell(bytes(one.totalBytes)),
    ]),
  );
}

/** @param {string} text  @returns {HTMLElement} */
function cell(text) {
  return make('td', { class: 'num' }, text);
}

/** @param {string} table  @param {HTMLElement[][]} list */
function rows(table, list) {
  const [body] = byId(table, HTMLTableElement).tBodies;
  body?.replaceChildren(...list.map((cells) => make('tr', {}, ...cells)));
}

const chosen = byId('files', HTMLInputElement);
chosen.addEventListener('change', () => open([...(chosen.files ?? [])]));
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  open([...(event.dataTransfer?.files ?? [])]);
});
byId('run').addEventListener('click', run);
byId('stop').addEventListener('click', () => stop('idle', 'stopped'));
