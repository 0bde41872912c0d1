/** Limits as callers write them. */

import { LIMIT_MAX } from './constants.js';
import { badArgument } from './errors.js';

/** @param {number | null} bytes  @param {string} name  @param {boolean} [wide]  it has 64 bits
 *  @returns {number | null} bytes
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function toLimit(bytes, name, wide = false) {
  const most = wide ? Number.MAX_SAFE_INTEGER : LIMIT_MAX;
  if (bytes === null || (Number.isInteger(bytes) && bytes >= 0 && bytes <= most)) return bytes;
  throw badArgument(`${name} must be null or a whole number of bytes, 0..${most}`, bytes);
}
