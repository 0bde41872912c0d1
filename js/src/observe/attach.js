/** From an instance of a rewritten module to its Watch. */

import { badArgument } from '../errors.js';
import { isMemory } from '../memory.js';
import { EXPORT, EXPORT_PREFIX } from './instrument.js';
import { Watch } from './watch.js';

/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {{readonly exports: object}} InstanceLike */

/** @type {WeakSet<object>} */
const attached = new WeakSet();

/** Modules whose instances their owner attaches to.
 *  @type {WeakSet<WebAssembly.Module>} */
const claimed = new WeakSet();

/** @param {WebAssembly.Module} module  of which the preload is to leave the instances alone */
export function claim(module) {
  claimed.add(module);
}

/** @param {WebAssembly.Module} module  @returns {boolean} */
export function isClaimed(module) {
  return claimed.has(module);
}

/** @param {unknown} target  an instance, or what WebAssembly.instantiate(bytes) returned
 *  @param {Identity} identity  @param {import('./watch.js').WatchOptions} options
 *  @returns {Watch}
 *  @throws {import('../errors.js').PymallocError} BAD_ARGUMENT */
export function attachTo(target, identity, options) {
  const instance = instanceOf(target);
  const exports = /** @type {Record<string, any>} */ (instance.exports);
  if (attached.has(instance)) {
    throw badArgument('this instance is watched already: use the Watch that attach returned first');
  }
  const id = exports[EXPORT.ID];
  if (!(id instanceof WebAssembly.Global) || id.value !== identity.id) {
    throw badArgument(
      'this instance is of another module: instantiate the module that observe() '
        + 'returned together with this attach, and pass its instance',
    );
  }
  const memory = Object.values(exports).find((value) => isMemory(value));
  const watch = new Watch(exports, /** @type {WebAssembly.Memory} */ (memory), identity, options);
  attached.add(instance);
  hide(instance, exports);
  return watch;
}

/** @param {unknown} target  @returns {InstanceLike} */
function instanceOf(target) {
  const inner = /** @type {{instance?: unknown} | null | undefined} */ (target)?.instance;
  const instance = target instanceof WebAssembly.Instance ? target : inner;
  if (instance instanceof WebAssembly.Instance) return instance;
  throw badArgument(
    'attach takes a WebAssembly.Instance of the module that observe() returned, or '
      + 'what WebAssembly.instantiate returned',
    target,
  );
}

/** The program sees the exports that its module has without the recorder.
 *  @param {InstanceLike} instance  @param {Record<string, any>} exports */
function hide(instance, exports) {
  const own = Object.entries(exports).filter(([name]) => !name.startsWith(EXPORT_PREFIX));
  const visible = Object.freeze(Object.assign(Object.create(null), Object.fromEntries(own)));
  Object.defineProperty(instance, 'exports', { value: visible, enumerable: true });
}
