/** From whatever a caller has of a wasm file to a WebAssembly.Module, with errors that say what is
 *  wrong with the file: hosts only say that it does not compile. */

import { PymallocError, PymallocTypeError, badArgument } from './errors.js';
import { Reader } from './observe/binary.js';

/** A wasm file: compiled, as bytes, as what fetch gave or will give, or its address.
 *  @typedef {WebAssembly.Module | BufferSource | Response | PromiseLike<Response> | URL
 *    | string} WasmSource */

const [IMPORT, FUNCTION, MEMORY, CODE] = [2, 3, 5, 10]; // sections
const KIND = { TABLE: 1, MEMORY: 2, GLOBAL: 3, TAG: 4 };
const [MAXIMUM, ADDRESS64] = [1, 4]; // flags of a memory

/** @param {WasmSource} source
 *  @returns {Promise<WebAssembly.Module>}
 *  @throws {PymallocError} see compileModule */
export async function moduleOf(source) {
  if (source instanceof WebAssembly.Module) return source;
  const { bytes, name } = await readSource(source);
  return compiled(bytes, name);
}

/** @param {WasmSource} source  no module
 *  @returns {Promise<{bytes: Uint8Array, name: string}>} name: of where they come from, or ''
 *  @throws {PymallocError} see compileModule */
export async function readSource(source) {
  if (typeof source === 'string' || source instanceof URL) source = await fetched(source);
  else if (isPromise(source)) source = await settled(source, 'the promise of a Response');
  if (isResponse(source)) return { bytes: await bodyOf(source), name: nameOf(source) };
  return { bytes: bytesOf(source), name: '' };
}

/** @param {unknown} value  @returns {value is PromiseLike<any>} */
export function isPromise(value) {
  return (
    typeof value === 'object'
    && value !== null
    && 'then' in value
    && typeof value.then === 'function'
  );
}

/** @param {unknown} value  @returns {value is Response} also from another realm */
function isResponse(value) {
  return Object.prototype.toString.call(value) === '[object Response]';
}

/** @param {string | URL} url  @returns {Promise<Response>} */
async function fetched(url) {
  return settled(fetch(url), String(url));
}

/** @param {PromiseLike<Response>} promise  @param {string} what  @returns {Promise<Response>} */
async function settled(promise, what) {
  try {
    return await promise;
  } catch (cause) {
    throw loadFailed(what, message(cause), cause);
  }
}

/** @param {string} what  @param {string} why  @param {unknown} [cause]  @returns {PymallocError} */
export function loadFailed(what, why, cause) {
  return new PymallocError(
    'LOAD_FAILED',
    `${what} could not be read: ${why}. Check the address, `
      + 'or pass a WebAssembly.Module or its bytes',
    { cause },
  );
}

/** @param {Response} response  @returns {string} how to name it in an error */
function nameOf({ url, status }) {
  return url ? `${url} (HTTP status ${status})` : `the response (HTTP status ${status})`;
}

/** @param {Response} response  @returns {Promise<Uint8Array>} */
async function bodyOf(response) {
  if (response.type === 'opaque') {
    throw loadFailed(nameOf(response), 'the response is opaque, a request without CORS');
  }
  if (!response.ok) throw loadFailed(nameOf(response), response.statusText || 'the server refused');
  if (response.bodyUsed) {
    throw badArgument(
      `the body of ${nameOf(response)} was read before: pass a response whose body `
        + 'is unread, response.clone() gives one',
    );
  }
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw loadFailed(nameOf(response), message(cause), cause);
  }
}

/** @param {unknown} source  @returns {Uint8Array} the same memory */
export function bytesOf(source) {
  const buffer = ArrayBuffer.isView(source) ? source.buffer : source;
  const tag = Object.prototype.toString.call(buffer);
  if (tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]') {
    const { byteOffset = 0, byteLength } = /** @type {Uint8Array} */ (source);
    try {
      return new Uint8Array(/** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength);
    } catch (cause) {
      throw new PymallocTypeError(
        'DETACHED',
        'the bytes were transferred to another thread '
          + '(postMessage?): pass them before, or a copy',
        { cause },
      );
    }
  }
  throw badArgument(
    'a wasm file is a WebAssembly.Module, an ArrayBuffer or a view of one, a '
      + 'Response (or the promise that fetch returns) or a URL',
    source,
  );
}

/** @param {Uint8Array} bytes  @param {string} name  of the source, '' if it has none
 *  @returns {Promise<WebAssembly.Module>} */
export async function compiled(bytes, name) {
  const what = name || 'the wasm file';
  checkFile(bytes, what);
  try {
    return await WebAssembly.compile(/** @type {BufferSource} */ (bytes));
  } catch (cause) {
    throw notCompiled(what, cause, bytes);
  }
}

/** @param {Uint8Array} bytes  @param {string} [what]
 *  @throws {PymallocTypeError} NOT_WASM, TRUNCATED */
export function checkFile(bytes, what = 'the wasm file') {
  checkMagic(bytes, what);
  checkComplete(bytes, what);
}

/** @param {string} what  @param {unknown} cause  from the host  @param {Uint8Array} bytes
 *  @returns {PymallocTypeError} */
export function notCompiled(what, cause, bytes) {
  const why = message(cause);
  if (!has64BitMemories() && needs64BitMemory(bytes)) {
    return no64BitMemories(`${what} has a 64-bit memory`, cause);
  }
  if (/disallow|blocked|forbid|not allowed|Content[- ]Security[- ]Policy|\bCSP\b/i.test(why)) {
    return new PymallocTypeError(
      'BLOCKED',
      `this host does not compile wasm at run time (${why}): `
        + 'pass a WebAssembly.Module, which workerd makes of an import of the .wasm file; a page '
        + "needs 'wasm-unsafe-eval' in the script-src of its Content-Security-Policy",
      { cause },
    );
  }
  return new PymallocTypeError(
    'BAD_WASM',
    `${what} does not compile: ${why}. Use a newer host, or `
      + 'build the module without the feature named',
    { cause },
  );
}

/** A module with one memory, of 64-bit addresses. */
const WITH_64_BITS = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, MEMORY, 3, 1, ADDRESS64, 1];

/** The same that imports it, of no least size. */
const TAKES_64_BITS = [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[IMPORT, 8, 1, 1, 0x6d, 1, 0x6d, KIND.MEMORY, ADDRESS64, 0],
];

/** @returns {boolean} of this host */
export function has64BitMemories() {
  return WebAssembly.validate(Uint8Array.from(WITH_64_BITS));
}

/** @param {WebAssembly.Memory} memory  not shared
 *  @returns {boolean} its addresses have 64 bits: only a module that imports such a one takes it */
export function is64BitMemory(memory) {
  if (!has64BitMemories()) return false;
  try {
    void new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(TAKES_64_BITS)), {
      m: { m: memory },
    });
    return true;
  } catch {
    return false;
  }
}

/** @param {string} what  @param {unknown} [cause]  @returns {PymallocTypeError} */
export function no64BitMemories(what, cause) {
  return new PymallocTypeError(
    'UNSUPPORTED',
    `${what}, and this host has no such memories: run it in Node.js 24 or newer, Deno 2.9 or a `
      + 'current Chromium or Firefox, or build the program for wasm32',
    { cause },
  );
}

/** @param {Uint8Array} bytes  of a module that is complete
 *  @returns {boolean} its memory, or one that it imports, has 64-bit addresses */
function needs64BitMemory(bytes) {
  const r = new Reader(bytes, 8);
  try {
    while (r.at < r.end) {
      const id = r.u8();
      const size = r.u32();
      const inside = new Reader(bytes, r.at, r.at + size);
      r.skip(size);
      if (id === MEMORY && inside.count() > 0) return (inside.u8() & ADDRESS64) !== 0;
      if (id === IMPORT && imports64BitMemory(inside)) return true;
    }
  } catch {
    // what cannot be read is not known to have one
  }
  return false;
}

/** @param {Reader} r  of the imports  @returns {boolean} */
function imports64BitMemory(r) {
  for (let n = r.count(); n > 0; n--) {
    r.name();
    r.name();
    const kind = r.u8();
    if (kind === KIND.MEMORY || kind === KIND.TABLE) {
      if (kind === KIND.TABLE) r.skip(1); // what its elements are
      const flags = r.u8();
      if (kind === KIND.MEMORY && flags & ADDRESS64) return true;
      r.u32();
      if (flags & MAXIMUM) r.u32();
    } else if (kind === KIND.GLOBAL) {
      r.skip(2);
    } else {
      if (kind === KIND.TAG) r.skip(1);
      r.u32();
    }
  }
  return false;
}

/** @param {Uint8Array} bytes  @param {string} what
 *  @throws {PymallocTypeError} NOT_WASM, TRUNCATED */
function checkMagic(bytes, what) {
  const magic = [0, 0x61, 0x73, 0x6d];
  const same = magic.findIndex((byte, i) => bytes[i] !== byte);
  if (same >= 0 && same < bytes.length) {
    throw new PymallocTypeError(
      'NOT_WASM',
      `${what} is not a wasm module: it begins with `
        + `${beginning(bytes)}. Check the address and what is served there`,
    );
  }
  if (bytes.length < 8) throw truncated(what, bytes.length, 8);
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (version !== 1) {
    throw new PymallocTypeError(
      'NOT_WASM',
      `${what} is not a core wasm module but of version `
        + `0x${version.toString(16)}${version > 0xffff ? ', a component' : ''}: pass the core `
        + 'module',
    );
  }
}

/** Follows the sections by their lengths.  A file cut between two of them has functions without
 *  code.
 *  @param {Uint8Array} bytes  @param {string} what
 *  @throws {PymallocTypeError} TRUNCATED */
function checkComplete(bytes, what) {
  let functions = false;
  const r = new Reader(bytes, 8);
  while (r.at < r.end) {
    const id = r.u8();
    const size = sizeAt(r, what);
    if (r.at + size > r.end) throw truncated(what, r.end, r.at + size);
    if (id === FUNCTION) functions = bytes[r.at] !== 0; // the first byte of their number
    if (id === CODE) functions = false;
    r.skip(size);
  }
  if (functions) throw truncated(what, bytes.length, bytes.length + 1);
}

/** @param {Reader} r  @param {string} what  @returns {number} the size of a section
 *  @throws {PymallocTypeError} TRUNCATED */
function sizeAt(r, what) {
  try {
    return r.u32();
  } catch {
    throw truncated(what, r.end, r.end + 1);
  }
}

/** @param {string} what  @param {number} have  @param {number} need
 *  @returns {PymallocTypeError} */
function truncated(what, have, need) {
  return new PymallocTypeError(
    'TRUNCATED',
    `${what} is cut short: it has ${have} bytes and needs ` + `${need} or more. Load it again`,
  );
}

/** @param {Uint8Array} bytes  @returns {string} what a person recognizes */
function beginning(bytes) {
  const head = bytes.slice(0, 24);
  const text = new TextDecoder('latin1').decode(head).split(/[\r\n]/)[0] ?? '';
  if (text.length > 2 && /^[\x20-\x7e]*$/.test(text)) return JSON.stringify(text);
  return [...head.slice(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
}

/** @param {unknown} error  @returns {string} */
export function message(error) {
  return error instanceof Error ? error.message : String(error);
}
