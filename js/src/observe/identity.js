/** What a rewritten module says of itself, in a custom section: enough to watch an instance of it in
 *  another thread, or another day. */

import { SECTION } from './module.js';
import { ROLES } from './roles.js';

/** @typedef {import('./prove.js').Role} Role */

/** How the allocator of a module was found, and its functions.
 *  @typedef {object} Identity
 *  @property {number} id         of the rewritten module; its instances have it too
 *  @property {number} functions  of the module as it was; the recorder's have higher indices
 *  @property {number} dataEnd    where the data ends that its file holds
 *  @property {import('./find.js').How | 'table'} how  by an export, the section `name`, the glue's
 *    letters, by what the function looks like, or by the table of known modules
 *  @property {readonly Readonly<Role>[]} roles  functions of the allocator by what they do */

export const SECTION_NAME = 'pymalloc.observe';
const VERSION = 2;

/** @param {Identity} identity  @returns {Uint8Array} */
export function encodeIdentity({ id, functions, dataEnd, how, roles }) {
  return new TextEncoder().encode(
    JSON.stringify({
      version: VERSION,
      id,
      functions,
      dataEnd,
      how,
      roles: roles.map(({ role, f, prefix, least }) => [role, f, prefix, least]),
    }),
  );
}

/** @param {Uint8Array | ArrayBuffer} bytes  @returns {Identity | null} null: not what
 *    encodeIdentity() makes */
export function decodeIdentity(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (
    value?.version !== VERSION
    || !Number.isInteger(value.id)
    || !Number.isInteger(value.functions)
    || !Number.isInteger(value.dataEnd)
    || typeof value.how !== 'string'
    || !Array.isArray(value.roles)
  )
    return null;
  /** @type {Readonly<Role>[]} */
  const roles = [];
  for (const entry of value.roles) {
    if (!Array.isArray(entry)) return null;
    const [role, f, prefix, least] = entry;
    if (!Object.hasOwn(ROLES, role) || ![f, prefix, least].every(Number.isInteger)) return null;
    roles.push(Object.freeze({ role, f, prefix, least }));
  }
  return Object.freeze({
    id: value.id,
    functions: value.functions,
    dataEnd: value.dataEnd,
    how: value.how,
    roles: Object.freeze(roles),
  });
}

/** @param {WebAssembly.Module} module  compiled  @returns {Identity | null} null: not rewritten */
export function identityOf(module) {
  const [section] = WebAssembly.Module.customSections(module, SECTION_NAME);
  return section ? decodeIdentity(section) : null;
}

/** @param {import('./module.js').WasmModule} module  @returns {Identity | null} */
export function identityIn({ bytes, sections }) {
  const section = sections.find(({ id, name }) => id === SECTION.CUSTOM && name === SECTION_NAME);
  return section
    ? decodeIdentity(bytes.slice(section.at + 1 + SECTION_NAME.length, section.end))
    : null;
}
