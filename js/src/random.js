/** Randomness for the keys of an instance, which guard its free blocks and the headers of its chunks:
 *  drawn by the host, as wasm has none. */

/** @param {number} n  at the most some thousand
 *  @returns {Uint8Array | null} null: the host gives none, or not now (a worker of Cloudflare's while
 *    its modules are loaded); the library has keys for that, the same each time */
export function randomBytes(n) {
  try {
    return globalThis.crypto.getRandomValues(new Uint8Array(n));
  } catch {
    return null;
  }
}
