/** The commands `inspect` and `observe`, and what `run` needs for a module that does not link the
 *  library. */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import { parseDescriptor } from '../descriptor.js';
import { PymallocError } from '../errors.js';
import { layoutOf } from '../layout.js';
import { Reader } from '../observe/binary.js';
import { KNOWN, hasLength, knownRoles } from '../observe/known.js';
import { parseModule } from '../observe/module.js';
import { allocatorOf, readModule, rewrite } from '../observe/rewrite.js';
import { StartError } from './options.js';
import { reason } from './module.js';

/** @typedef {import('../observe/rewrite.js').Rewritten} Rewritten */

/** @param {Uint8Array} bytes  @returns {string} */
function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param {Uint8Array} bytes  @returns {readonly import('../observe/prove.js').Role[] | null} */
function lookUp(bytes) {
  return hasLength(bytes.length) ? knownRoles(bytes.length, digest(bytes)) : null;
}

/** @param {string} file  @returns {Uint8Array} */
export function readFile(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(reason(file, error));
  }
}

/** @param {Uint8Array} bytes  @param {string} file
 *  @returns {Rewritten}
 *  @throws {StartError} why it cannot be observed */
export function rewriteFile(bytes, file) {
  try {
    return rewrite(bytes, { known: lookUp(bytes) });
  } catch (error) {
    if (!(error instanceof PymallocError)) throw error;
    throw new StartError(`${file}: ${error.message}`);
  }
}

/** `wasm-pymalloc observe IN -o OUT`.
 *  @param {string} file  @param {string} out  @returns {string} what was done */
export function observeFile(file, out) {
  const { bytes, identity } = rewriteFile(readFile(file), file);
  try {
    writeFileSync(out, bytes);
  } catch (error) {
    throw new StartError(`-o ${reason(out, error)}`);
  }
  return (
    `${out}: ${bytes.length.toLocaleString('en-US')} bytes; the allocator was found by `
    + `${HOW[identity.how]}. Watch an instance with observe() of wasm-pymalloc/observe\n`
  );
}

const HOW = Object.freeze({
  export: 'its exported names',
  name: 'the section "name"',
  glue: "the names in Emscripten's JavaScript",
  shape: 'what its functions look like',
  table: 'the table of known modules',
});

/** @param {Uint8Array} bytes  @returns {string[]} what a module is that links the library */
function linkedLines(bytes) {
  const section = parseModule(bytes).sections.find(({ name }) => name === 'pymalloc');
  if (!section) return [];
  const r = new Reader(bytes, section.at, section.end);
  r.name();
  const { constants, wide } = layoutOf(parseDescriptor(bytes.subarray(r.at, r.end)));
  return [
    `links wasm-pymalloc, with ${wide ? 64 : 32}-bit addresses: layout ${constants.layout_version}; `
      + 'statistics, map and limits can be had: Heap.from, and wasm-pymalloc run of a WASI command',
  ];
}

/** `wasm-pymalloc inspect FILE`.
 *  @param {string} file  @returns {string} what the module is, and what can be had of it */
export function inspectFile(file) {
  const bytes = readFile(file);
  const lines = [`${file}: ${bytes.length.toLocaleString('en-US')} bytes`];
  const known = lookUp(bytes);
  const entry = KNOWN.find(
    ([length, sha256]) => length === bytes.length && sha256 === digest(bytes),
  );
  if (entry) lines.push(`known module: ${entry[2]}`);
  try {
    lines.push(...linkedLines(bytes));
    const module = readModule(bytes);
    const [memory] = module.memories;
    lines.push(
      `functions: ${module.functions.length.toLocaleString('en-US')}, of which `
        + `${module.imported} are imported`,
      `memory: ${memory?.min} pages of 64 KiB at the start, `
        + (memory?.max === null ? 'no maximum' : `${memory?.max} at the most`),
    );
    const { how, roles } = allocatorOf(module, { known });
    lines.push(
      `allocator: found by ${HOW[how]}`,
      ...roles.map(
        ({ role, f, prefix }) =>
          `  ${role.padEnd(16)} function ${f}`
          + (prefix > 0 ? `, with ${prefix} bytes before the block` : ''),
      ),
      'statistics, leaks, call stacks, traces and a hard limit can be had: wasm-pymalloc run, '
        + 'wasm-pymalloc observe, or node --import wasm-pymalloc/observe',
    );
  } catch (error) {
    if (!(error instanceof PymallocError)) throw error;
    lines.push(`cannot be observed (${error.code}): ${error.message}`);
  }
  return `${lines.join('\n')}\n`;
}
