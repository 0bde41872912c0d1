/** Call stacks as engines print them, taken apart. */

/** @typedef {object} Frame
 *  @property {string} name       of the function; '' if it has none
 *  @property {string} file       address of the script, or of the wasm module
 *  @property {number} line       of a script; 0 for wasm
 *  @property {number} column     of a script; 0 for wasm
 *  @property {number | null} wasm  index of the function, for wasm */

/** Frames that are kept of one stack. */
const DEPTH = 64;

/** Texts of stacks by the places in them: to look a place up takes the engine a tenth of the time that
 *  it takes to write it down, and most samples are of stacks that were seen before.
 *  @type {Map<string, string>} */
const texts = new Map();
const TEXTS_MAX = 4096;

/** @returns {string} the stack of who calls this, as the engine has it; '' if it has none */
export function captureStack() {
  const { stackTraceLimit, prepareStackTrace } = Error;
  /** @type {unknown} */
  let stack;
  try {
    Error.stackTraceLimit = DEPTH;
    // V8 writes it so, whatever the program has put here for its own errors.
    Error.prepareStackTrace = textOf;
    const holder = /** @type {{stack?: string}} */ ({});
    // V8 leaves out our own frames; other engines only have the stack of an Error.
    if (typeof Error.captureStackTrace === 'function') {
      Error.captureStackTrace(holder, captureStack);
    } else holder.stack = new Error().stack ?? '';
    ({ stack } = holder);
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  } catch {
    return ''; // an Error that a program has frozen
  }
  return typeof stack === 'string' ? stack : '';
}

/** @param {unknown} _  @param {NodeJS.CallSite[]} sites  @returns {string} */
function textOf(_, sites) {
  let key = '';
  for (const site of sites) {
    const file = site.getFileName();
    // A script without a name, of eval() for one, has no place of its own.
    key += file ? `${file} ${/** @type {any} */ (site).getPosition()} ` : `${site} `;
  }
  const known = texts.get(key);
  if (known !== undefined) return known;
  if (texts.size >= TEXTS_MAX) texts.clear();
  const text = sites.map((site) => `    at ${site}\n`).join('');
  texts.set(key, text);
  return text;
}

/** @param {string} stack  @param {number} functions  of the module as it was: later indices are the
 *    recorder's
 *  @returns {readonly Readonly<Frame>[]} innermost first; the recorder's own are left out */
export function framesOf(stack, functions) {
  const frames = stack
    .split('\n')
    .map(frameOf)
    .filter((frame) => frame !== null);
  const last = frames.findLastIndex((frame) => frame.wasm !== null && frame.wasm >= functions);
  const own = frames.findIndex(({ wasm }) => wasm !== null);
  return Object.freeze(frames.slice(last >= 0 ? last + 1 : Math.max(own, 0)));
}

const V8 =
  /^\s*at (?:(.*?) \()?((?:wasm:\/\/|file:\/\/|https?:\/\/|node:|\/|[A-Za-z]:\\|blob:|data:|<).*?|[^\s()]+?)\)?$/;
const OTHERS = /^(.*?)@(.*)$/;
const WASM = /^(.*?):?wasm-function\[(\d+)\]/;
const PLACE = /^(.*?):(\d+):(\d+)$/;

/** @param {string} line  @returns {Readonly<Frame> | null} */
function frameOf(line) {
  const found = V8.exec(line) ?? (line.includes('@') ? OTHERS.exec(line) : null);
  if (!found) return null;
  const name = (found[1] ?? '').replace(/^async /, '');
  const where = found[2] ?? '';
  const wasm = WASM.exec(where);
  if (wasm) {
    return Object.freeze({
      name: name.replace(/^wasm-function\[\d+\]$/, ''),
      file: wasm[1] ?? '',
      line: 0,
      column: 0,
      wasm: Number(wasm[2]),
    });
  }
  const place = PLACE.exec(where);
  return Object.freeze({
    name,
    file: place?.[1] ?? where,
    line: Number(place?.[2] ?? 0),
    column: Number(place?.[3] ?? 0),
    wasm: null,
  });
}

/** @param {Readonly<Frame>} frame  @returns {string} one line */
export function frameText({ name, file, line, column, wasm }) {
  if (wasm !== null) return `${name || 'function'} (wasm ${wasm})`;
  const where = line > 0 ? `${file}:${line}:${column}` : file;
  return name ? `${name} (${where})` : where;
}

/** The line of the program's own JavaScript that asked: the innermost one outside of packages and of
 *  the host.
 *  @param {readonly Readonly<Frame>[]} frames  @returns {string} FILE:LINE:COLUMN, '' if there is
 *    none */
export function siteOf(frames) {
  const scripts = frames.filter(({ wasm, line }) => wasm === null && line > 0);
  const own = scripts.find(({ file }) => !/\/node_modules\/|^node:/.test(file)) ?? scripts[0];
  return own ? `${own.file}:${own.line}:${own.column}` : '';
}
