/** observe() over whatever a platform reads bytes and hashes with. */

import { badArgument } from '../errors.js';
import { attachTo, claim } from './attach.js';
import { identityOf } from './identity.js';
import { hasLength, knownRoles } from './known.js';
import { checkOptions } from './options.js';
import { original } from './original.js';
import { rewrite } from './rewrite.js';

/** @typedef {import('../wasm.js').WasmSource} WasmSource */
/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./options.js').ObserveOptions} ObserveOptions */
/** @typedef {import('./watch.js').Watch} Watch */

/** A module that is watched.
 *  @typedef {object} Observed
 *  @property {WebAssembly.Module} module  to instantiate in place of the one that was passed
 *  @property {Uint8Array | null} bytes    of its file; null where a module was passed that is
 *    rewritten already
 *  @property {Identity} identity  how its allocator was found
 *  @property {(instance: WebAssembly.Instance | {readonly instance: WebAssembly.Instance}) => Watch}
 *    attach  watches an instance of it; throws BAD_ARGUMENT for one of another module */

/** What differs between platforms.
 *  @typedef {object} Platform
 *  @property {typeof import('../wasm.js').readSource} read
 *  @property {(bytes: Uint8Array) => Promise<string>} digest  SHA-256, hexadecimal */

/** @param {WasmSource} source  @param {ObserveOptions} options  @param {Platform} platform
 *  @returns {Promise<Readonly<Observed>>} */
export async function observeOn(source, options, { read, digest }) {
  const { limit, sample, glue } = checkOptions(options);
  const watchOptions = { limit, sample, recorder: null };
  if (source instanceof WebAssembly.Module) {
    const identity = identityOf(source);
    if (identity) return observed(source, null, identity, watchOptions);
    throw badArgument(
      'a WebAssembly.Module does not give its bytes back: pass the bytes that it was '
        + 'compiled from, their URL or a Response',
    );
  }
  const { bytes } = await read(source);
  const known = hasLength(bytes.length) ? knownRoles(bytes.length, await digest(bytes)) : null;
  const result = rewrite(bytes, { glue: () => glue, known });
  const module = await original.compile(/** @type {BufferSource} */ (result.bytes));
  return observed(module, result.bytes, result.identity, watchOptions);
}

/** @param {WebAssembly.Module} module  @param {Uint8Array | null} bytes  @param {Identity} identity
 *  @param {import('./watch.js').WatchOptions} options
 *  @returns {Readonly<Observed>} */
function observed(module, bytes, identity, options) {
  claim(module);
  return Object.freeze({
    module,
    bytes,
    identity,
    attach: (/** @type {unknown} */ instance) => attachTo(instance, identity, options),
  });
}
