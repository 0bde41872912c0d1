/** Frames by number, so that a stack that was seen before is not made of words again. */

/** @typedef {import('../stack.js').Frame} Frame */

export class Known {
  /** @type {Map<string, number>} */ #numbers = new Map();
  /** @type {Readonly<Frame>[]} */ #frames = [];

  /** @param {string} key  @param {() => Omit<Frame, 'language'>} make
   *  @param {Frame['language']} language  @returns {number} */
  of(key, make, language) {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#frames.push(Object.freeze({ ...make(), language })) - 1;
    this.#numbers.set(key, number);
    return number;
  }

  /** Where a stack could not be read on.  @param {string} why  @returns {number} */
  note(why) {
    return this.of(`note ${why}`, () => ({ name: `(${why})`, file: '', line: 0 }), 'note');
  }

  /** @param {number} n  @returns {Readonly<Frame>} */
  at(n) {
    return /** @type {Readonly<Frame>} */ (this.#frames[n]);
  }
}
