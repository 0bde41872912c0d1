/** Opening another module: files that were dropped or chosen, or an address. */

import { byId, setText } from './dom.js';

/** @typedef {import('../protocol.js').ModuleSpec} ModuleSpec */
/** @typedef {Pick<ModuleSpec, 'name' | 'wasm' | 'glue'>} Opened */
/** @typedef {{pyodide: string}} OpenedPyodide  URL of its folder */

/** Sorts out what was given: a module, or Emscripten's script and its module.
 *  @param {readonly {name: string}[]} files
 *  @returns {{wasm: number, glue: number}} indices; -1: no script
 *  @throws {RangeError} a sentence that says what would be right */
export function pairOf(files) {
  const wasm = files.findIndex(({ name }) => /\.wasm$/i.test(name));
  const glue = files.findIndex(({ name }) => /\.m?js$/i.test(name));
  const wrong = files.find(({ name }) => !/\.(wasm|m?js)$/i.test(name));
  if (wrong)
    throw new RangeError(
      `“${wrong.name}” is neither a .wasm nor a .js: choose a module, or an Emscripten pair`,
    );
  if (wasm < 0) {
    throw new RangeError(
      glue < 0
        ? 'choose a .wasm file first'
        : 'the .js alone is not enough: choose it together with its .wasm (both at once)',
    );
  }
  if (files.length > (glue < 0 ? 1 : 2))
    throw new RangeError('one module at a time: a .wasm, or a .js and its .wasm');
  return { wasm, glue };
}

/** @param {string} text  as in a shell: words, in quotes if they hold spaces
 *  @returns {string[]} */
export function wordsOf(text) {
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) =>
      double !== undefined ? double.replace(/\\(.)/g, '$1') : (single ?? bare ?? ''),
  );
}

/** @param {string} text  NAME=value ..., values in quotes if they hold spaces
 *  @returns {Record<string, string>}
 *  @throws {RangeError} a sentence that says what would be right */
export function environmentOf(text) {
  const pairs = [...text.matchAll(/([^\s=]+)(?:=("(?:\\.|[^"\\])*"|'[^']*'|\S*))?/g)];
  return Object.fromEntries(
    pairs.map(([whole, name, value]) => {
      if (value === undefined) throw new RangeError(`“${whole}” is no variable: write NAME=value`);
      return [name, wordsOf(value)[0] ?? ''];
    }),
  );
}

/** @param {string} address  @param {string} base  the page's
 *  @returns {string} an absolute http(s) address
 *  @throws {RangeError} */
export function addressOf(address, base) {
  const url = URL.canParse(address, base) ? new URL(address, base) : null;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new RangeError(
      `“${address}” is no address of a module: write https://…/program.wasm, or a path on this site`,
    );
  }
  return url.href;
}

/** @param {string} href  absolute
 *  @returns {string | null} of the folder, if it names one, or a pyodide.mjs in one */
export function folderOf(href) {
  const { origin, pathname } = new URL(href);
  return /\/(pyodide\.m?js)?$/.test(pathname) ? origin + pathname.replace(/[^/]*$/, '') : null;
}

/** Wires the dialog and the page as a place to drop files.
 *  @param {(opened: Opened | OpenedPyodide) => void} onOpen */
export function followOpening(onOpen) {
  const dialog = byId('open-dialog', HTMLDialogElement);
  const [files, url] = [byId('files', HTMLInputElement), byId('url', HTMLInputElement)];
  const say = (/** @type {string} */ text) => setText(byId('open-error'), text);
  const finish = (/** @type {Opened | OpenedPyodide} */ opened) => {
    dialog.close();
    say('');
    onOpen(opened);
  };
  const openFiles = async (/** @type {File[]} */ list) => {
    try {
      const { wasm, glue } = pairOf(list);
      const file = /** @type {File} */ (list[wasm]);
      finish({
        name: file.name,
        wasm: await file.arrayBuffer(),
        glue: glue < 0 ? null : await /** @type {File} */ (list[glue]).text(),
      });
    } catch (error) {
      say(sentence(error));
      if (!dialog.open) dialog.showModal();
    }
  };
  byId('open-module').addEventListener('click', () => {
    say('');
    dialog.showModal();
  });
  byId('open-close').addEventListener('click', () => dialog.close());
  files.addEventListener('change', () => {
    setText(
      byId('files-text'),
      [...(files.files ?? [])].map((f) => f.name).join(', ') || 'or drop them anywhere on the page',
    );
    if (files.files?.length) url.value = '';
  });
  const go = () => {
    if (url.value.trim() === '') return openFiles([...(files.files ?? [])]);
    try {
      const href = addressOf(url.value.trim(), document.baseURI);
      const pyodide = folderOf(href);
      finish(pyodide === null ? { name: nameOf(href), wasm: href, glue: null } : { pyodide });
    } catch (error) {
      say(sentence(error));
    }
    return undefined;
  };
  byId('open-go').addEventListener('click', go);
  byId('open-form').addEventListener('submit', (event) => {
    event.preventDefault();
    go();
  });
  followDrops((list) => void openFiles(list));
}

/** @param {(files: File[]) => void} onDrop */
function followDrops(onDrop) {
  const veil = byId('dropping');
  const carriesFiles = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener('drop', (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    onDrop([...(event.dataTransfer?.files ?? [])]);
  });
}

/** @param {string} href  @returns {string} its last part */
export function nameOf(href) {
  return decodeURIComponent(new URL(href).pathname.split('/').pop() || 'module.wasm');
}

/** @param {unknown} error  @returns {string} */
function sentence(error) {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
