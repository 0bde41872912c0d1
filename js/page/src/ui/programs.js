/** The program in the editor: a sample, or one that a link carries; and what a person made of it, which
 *  is there again when the page is. */

import { byId, make, setText } from './dom.js';
import { hashOf, programOf } from './link.js';

/** @typedef {import('./highlight.js').Language} Language */
/** @typedef {{file: string, title: string, text: string, source?: string}} Program */

const FOLDER = new URL('./programs/', import.meta.url);
const SUFFIXES = { Lua: '.lua', Python: '.py' };
const KEY = 'wasm-pymalloc-program:';

export class Programs {
  #editor;
  #complain;
  /** @type {Program[]} */
  #samples = [];
  /** @type {Program | null} */
  #chosen = null;
  #original = '';

  /** @param {import('./editor.js').Editor} editor
   *  @param {(title: string, error: unknown) => void} complain */
  constructor(editor, complain) {
    this.#editor = editor;
    this.#complain = complain;
    editor.onChange = (source) => {
      this.#keep(source);
      this.#mark();
    };
    byId('restore').addEventListener('click', () => {
      editor.value = this.#original;
      this.#keep(this.#original);
      this.#mark();
    });
    byId('link').addEventListener('click', () => void this.#copyLink());
    byId('sample').addEventListener('change', () => void this.#show());
    addEventListener('hashchange', () => void this.#openLink(true));
  }

  /** @returns {string} of what is in the editor, without a suffix */
  get name() {
    return this.#chosen?.file.replace(/\.\w+$/, '') ?? 'program';
  }

  async load() {
    try {
      this.#samples = await (await fetch(new URL('index.json', FOLDER))).json();
    } catch (error) {
      this.#complain('The sample programs could not be loaded', error);
    }
    await this.#openLink(false);
  }

  /** @param {Language} language  that the editor and the list are for now
   *  @param {boolean} [anew]  even if they are already */
  async choose(language, anew = false) {
    const select = byId('sample', HTMLSelectElement);
    if (!anew && this.#editor.language === language && select.options.length > 0) return;
    this.#editor.language = language;
    const programs = this.#samples.filter(({ file }) => file.endsWith(SUFFIXES[language]));
    select.replaceChildren(
      ...programs.map(({ file, title }) => make('option', { value: file }, title)),
    );
    const linked = programs.find(({ source }) => source !== undefined);
    const wanted = linked?.file ?? new URL(location.href).searchParams.get('program');
    if (wanted && programs.some(({ file }) => file === wanted)) select.value = wanted;
    await this.#show();
  }

  async #show() {
    const select = byId('sample', HTMLSelectElement);
    const program = this.#samples.find(({ file }) => file === select.value);
    if (!program) return;
    const before = this.#editor.value;
    const source = program.source ?? (await sourceOf(program.file));
    if (select.value !== program.file || this.#editor.value !== before) return; // chosen, or written, meanwhile
    [this.#chosen, this.#original] = [program, source];
    this.#editor.value = keptOf(program, source);
    setText(byId('sample-text'), program.text);
    this.#mark();
  }

  /** @param {string} source  what a person made of it */
  #keep(source) {
    if (!this.#chosen) return;
    const key = KEY + this.#chosen.file;
    try {
      if (source === this.#original) localStorage.removeItem(key);
      else localStorage.setItem(key, JSON.stringify({ original: this.#original, source }));
    } catch {
      /* a page without storage forgets */
    }
  }

  #mark() {
    byId('restore').hidden = this.#editor.value === this.#original;
  }

  async #copyLink() {
    const url = new URL(location.href);
    url.hash = await hashOf(this.#editor.language, this.#editor.value);
    history.replaceState(null, '', url);
    let text = 'The address of this page carries the program now';
    try {
      await navigator.clipboard.writeText(url.href);
      text = 'A link that carries the program was copied';
    } catch {
      /* not allowed here: the address is there to be copied */
    }
    setText(byId('sample-text'), text);
    setText(byId('live'), text);
  }

  /** @param {boolean} show  at once */
  async #openLink(show) {
    try {
      const linked = await programOf(location.hash);
      if (!linked) return;
      const file = `link${SUFFIXES[linked.language]}`;
      this.#samples = this.#samples.filter(({ source }) => source === undefined);
      const text = 'from the address of this page';
      this.#samples.unshift({ file, title: 'From the link', text, source: linked.source });
      if (show && this.#editor.language === linked.language) {
        await this.choose(linked.language, true);
      }
    } catch (error) {
      this.#complain('The program of this address cannot be read', error);
    }
  }
}

/** @param {string} file  @returns {Promise<string>} */
async function sourceOf(file) {
  const response = await fetch(new URL(file, FOLDER));
  return response.ok ? response.text() : '';
}

/** @param {Program} program  @param {string} original
 *  @returns {string} what a person made of it, or the original */
function keptOf({ file, source: linked }, original) {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY + file) ?? 'null');
    // Another link is another program.
    if (typeof kept?.source !== 'string' || (linked && kept.original !== original)) return original;
    return kept.source;
  } catch {
    return original;
  }
}
