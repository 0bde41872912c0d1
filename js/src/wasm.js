/** From whatever a caller has of a wasm file to a WebAssembly.Module, with errors that say what is
 *  wrong with the file: hosts only say that it does not compile. */

import { PymallocError, PymallocTypeError, badArgument } from './errors.js';
import { Reader } from './observe/binary.js';

/** A wasm file: compiled, as bytes, as what fetch gave or will give, or its address.
 *  @typedef {WebAssembly.Module | BufferSource | Response | PromiseLike<Response> | URL
 *    | string} WasmSource */

const CODE = 10;
const FUNCTION = 3;

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
    throw notCompiled(what, cause);
  }
}

/** @param {Uint8Array} bytes  @param {string} [what]
 *  @throws {PymallocTypeError} NOT_WASM, TRUNCATED */
export function checkFile(bytes, what = 'the wasm file') {
  checkMagic(bytes, what);
  checkComplete(bytes, what);
}

/** @param {string} what  @param {unknown} cause  from the host  @returns {PymallocTypeError} */
function notCompiled(what, cause) {
  const why = message(cause);
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
