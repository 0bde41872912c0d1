/** How console.log of Node.js, Deno and Bun shows an object that has only private fields. */

/** What Node.js and Bun look for, and Deno. */
const METHODS = [Symbol.for('nodejs.util.inspect.custom'), Symbol.for('Deno.customInspect')];

/** @template {object} T
 *  @param {{readonly prototype: T}} Class  @param {string} name
 *  @param {(object: T) => object} plain  what to show; what it throws is shown instead */
export function inspectAs(Class, name, plain) {
  const value = /** @this {T} */ function () {
    return Object.defineProperty({ ...contents(this, plain) }, Symbol.toStringTag, { value: name });
  };
  for (const method of METHODS) {
    Object.defineProperty(Class.prototype, method, { value, configurable: true });
  }
}

/** @template T  @param {T} object  @param {(object: T) => object} plain  @returns {object} */
function contents(object, plain) {
  try {
    return plain(object);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
