/** A program in the address of the page, behind the #: nothing of it goes to a server. */

/** @typedef {import('./highlight.js').Language} Language */

/** What a link may unpack to: more is no program that somebody wrote. */
const MOST = 1 << 20;

/** @param {Language} language  @param {string} source  @returns {Promise<string>} #lua=..., #python=... */
export async function hashOf(language, source) {
  const packed = await through(
    new TextEncoder().encode(source),
    new CompressionStream('deflate-raw'),
  );
  const text = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(''));
  return `#${language.toLowerCase()}=${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

/** @param {string} hash
 *  @returns {Promise<{language: Language, source: string} | null>} null: it carries no program
 *  @throws {RangeError} it does, and it is damaged */
export async function programOf(hash) {
  const found = /^#(lua|python)=(.*)$/.exec(hash);
  if (!found) return null;
  try {
    const text = atob(String(found[2]).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = await through(
      Uint8Array.from(text, (c) => c.charCodeAt(0)),
      new DecompressionStream('deflate-raw'),
    );
    return {
      language: found[1] === 'lua' ? 'Lua' : 'Python',
      source: new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    };
  } catch (cause) {
    throw new RangeError('the address carries a program, but a part of it is missing or wrong', {
      cause,
    });
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes  @param {CompressionStream | DecompressionStream} stream
 *  @returns {Promise<Uint8Array>} */
async function through(bytes, stream) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MOST) throw new RangeError('it is too large');
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
