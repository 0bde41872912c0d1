/** Numbers as people read and write them.  Pure functions. */

import { LIMIT_MAX } from '../../../src/constants.js';
import * as text from '../../../src/text.js';

export { LIMIT_MAX };

/** The page has a minus sign where plain text has a hyphen.  @param {string} s  @returns {string} */
const typeset = (s) => s.replace('-', '−');

/** @param {number} n  @returns {string} three digits and a unit: 0 B, 1.50 KiB, 12.3 MiB */
export function bytes(n) {
  return typeset(text.bytesText(n));
}

/** @param {number} n  @returns {string} the same with a sign; 0 has none */
export function signedBytes(n) {
  return Math.round(n) > 0 ? `+${bytes(n)}` : bytes(n);
}

/** @param {number} n  @returns {string} grouped by thousands */
export function count(n) {
  return typeset(text.count(n));
}

/** @param {number} n  @returns {string} */
export function signedCount(n) {
  return Math.round(n) > 0 ? `+${count(n)}` : count(n);
}

/** @param {number} n  @param {string} noun  @returns {string} 1 page, 2 pages */
export function plural(n, noun) {
  return typeset(text.plural(n, noun));
}

/** @param {number} part  @param {number} whole  @returns {string} */
export function percent(part, whole) {
  if (!(whole > 0)) return '–';
  const value = (100 * part) / whole;
  return `${value.toFixed(value < 9.95 && value !== 0 ? 1 : 0)} %`;
}

/** @param {number} address  @returns {string} */
export function hex(address) {
  return `0x${address.toString(16).padStart(6, '0')}`;
}

/** @param {number} ms  since the start  @returns {string} 0.00 s, 12.3 s, 2:05 */
export function seconds(ms) {
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(s < 10 ? 2 : 1)} s`;
  const whole = Math.floor(s);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** A size that a person wrote: 64M, 1.5 MiB, 65536, none.
 *  @param {string} written
 *  @returns {number | null} bytes; null for none (or nothing)
 *  @throws {RangeError} a sentence that says what would be right */
export function parseBytes(written) {
  const clean = written.trim();
  if (['', 'none', '–'].includes(clean.toLowerCase())) return null;
  const size = text.parseBytes(clean);
  if (size === null) {
    throw new RangeError(`“${clean}” is no size: write 64M, 1.5 MiB or 65536, or nothing`);
  }
  if (size > LIMIT_MAX) throw new RangeError('a limit must be below 4 GiB');
  return size;
}
