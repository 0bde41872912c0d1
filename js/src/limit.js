/** Limits as callers write them. */

import { LIMIT_MAX, UNLIMITED } from './constants.js';
import { badArgument } from './errors.js';

/** @param {number | null} bytes  @param {string} name  @returns {number} as pym_limit_set has it
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function toLimit(bytes, name) {
  if (bytes === null) return UNLIMITED;
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > LIMIT_MAX) {
    throw badArgument(`${name} must be null or a whole number of bytes, 0..${LIMIT_MAX}`, bytes);
  }
  return bytes;
}
