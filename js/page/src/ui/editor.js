/** The editor: a textarea, so that everything a browser, a phone and a screen reader can do with text
 *  works, over its own text in colours. */

import { INDENTS, indentAfter, tokens } from './highlight.js';

export class Editor {
  #text = document.createElement('textarea');
  #shown = document.createElement('pre');
  #numbers = document.createElement('pre');
  #lines = 0;
  /** @type {import('./highlight.js').Language} */
  language = 'Lua';

  /** @param {HTMLElement} parent  @param {() => void} onRun  Ctrl+Enter */
  constructor(parent, onRun) {
    const text = this.#text;
    Object.assign(text, {
      id: 'source',
      spellcheck: false,
      autocapitalize: 'off',
      autocomplete: 'off',
      wrap: 'off',
    });
    text.setAttribute('autocorrect', 'off');
    text.setAttribute(
      'aria-label',
      'Source of the program. Tab indents; Escape, then Tab leaves. Control Enter runs it.',
    );
    this.#shown.setAttribute('aria-hidden', 'true');
    this.#numbers.setAttribute('aria-hidden', 'true');
    this.#numbers.className = 'numbers';
    parent.append(this.#shown, text, this.#numbers);
    text.addEventListener('input', () => this.#show());
    text.addEventListener('scroll', () => this.#scroll());
    this.#keys(onRun);
    this.#show();
  }

  get value() {
    return this.#text.value;
  }
  set value(source) {
    this.#text.value = source;
    this.#text.scrollTop = 0;
    this.#show();
  }

  /** @param {(source: string) => void} fn  when a person changed it */
  set onChange(fn) {
    this.#text.addEventListener('input', () => fn(this.#text.value));
  }

  /** @param {number} line  from 1; selected and scrolled to */
  select(line) {
    const lines = this.#text.value.split('\n');
    const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    this.#text.focus();
    this.#text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  }

  #show() {
    const source = this.#text.value;
    this.#shown.replaceChildren(
      ...tokens(source, this.language).map(({ kind, text }) => {
        if (!kind) return text;
        const span = document.createElement('span');
        span.className = `t-${kind}`;
        span.textContent = text;
        return span;
      }),
      '\n',
    );
    const lines = source.split('\n').length;
    if (lines !== this.#lines) {
      this.#lines = lines;
      this.#numbers.textContent = Array.from({ length: lines }, (_, i) => i + 1).join('\n');
    }
    this.#scroll();
  }

  // Moved, not scrolled: a textarea with scroll bars scrolls further than its text in a pre.
  #scroll() {
    const { scrollLeft, scrollTop } = this.#text;
    this.#shown.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.#shown.style.overflow = 'visible';
    this.#numbers.style.overflow = 'visible';
    this.#numbers.style.transform = `translateY(${-scrollTop}px)`;
  }

  /** @param {() => void} onRun */
  #keys(onRun) {
    let leaving = false;
    this.#text.addEventListener('keydown', (event) => {
      const tab = event.key === 'Tab' && !event.ctrlKey && !event.altKey && !event.metaKey;
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        onRun();
      } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        const before = this.#text.value.slice(0, this.#text.selectionStart);
        this.#insert(`\n${indentAfter(before.slice(before.lastIndexOf('\n') + 1), this.language)}`);
      } else if (tab && !event.shiftKey && !leaving) {
        event.preventDefault();
        this.#insert(INDENTS[this.language]);
      }
      leaving = event.key === 'Escape' || (leaving && event.key === 'Shift');
    });
  }

  /** As if typed: what it did can be undone.  @param {string} text */
  #insert(text) {
    // The only call that keeps a textarea's undo history; deprecated, and everywhere.
    if (!document.execCommand('insertText', false, text)) {
      this.#text.setRangeText(text, this.#text.selectionStart, this.#text.selectionEnd, 'end');
      this.#show();
    }
  }
}
