/** Numbers as people read and write them.  Pure functions. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** @param {number} n  @returns {string} three digits and a unit: 0 B, 1.50 KiB, 12.3 MiB */
export function bytes(n) {
  const sign = n < 0 ? '−' : '';
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

/** @param {number} n  @returns {string} the same with a sign; 0 has none */
export function signedBytes(n) {
  return Math.round(n) > 0 ? `+${bytes(n)}` : bytes(n);
}

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** @param {number} n  @returns {string} grouped by thousands */
export function count(n) {
  return GROUPED.format(Math.round(n)).replace('-', '−');
}

/** @param {number} n  @returns {string} */
export function signedCount(n) {
  return Math.round(n) > 0 ? `+${count(n)}` : count(n);
}

/** @param {number} n  @param {string} noun  @returns {string} 1 page, 2 pages */
export function plural(n, noun) {
  return `${count(n)} ${noun}${Math.round(n) === 1 ? '' : /(s|x|ss)$/.test(noun) ? 'es' : 's'}`;
}

/** @param {number} part  @param {number} whole  @returns {string} */
export function percent(part, whole) {
  if (!(whole > 0)) return '–';
  const value = 100 * part / whole;
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

const FACTORS = new Map([['', 1], ['b', 1], ['k', 1024], ['m', 1024 ** 2], ['g', 1024 ** 3]]);
/** What a limit may be: pym_limit_set takes 32 bits, and all of them set mean "none". */
export const LIMIT_MAX = 2 ** 32 - 2;

/** A size that a person wrote: 64M, 1.5 MiB, 65536, none.
 *  @param {string} text
 *  @returns {number | null} bytes; null for none (or nothing)
 *  @throws {RangeError} a sentence that says what would be right */
export function parseBytes(text) {
  const clean = text.trim().toLowerCase().replaceAll(',', '').replaceAll('_', '');
  if (clean === '' || clean === 'none' || clean === '–') return null;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgb]?)(?:i?b)?$/.exec(clean);
  const factor = FACTORS.get(match?.[2] ?? '?');
  if (!match || factor === undefined) {
    throw new RangeError(`“${text.trim()}” is no size: write 64M, 1.5 MiB or 65536, or nothing`);
  }
  const value = Math.round(Number(match[1]) * factor);
  if (value > LIMIT_MAX) throw new RangeError('a limit must be below 4 GiB');
  return value;
}
