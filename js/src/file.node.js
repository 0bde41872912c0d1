/** What Node.js, Deno and Bun read themselves: their fetch has no addresses of files. */

import { readFile } from 'node:fs/promises';

import { loadFailed, message, moduleOf, readSource } from './wasm.js';

/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** As moduleOf, of files too.
 *  @param {WasmSource} source  @returns {Promise<WebAssembly.Module>} */
export async function moduleOfFile(source) {
  const file = fileOf(source);
  return moduleOf(file ? await read(file) : source);
}

/** As readSource, of files too.
 *  @type {typeof readSource} */
export async function readSourceOfFile(source) {
  const file = fileOf(source);
  return file ? { bytes: await read(file), name: String(file) } : readSource(source);
}

/** @param {WasmSource} source  @returns {URL | null} of a file */
function fileOf(source) {
  const url = typeof source === 'string' && URL.canParse(source) ? new URL(source) : source;
  return url instanceof URL && url.protocol === 'file:' ? url : null;
}

/** @param {URL} url  @returns {Promise<Uint8Array>} */
async function read(url) {
  try {
    return await readFile(url);
  } catch (cause) {
    throw loadFailed(String(url), message(cause), cause);
  }
}
