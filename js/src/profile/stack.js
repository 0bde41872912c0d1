/** The wasm and JavaScript part of a sample's stack, as the engine has it. */

import { captureStack, framesOf } from '../observe/stacks.js';
import { OWN } from '../own.js';

/** A place in a stack.
 *  @typedef {object} Frame
 *  @property {string} name   of the function; '' if it has none
 *  @property {string} file   a source file, '' if it is not known
 *  @property {number} line   0: not known
 *  @property {'python' | 'lua' | 'wasm' | 'js' | 'note'} language  note: words about the stack */

/** Frames of one stack that are looked at, without and with an interpreter's above them. */
const DEPTH = 64;
const DEPTH_IN_GUEST = 20;
/** Where a program enters the library: what is further in is the library's own. */
const ENTRY = new RegExp(
  '^(pym_(?!profile)\\w+|(__wrap_)?(PyMem_\\w+|PyObject_(Malloc|Calloc|Realloc|Free))|malloc'
    + '|calloc|realloc|free|aligned_alloc|memalign|posix_memalign|reallocarray|__libc_\\w*alloc'
    + '|emscripten_builtin_\\w+'
    + '|operator new.*|_Zn[aw]\\w*|__rust_\\w*alloc\\w*)$',
);
/** So many functions of the library may be further in than an entry. */
const LIBRARY_DEPTH = 14;
/** The loop of an interpreter: what is further out is how it was started. */
const LOOP = /^(_PyEval_EvalFrameDefault|luaV_execute|JS_CallInternal)$/;

/** @param {readonly NodeJS.CallSite[] | unknown} _  @param {unknown} sites */
const asSites = (_, sites) => sites;

/** A frame whose file and line are looked up when somebody wants to see them.
 *  @typedef {Frame & {position?: number}} Captured  position: in the module, of a wasm function */

/** @type {{key: string, frames: readonly Readonly<Captured>[]}} */
const NOTHING = Object.freeze({ key: '', frames: Object.freeze([]) });

/** Stacks by what identifies them, so that names are only made for one that is new. */
export class Stacks {
  /** @type {Map<string, readonly Readonly<Captured>[]>} */ #known = new Map();
  /** Have functions of the module names? */
  named = true;
  #lines;

  /** @param {(() => import('./dwarf.js').Lines) | null} lines  of the module's source */
  constructor(lines) {
    this.#lines = lines;
  }

  /** @param {boolean} inGuest  an interpreter's frames stand above
   *  @param {Function} [entry]  what wasm called; what it called itself is left out
   *  @returns {{key: string, frames: readonly Readonly<Captured>[]}} outermost first */
  capture(inGuest, entry) {
    // Numbers would say nothing below names.
    if (inGuest && !this.named) return NOTHING;
    const sites = callSites(inGuest ? DEPTH_IN_GUEST : DEPTH, entry);
    if (!sites) return this.#fromText(inGuest);
    let key = inGuest ? 'g' : '';
    for (const site of sites) key += `${site.getPosition?.() ?? site.getColumnNumber()};`;
    let frames = this.#known.get(key);
    if (!frames) {
      frames = this.#trimmed(
        sites.map((site) => this.#frameOf(site)),
        inGuest,
      );
      this.#known.set(key, frames);
    }
    return { key, frames };
  }

  /** The frames with their lines.  A profile asks when it is read: a program that runs does not wait
   *  for its debug information.
   *  @param {readonly Readonly<Captured>[]} frames  @returns {readonly Readonly<Frame>[]} */
  withLines(frames) {
    return Object.freeze(
      frames.map(({ position, ...frame }) => {
        const place = this.#lines && position !== undefined ? this.#lines().at(position) : null;
        return Object.freeze(place ? { ...frame, file: place.file, line: place.line } : frame);
      }),
    );
  }

  /** @param {NodeJS.CallSite} site  @returns {Readonly<Captured>} */
  #frameOf(site) {
    const [file, name] = [site.getFileName() ?? '', site.getFunctionName() ?? ''];
    const index = /wasm-function\[(\d+)\]/.exec(String(site))?.[1];
    if (!file.startsWith('wasm://') && index === undefined) {
      return js(name, file, site.getLineNumber() ?? 0);
    }
    return wasmFrame(name, index ?? '?', site.getPosition?.());
  }

  /** Engines without Error.captureStackTrace.  @param {boolean} inGuest */
  #fromText(inGuest) {
    const text = captureStack();
    let frames = this.#known.get(text);
    if (!frames) {
      frames = this.#trimmed(
        framesOf(text, Infinity).map(({ name, file, line, wasm }) =>
          wasm === null ? js(name, file, line) : wasmFrame(name.replace(MODULE_NAME, ''), wasm),
        ),
        inGuest,
      );
      this.#known.set(text, frames);
    }
    return { key: text, frames };
  }

  /** @param {Readonly<Captured>[]} frames  innermost first  @param {boolean} inGuest
   *  @returns {readonly Readonly<Captured>[]} the program's own, outermost first */
  #trimmed(frames, inGuest) {
    const first = frames.findIndex(({ language }) => language === 'wasm');
    const wasm = first < 0 ? [] : frames.slice(first);
    this.named &&= !wasm.some(({ language, name }) => language === 'wasm' && UNNAMED.test(name));
    if (!this.named && inGuest) return Object.freeze([]);
    let entry = -1;
    for (let i = 0; i < Math.min(wasm.length, entry + LIBRARY_DEPTH); i++) {
      if (ENTRY.test(wasm[i]?.name ?? '')) entry = i;
    }
    let end = inGuest ? wasm.findIndex(({ name }) => LOOP.test(name)) : wasm.length;
    if (end < 0) end = wasm.length;
    return Object.freeze(
      wasm
        .slice(entry + 1, Math.max(end, entry + 1))
        .filter(isOfProgram)
        .reverse(),
    );
  }
}

/** @param {Readonly<Frame>} frame  @returns {boolean} neither the host's nor this package's */
function isOfProgram({ language, file }) {
  return language !== 'js' || (!file.startsWith('node:') && !file.startsWith(OWN));
}

/** Firefox puts the module's own name before that of a function: lua.wasm.luaH_resize. */
const MODULE_NAME = /^[\w-]+\.wasm\./;
const UNNAMED = /^wasm-function\[\d+\]$/;

/** @param {string} name  @param {string} file  @param {number} line  @returns {Readonly<Frame>} */
function js(name, file, line) {
  return Object.freeze({ name: name || '(anonymous)', file, line, language: 'js' });
}

/** @param {string} name  @param {number | string} index  @param {number} [position]
 *  @returns {Readonly<Captured>} */
function wasmFrame(name, index, position) {
  return Object.freeze({
    name: name || `wasm-function[${index}]`,
    file: '',
    line: 0,
    language: 'wasm',
    ...(position === undefined ? {} : { position }),
  });
}

/** @param {number} depth  @param {Function} [entry]  where the stack begins: most of what a stack
 *    costs is its number of frames
 *  @returns {NodeJS.CallSite[] | null} innermost first */
function callSites(depth, entry = callSites) {
  if (typeof Error.captureStackTrace !== 'function') return null;
  const { stackTraceLimit, prepareStackTrace } = Error;
  const holder = /** @type {{stack?: unknown}} */ ({});
  try {
    Error.stackTraceLimit = depth;
    Error.prepareStackTrace = asSites;
    Error.captureStackTrace(holder, entry);
    const sites = holder.stack;
    if (!Array.isArray(sites)) return null;
    return sites.length > 0 || entry === callSites ? sites : callSites(depth);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}

/** @param {Readonly<Frame>} frame  @returns {string} one line */
export function frameText({ name, file, line }) {
  return file ? `${name} (${line > 0 ? `${file}:${line}` : file})` : name;
}
