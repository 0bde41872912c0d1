/** What Node.js, Deno and Bun read themselves: their fetch has no addresses of files. */

import { readFile } from 'node:fs/promises';

import { loadFailed, message, moduleOf } from './wasm.js';

/** @typedef {import('./wasm.js').WasmSource} WasmSource */

/** As moduleOf, of files too.
 *  @param {WasmSource} source  @returns {Promise<WebAssembly.Module>} */
export async function moduleOfFile(source) {
  const url = typeof source === 'string' && URL.canParse(source) ? new URL(source) : source;
  if (!(url instanceof URL) || url.protocol !== 'file:') return moduleOf(source);
  let bytes;
  try {
    bytes = await readFile(url);
  } catch (cause) {
    throw loadFailed(String(url), message(cause), cause);
  }
  return moduleOf(bytes);
}
