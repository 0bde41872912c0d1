/** Sizes and counts as people write and read them.  Pure functions. */

import { LIMIT_MAX } from './constants.js';

const UNITS = Object.freeze(['KiB', 'MiB', 'GiB', 'TiB']);
const FACTORS = new Map([
  ['', 1],
  ['k', 1024],
  ['m', 1024 ** 2],
  ['g', 1024 ** 3],
]);

/** @param {number} n  @returns {string} three digits and a unit: 0 B, 1.50 KiB, 12.3 MiB */
export function bytesText(n) {
  const sign = n < 0 ? '-' : '';
  let value = Math.abs(n);
  if (value < 1023.5) return `${sign}${Math.round(value)} B`;
  let unit = '';
  for (const next of UNITS) {
    if (value < 1023.5) break;
    value /= 1024;
    unit = next;
  }
  return `${sign}${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
}

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** @param {number} n  @returns {string} grouped by thousands */
export function count(n) {
  return GROUPED.format(Math.round(n) || 0); // no "-0"
}

/** @param {number} n  @param {string} noun  @returns {string} 1 page, 2 pages, 3 classes */
export function plural(n, noun) {
  return `${count(n)} ${noun}${Math.round(n) === 1 ? '' : /(?:s|x)$/.test(noun) ? 'es' : 's'}`;
}

/** @param {string} text  what `text` returned for a number
 *  @returns {string} with a sign before it; 0 has none */
export function signed(text) {
  return /^(?:-|0(?: |$))/.test(text) ? text : `+${text}`;
}

/** A size that a person wrote: 65536, 512K, 64M, 1.5G, 1.5 MiB.  Units are powers of 1024.
 *  @param {string} text
 *  @returns {number | null} whole bytes, 0 or more; null: it is no size */
export function parseBytes(text) {
  const clean = text.trim().toLowerCase().replaceAll(/[,_]/g, '');
  const [, digits, unit] = /^(\d+(?:\.\d+)?|\.\d+)\s*(?:([kmg])(?:i?b)?|b)?$/.exec(clean) ?? [];
  const bytes = Math.round(Number(digits) * Number(FACTORS.get(unit ?? '')));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The same for an amount that fits into a 32-bit memory.
 *  @param {string} text
 *  @returns {number | null} 1..4294967294; null: it is no such size */
export function parseLimit(text) {
  const bytes = parseBytes(text);
  return bytes !== null && bytes > 0 && bytes <= LIMIT_MAX ? bytes : null;
}
