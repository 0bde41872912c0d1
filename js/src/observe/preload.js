/** Watches every module that a program compiles or instantiates, by functions in the place of
 *  WebAssembly's.  What cannot be watched runs as it would have. */

import { PymallocError } from '../errors.js';
import { bytesOf } from '../wasm.js';
import { attachTo, isClaimed } from './attach.js';
import { identityOf } from './identity.js';
import { EXPORT_PREFIX } from './instrument.js';
import { original } from './original.js';
import { rewrite } from './rewrite.js';
import { captureStack, framesOf } from './stacks.js';

/** @typedef {import('./watch.js').Watch} Watch */
/** @typedef {import('./watch.js').WatchOptions} WatchOptions */

/** What one instance is watched by.
 *  @typedef {{readonly name: string, readonly watch: Watch}} Watched */
/** A module that runs as it is.
 *  @typedef {{readonly name: string, readonly reason: string, readonly code: string}} LeftAlone */

/** What the platform adds.
 *  @typedef {object} PreloadPlatform
 *  @property {(bytes: Uint8Array) => readonly import('./prove.js').Role[] | null} known  looks into the table
 *  @property {(name: string) => string} glueOf  text of the script at an address, or ''
 *  @property {() => WatchOptions} options  of the next instance */

/** @type {Watched[]} */
const watched = [];
/** @type {Map<string, LeftAlone>} */
const leftAlone = new Map();

/** @returns {readonly Watched[]} */
export function preloadedWatches() {
  return Object.freeze([...watched]);
}

/** @returns {readonly LeftAlone[]} */
export function modulesLeftAlone() {
  return Object.freeze([...leftAlone.values()]);
}

/** @param {PreloadPlatform} platform */
export function preload(platform) {
  const { instantiate, compile, Module, Instance } = original;
  const bound = (
    /** @type {WebAssembly.Instance} */ instance,
    /** @type {WebAssembly.Module} */ module,
    /** @type {string} */ name,
  ) => {
    watchInstance(instance, module, name, platform.options());
    return instance;
  };
  /** @type {(source: BufferSource, name: string) => Promise<WebAssembly.Module>} */
  const compiled = async (source, name) => {
    const bytes = rewritten(source, name, platform);
    if (bytes === null) return compile(source);
    return compile(/** @type {BufferSource} */ (bytes)).catch(() => compile(source));
  };
  const replacements = {
    instantiate: async (/** @type {any} */ source, /** @type {any} */ imports) => {
      const name = callerName();
      if (source instanceof Module) return bound(await instantiate(source, imports), source, name);
      const module = await compiled(source, name);
      return { module, instance: bound(await instantiate(module, imports), module, name) };
    },
    compile: async (/** @type {any} */ source) => compiled(source, callerName()),
    Module: constructorOver(Module, (source) => {
      const bytes = rewritten(source, callerName(), platform);
      if (bytes === null) return new Module(source);
      try {
        return new Module(/** @type {BufferSource} */ (bytes));
      } catch {
        return new Module(source);
      }
    }),
    Instance: constructorOver(Instance, (module, imports) =>
      bound(new Instance(module, imports), module, callerName()),
    ),
  };
  Object.assign(WebAssembly, replacements);
  preloadStreaming(replacements);
  const listed = Module.exports;
  // Names that the program did not write are none of its exports.
  /** @type {any} */ (WebAssembly.Module).exports = (/** @type {WebAssembly.Module} */ module) =>
    listed(module).filter(({ name }) => !name.startsWith(EXPORT_PREFIX));
}

/** @param {{instantiate: Function, compile: Function}} replacements */
function preloadStreaming({ instantiate, compile }) {
  const { instantiateStreaming, compileStreaming } = original;
  const isWasm = (/** @type {any} */ response) =>
    response?.ok
    && !response.bodyUsed
    && /^application\/wasm\s*$/i.test(response.headers?.get('content-type') ?? '');
  // What the host would refuse it refuses itself.
  if (typeof compileStreaming !== 'function') return;
  WebAssembly.compileStreaming = async (source) => {
    const response = await source;
    if (!isWasm(response)) return Reflect.apply(compileStreaming, WebAssembly, [response]);
    return compile(await response.arrayBuffer());
  };
  WebAssembly.instantiateStreaming = async (source, imports) => {
    const response = await source;
    if (!isWasm(response)) {
      return Reflect.apply(instantiateStreaming, WebAssembly, [response, imports]);
    }
    return instantiate(await response.arrayBuffer(), imports);
  };
}

/** @template {new (...args: any[]) => any} T
 *  @param {T} constructor  @param {(...args: any[]) => any} make
 *  @returns {T} makes what `make` does; prototype and static functions are the constructor's */
function constructorOver(constructor, make) {
  return new Proxy(constructor, {
    construct(_, args, target) {
      const made = make(...args);
      // A subclass has its own prototype.
      if (target.prototype !== constructor.prototype) Object.setPrototypeOf(made, target.prototype);
      return made;
    },
  });
}

/** @param {unknown} source  @param {string} name  @param {PreloadPlatform} platform
 *  @returns {Uint8Array | null} null: it runs as it is */
function rewritten(source, name, { known, glueOf }) {
  if (name.startsWith(OF_THE_HOST)) return null;
  try {
    const bytes = bytesOf(source);
    return rewrite(bytes, { known: known(bytes), glue: () => glueOf(name) }).bytes;
  } catch (error) {
    // An error of ours too: the program is not to suffer from it.
    const code = error instanceof PymallocError ? error.code : 'INTERNAL';
    const reason = error instanceof Error ? error.message : String(error);
    leftAlone.set(`${name} ${code}`, { name, reason, code });
    return null;
  }
}

/** @param {WebAssembly.Instance} instance  @param {WebAssembly.Module} module
 *  @param {string} name  @param {WatchOptions} options */
function watchInstance(instance, module, name, options) {
  const identity = isClaimed(module) ? null : identityOf(module);
  if (!identity) return;
  try {
    watched.push(Object.freeze({ name, watch: attachTo(instance, identity, options) }));
  } catch (error) {
    if (!(error instanceof PymallocError)) throw error;
    leftAlone.set(`${name} ${error.code}`, { name, reason: error.message, code: error.code });
  }
}

/** Where this library's own code lies: a folder, or the one file of a classic script. */
const OWN = import.meta.url
  ? new URL('.', import.meta.url).href
  : (framesOf(captureStack(), Infinity)[0]?.file ?? 'nowhere');
/** Libraries that Node.js brings, such as undici, whose parser is wasm: none of the program's. */
const OF_THE_HOST = 'node:internal/deps/';

/** @returns {string} address of the script that asked for a module; of one of the host's own, if no
 *    other did, or if it is of a library of the host */
function callerName() {
  const frames = framesOf(captureStack(), Infinity).filter(
    ({ file, line }) => line > 0 && !file.startsWith(OWN),
  );
  if (frames[0]?.file.startsWith(OF_THE_HOST)) return frames[0].file;
  const own = frames.find(({ file }) => !file.startsWith('node:'));
  return (own ?? frames[0])?.file ?? '';
}
