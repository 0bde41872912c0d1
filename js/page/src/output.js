/** What the program writes, on its way to the page: gathered, sent now and then, and cut if the
 *  page cannot keep up. */

/** @typedef {import('./protocol.js').Output} Output */

/** Characters kept until they are sent; older ones are left out. */
const KEPT = 128 * 1024;

export class OutputBuffer {
  /** @type {{stdout: TextDecoder, stderr: TextDecoder}} */
  #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  /** @type {{stream: 'stdout' | 'stderr', text: string}[]} */
  #parts = [];
  #length = 0;
  #dropped = 0;

  get empty() {
    return this.#length === 0;
  }

  /** @param {'stdout' | 'stderr'} stream  @param {Uint8Array} bytes  of the guest's memory */
  write(stream, bytes) {
    // slice: a TextDecoder refuses shared memory.
    this.add(stream, this.#decoders[stream].decode(bytes.slice(), { stream: true }));
  }

  /** @param {'stdout' | 'stderr'} stream  @param {string} text */
  add(stream, text) {
    if (text === '') return;
    const last = this.#parts.at(-1);
    if (last?.stream === stream && last.text.length < KEPT / 8) last.text += text;
    else this.#parts.push({ stream, text });
    this.#length += text.length;
    while (this.#length > KEPT) this.#drop();
  }

  #drop() {
    const first = /** @type {{stream: 'stdout' | 'stderr', text: string}} */ (this.#parts[0]);
    const cut = Math.min(this.#length - KEPT, first.text.length);
    first.text = first.text.slice(cut);
    if (first.text === '') this.#parts.shift();
    this.#length -= cut;
    this.#dropped += cut;
  }

  /** @returns {Output[]} everything since the last call */
  take() {
    const dropped = this.#dropped;
    const out = this.#parts.map(
      (part, i) =>
        /** @type {Output} */ ({ type: 'output', ...part, dropped: i === 0 ? dropped : 0 }),
    );
    this.#parts = [];
    this.#length = this.#dropped = 0;
    return out;
  }
}
