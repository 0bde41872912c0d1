/** Plain data with typed arrays, as JSON has it. */

/** @param {unknown} value
 *  @returns {any} the same with plain arrays in place of typed ones, without the buffer that they lie
 *    on */
export function plain(value) {
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {Uint8Array} */ (value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => !(field instanceof ArrayBuffer))
      .map(([name, field]) => [name, plain(field)]),
  );
}

/** JSON.stringify of a typed array is an object with a name for each element.
 *  @template {object} T  @param {T} object  not frozen yet
 *  @returns {T} the same; JSON.stringify writes plain arrays for its typed ones */
export function withJSON(object) {
  return Object.defineProperty(object, 'toJSON', { value: () => plain(object) });
}
