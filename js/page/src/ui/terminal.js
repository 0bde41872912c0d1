/** What the program wrote.  Keeps the end of it: a program may write for hours. */

import { byId, make, setText } from './dom.js';
import { bytes } from './format.js';

const KEPT = 200_000;

export class Terminal {
  #element;
  #note;
  #length = 0;
  #dropped = 0;
  #atEnd = true;
  #scrolling = false;

  /** @param {HTMLElement} element  @param {HTMLElement} note */
  constructor(element, note) {
    this.#element = element;
    this.#note = note;
    byId('output-clear').addEventListener('click', () => this.clear());
    element.addEventListener(
      'scroll',
      () => {
        this.#atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
      },
      { passive: true },
    );
  }

  clear() {
    this.#element.replaceChildren();
    [this.#length, this.#dropped] = [0, 0];
    this.#atEnd = true;
    setText(this.#note, '');
  }

  /** @param {'stdout' | 'stderr'} stream  @param {string} text  @param {number} dropped  bytes */
  write(stream, text, dropped) {
    const element = this.#element;
    const last = element.lastElementChild;
    const name = stream === 'stderr' ? 'err' : 'out';
    if (last?.className === name && (last.textContent?.length ?? 0) < 8192) last.append(text);
    else element.append(make('span', { class: name }, text));
    this.#length += text.length;
    while (this.#length > KEPT && element.childElementCount > 1) {
      this.#length -= element.firstElementChild?.textContent?.length ?? 0;
      element.firstElementChild?.remove();
    }
    this.#dropped += dropped;
    if (this.#dropped > 0)
      setText(
        this.#note,
        `${bytes(this.#dropped)} left out: it writes faster than it can be shown`,
      );
    if (!this.#atEnd || this.#scrolling) return;
    this.#scrolling = true;
    requestAnimationFrame(() => {
      // once a frame: it lays the page out
      this.#scrolling = false;
      element.scrollTop = element.scrollHeight;
    });
  }
}
