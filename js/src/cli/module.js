/** A file as a WASI command: everything that can be found wrong before it starts. */

import { readFileSync } from 'node:fs';

import { PymallocError, descriptorOf } from '../index.js';
import { layoutOf } from '../layout.js';
import { notCompiled } from '../wasm.js';
import { StartError } from './options.js';

/** Import namespaces of WASI preview 1, and what node:wasi calls them. */
const WASI_VERSIONS = Object.freeze({
  wasi_snapshot_preview1: 'preview1',
  wasi_unstable: 'unstable',
});

/** @param {string} file
 *  @returns {WebAssembly.Module}
 *  @throws {StartError} */
export function loadModule(file) {
  const bytes = readBytes(file);
  const magic = bytes.length >= 8 && bytes.readUInt32LE(0) === 0x6d736100;
  if (!magic) throw new StartError(`${file}: not a WebAssembly module`);
  if (bytes.readUInt32LE(4) !== 1) {
    throw new StartError(
      `${file}: not a core module (a component?): link it as a WASI preview 1 ` + 'command',
    );
  }
  try {
    return new WebAssembly.Module(/** @type {BufferSource} */ (/** @type {unknown} */ (bytes)));
  } catch (error) {
    const found = notCompiled(file, error, bytes);
    throw new StartError(
      found.code === 'UNSUPPORTED' ? found.message : `${file}: ${message(error)}`,
    );
  }
}

/** @param {string} file  @returns {Buffer} */
function readBytes(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(reason(file, error));
  }
}

/** @param {WebAssembly.Module} module  @param {string} file
 *  @returns {{namespace: string, version: 'preview1' | 'unstable'}} of the WASI functions
 *  @throws {StartError} unless it is a command that needs nothing beyond WASI */
export function checkCommand(module, file) {
  const imports = WebAssembly.Module.imports(module);
  const foreign = imports.filter((i) => !Object.hasOwn(WASI_VERSIONS, i.module));
  if (foreign.length > 0) {
    const names = foreign
      .slice(0, 5)
      .map((i) => `${i.module}.${i.name}`)
      .join(', ');
    const more = foreign.length > 5 ? ` and ${foreign.length - 5} more` : '';
    throw new StartError(`${file}: not a WASI module: it imports ${names}${more}`);
  }
  const exports = WebAssembly.Module.exports(module);
  const has = (/** @type {string} */ name, /** @type {string} */ kind) =>
    exports.some((e) => e.name === name && e.kind === kind);
  if (!has('_start', 'function')) {
    throw new StartError(
      `${file}: not a WASI command: it exports no _start`
        + (has('_initialize', 'function') ? ' (a reactor: link without -mexec-model=reactor)' : ''),
    );
  }
  if (!has('memory', 'memory')) {
    throw new StartError(`${file}: not a WASI module: it exports no memory`);
  }
  const namespaces = [...new Set(imports.map((i) => i.module))];
  if (namespaces.length > 1) throw new StartError(`${file}: imports two versions of WASI`);
  const namespace = namespaces[0] ?? 'wasi_snapshot_preview1';
  return { namespace, version: namespace === 'wasi_unstable' ? 'unstable' : 'preview1' };
}

/** @param {WebAssembly.Module} module  @param {string} file
 *  @param {string} option  that needs the library  @param {readonly string[]} functions  it calls
 *  @returns {import('../layout.js').Layout}
 *  @throws {StartError} */
export function checkReadable(module, file, option, functions) {
  /** @type {import('../layout.js').Layout} */
  let layout;
  try {
    layout = layoutOf(descriptorOf(module));
  } catch (error) {
    if (!(error instanceof PymallocError)) throw error;
    throw new StartError(`${file}: ${option} is not possible: ${error.message}`);
  }
  const exports = new Set(WebAssembly.Module.exports(module).map((e) => e.name));
  const missing = functions.filter((name) => !exports.has(name));
  if (missing.length > 0) {
    throw new StartError(
      `${file}: ${option} is not possible: the module does not export `
        + `${missing.join(', ')}: link it with ${missing.map((n) => `-Wl,--export=${n}`).join(' ')} `
        + '(CMake target pymalloc::exports)',
    );
  }
  return layout;
}

/** @param {WebAssembly.Module} module  @param {string} file  @throws {StartError} */
export function checkRecorder(module, file) {
  const exports = WebAssembly.Module.exports(module);
  if (exports.some((e) => e.name === 'pym_record' && e.kind === 'function')) return;
  throw new StartError(
    `${file}: --record is not possible: the module has no recorder: link `
      + 'src/api/record.c (CMake target pymalloc::record)',
  );
}

/** @param {WebAssembly.Module} module  @param {string} file  @throws {StartError} */
export function checkProfile(module, file) {
  checkReadable(module, file, '--profile', ['pym_root']);
  const exports = WebAssembly.Module.exports(module);
  if (exports.some((e) => e.name === 'pym_profile' && e.kind === 'function')) return;
  throw new StartError(
    `${file}: --profile is not possible: the module links wasm-pymalloc without `
      + 'its profile: link the CMake target pymalloc::profile',
  );
}

/** @param {string} path  @param {unknown} error  of node:fs  @returns {string} one line */
export function reason(path, error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : message(error);
  /** @type {Record<string, string>} */
  const words = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'is a folder',
    ENOTDIR: 'is not a folder',
  };
  return `${path}: ${words[code] ?? code}`;
}

/** @param {unknown} error  @returns {string} */
export function message(error) {
  return error instanceof Error ? error.message : String(error);
}
