/** Modules whose allocator is known, so that it is not searched: by length, then by SHA-256.
 *
 *  Written by `node js/tools/known.mjs`; tests/observe/known.test.mjs holds it current. */

/** @typedef {import('./prove.js').Role} Role */
/** @typedef {import('./roles.js').RoleName} RoleName */
/** @typedef {readonly [length: number, sha256: string, name: string,
 *    ...roles: (readonly [RoleName, number, number?])[]]} Entry */

/** @type {readonly Entry[]} */
export const KNOWN = [];

const LENGTHS = new Set(KNOWN.map(([length]) => length));

/** @param {number} length  of a file
 *  @returns {boolean} it may be a known one: worth a hash */
export function hasLength(length) {
  return LENGTHS.has(length);
}

/** @param {number} length  @param {string} sha256
 *  @returns {readonly Role[] | null} null: not known */
export function knownRoles(length, sha256) {
  const entry = KNOWN.find((one) => one[0] === length && one[1] === sha256);
  if (!entry) return null;
  const [, , , ...roles] = entry;
  return roles.map(([role, f, prefix = 0]) => ({ role, f, prefix }));
}
