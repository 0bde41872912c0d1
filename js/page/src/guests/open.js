/** Which kind of guest a spec asks for. */

import { descriptorOf } from '../../../src/descriptor.js';
import { layoutOf } from '../../../src/layout.js';
import { moduleOf } from '../../../src/wasm.js';
import { openEmscripten } from './emscripten.js';
import { openLua } from './lua.js';
import { openPyodide } from './pyodide.js';
import { openWasi } from './wasi.js';

/** @typedef {import('../session.js').Guest} Guest */
/** @typedef {import('../session.js').Host} Host */

/** @param {import('../protocol.js').GuestSpec} spec  @param {Host} host
 *  @returns {Promise<Guest>}
 *  @throws {import('../../../src/errors.js').PymallocError | import('../failure.js').PageError} */
export async function openGuest(spec, host) {
  if (spec.kind === 'lua') return openLua(spec, host);
  if (spec.kind === 'pyodide') return openPyodide(spec, host);
  const module = await moduleOf(
    typeof spec.wasm === 'string' ? new URL(spec.wasm, globalThis.location?.href) : spec.wasm,
  );
  layoutOf(descriptorOf(module)); // what cannot be read is refused here
  return spec.glue === null ? openWasi(spec, module, host) : openEmscripten(spec, module, host);
}
