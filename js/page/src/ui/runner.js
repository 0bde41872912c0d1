/** The guest that is open, and the buttons that drive it. */

import { Guest } from '../client.js';
import { addressOf, environmentOf, folderOf, followOpening, nameOf, wordsOf } from './modules.js';
import { byId, setText } from './dom.js';
import { bytes } from './format.js';

/** @typedef {import('../protocol.js').Frame} Frame */
/** @typedef {import('../protocol.js').Ready} Ready */
/** @typedef {import('../protocol.js').Ended} Ended */
/** @typedef {import('./modules.js').Opened} Opened */
/** @typedef {import('./modules.js').OpenedPyodide} OpenedPyodide */
/** @typedef {'idle' | 'running' | 'paused'} State */

/** @typedef {object} Listener
 *  @property {(ready: Ready) => void} ready
 *  @property {() => void} started
 *  @property {(frame: Frame) => void} frame
 *  @property {(stream: 'stdout' | 'stderr', text: string, dropped: number) => void} output
 *  @property {(state: State) => void} state
 *  @property {(ended: Ended) => void} ended
 *  @property {(done: number, total: number) => void} loading  bytes; 0, 0: it is loaded
 *  @property {() => import('../protocol.js').Program} program  to be run
 *  @property {() => import('../protocol.js').PartialLimits} limits  from the first instruction on
 *  @property {() => number} every  bytes between two samples of who allocates */

export class Runner {
  #on;
  /** @type {Guest | null} */
  #guest = null;
  /** @type {Ready | null} */
  #ready = null;
  /** @type {State} */
  #state = 'idle';
  /** @type {Opened | null} null: Lua or Python */
  #module = null;
  /** What it was opened with: arguments are given once. */
  #given = '';
  #ran = false;
  #opening = 0;
  /** From the wish to stop until the guest can be run again: it may have to be loaded anew. */
  #stopping = false;

  /** @param {Listener} on */
  constructor(on) {
    this.#on = on;
    byId('run').addEventListener('click', () => void this.run());
    byId('pause').addEventListener('click', () => {
      if (this.#state === 'paused') this.#guest?.resume();
      else this.#guest?.pause();
    });
    byId('stop').addEventListener('click', () => void this.#stop());
    byId('collect').addEventListener('click', () => void this.#collect());
    byId('back-to-lua').addEventListener('click', () => void this.#openLua());
    byId('error-close').addEventListener('click', () => {
      byId('error').hidden = true;
    });
    followOpening(
      (opened) => void ('pyodide' in opened ? this.#openPyodide(opened) : this.#openModule(opened)),
    );
    this.#buttons();
  }

  /** Opens what the address of the page asks for. */
  async start() {
    const { searchParams } = new URL(location.href);
    for (const id of ['args', 'env']) byId(id, HTMLInputElement).value = searchParams.get(id) ?? '';
    byId('stdin', HTMLTextAreaElement).value = searchParams.get('stdin') ?? '';
    const [module, pyodide] = [searchParams.get('module'), searchParams.get('pyodide')];
    if (!module && !pyodide) return this.#openLua();
    try {
      if (pyodide) {
        const folder = addressOf(pyodide, document.baseURI);
        if (await this.#openPyodide({ pyodide: folderOf(folder) ?? `${folder}/` }))
          return undefined;
        return this.#openLua(false);
      }
      const href = addressOf(module ?? '', document.baseURI);
      if (await this.#openModule({ name: nameOf(href), wasm: href, glue: null })) return undefined;
    } catch (error) {
      this.complain('The module could not be opened', error);
    }
    return this.#openLua(false); // the page is of use all the same
  }

  /** @returns {boolean} there is a heap that can be asked about */
  get hasHeap() {
    return this.#ran && this.#guest !== null;
  }
  get takesPrograms() {
    return this.#ready?.controls.programs ?? false;
  }

  /** @param {import('../protocol.js').RequestName} name  @param {object} params
   *  @returns {Promise<any>} */
  request(name, params) {
    if (!this.#guest || !this.hasHeap) return Promise.reject(new Error('no program was run yet'));
    // Limits wait for the end of the program.
    if (this.#state === 'running' && !this.#ready?.controls.live && name !== 'limits') {
      return Promise.reject(new Error('this module does not answer while it runs'));
    }
    return this.#guest.request(name, params);
  }

  /** @param {number} seq  of a frame that was drawn
   *  @param {ArrayBuffer | null} buffer  of a map that is needed no more */
  drawn(seq, buffer) {
    this.#guest?.drawn(seq, buffer);
  }

  /** @param {number} heap  id of the one whose figures are wanted */
  watch(heap) {
    this.#guest?.watch({ fps: 60, map: true, heap });
  }

  async run() {
    if (!this.#guest || !this.#ready || this.#state !== 'idle' || this.#stopping) return;
    byId('error').hidden = true;
    if (this.#module && this.#given !== given() && !(await this.#openModule(this.#module))) return;
    if (!this.#guest.ready && !(await this.#reopen(this.#guest))) return;
    this.#on.started();
    this.#ran = true;
    const keep = byId('keep', HTMLInputElement).checked;
    const program = this.takesPrograms ? this.#on.program() : null;
    this.#guest.run(program, { keep, limits: this.#on.limits(), every: this.#on.every() });
  }

  /** @param {Guest} guest  whose worker failed  @returns {Promise<boolean>} whether it can be run */
  async #reopen(guest) {
    this.#stopping = true; // until it is there, Run does nothing
    try {
      await guest.reopen();
      return true;
    } catch (error) {
      this.complain('The program could not be opened again', error);
      return false;
    } finally {
      this.#stopping = false;
    }
  }

  /** One message above the page.  @param {string} title  @param {unknown} error */
  complain(title, error) {
    const { message = String(error), code = '' } =
      /** @type {{message?: string, code?: string}} */ (error ?? {});
    setText(byId('error-title'), code ? `${title} (${code})` : title);
    setText(byId('error-text'), message);
    byId('error').hidden = false;
  }

  async #stop() {
    this.#stopping = true;
    this.#buttons();
    try {
      await this.#guest?.stop();
    } catch (error) {
      this.complain('The program could not be stopped', error);
    } finally {
      this.#stopping = false;
      this.#buttons();
    }
  }

  async #collect() {
    try {
      const freed = await this.request('collect', {});
      setText(byId('live'), `${bytes(freed)} freed`);
      await this.request('frame', {});
    } catch (error) {
      this.complain('No garbage was collected', error);
    }
  }

  /** @param {boolean} [quiet]  a message that is shown goes away */
  async #openLua(quiet = true) {
    this.#module = null;
    byId('module-card').hidden = true;
    showEditor(true);
    await this.#open(
      { kind: 'lua', base: new URL('./lua/', import.meta.url).href },
      'Lua could not be loaded',
      quiet,
    );
  }

  /** @param {OpenedPyodide} opened  @returns {Promise<boolean>} whether it can be run */
  async #openPyodide({ pyodide }) {
    const wasm = new URL('./pyodide.wasm', import.meta.url).href;
    if (
      !(await this.#open({ kind: 'pyodide', base: pyodide, wasm }, 'Pyodide could not be opened'))
    )
      return false;
    this.#module = null;
    byId('module-card').hidden = false;
    showEditor(true);
    setText(byId('module-text'), `From ${pyodide}. Watched ${this.#ready?.controls.sampling}.`);
    return true;
  }

  /** @param {Opened} opened  @returns {Promise<boolean>} whether it can be run */
  async #openModule(opened) {
    let spec;
    try {
      spec = /** @type {const} */ ({
        kind: 'module',
        ...opened,
        args: wordsOf(byId('args', HTMLInputElement).value),
        env: environmentOf(byId('env', HTMLInputElement).value),
        stdin: byId('stdin', HTMLTextAreaElement).value,
      });
    } catch (error) {
      this.complain('The environment cannot be read', error);
      return false;
    }
    if (!(await this.#open(spec, `${opened.name} could not be opened`))) return false;
    [this.#module, this.#given] = [opened, given()];
    byId('module-card').hidden = false;
    showEditor(false);
    const size = opened.wasm instanceof ArrayBuffer ? `, ${bytes(opened.wasm.byteLength)}` : '';
    const kind = {
      wasi: 'a WASI command',
      emscripten: 'an Emscripten program',
      plain: 'a plain module',
      lua: 'Lua',
      pyodide: 'Python',
    }[this.#ready?.guest.kind ?? 'wasi'];
    setText(
      byId('module-text'),
      `${opened.name}${size}: ${kind}. Watched ${this.#ready?.controls.sampling}.`,
    );
    return true;
  }

  /** The old guest stays until the new one is ready: what cannot be opened takes nothing away.
   *  @param {import('../protocol.js').GuestSpec} spec  @param {string} title  of the message if it fails
   *  @param {boolean} [quiet]
   *  @returns {Promise<boolean>} */
  async #open(spec, title, quiet = true) {
    const number = ++this.#opening;
    const guest = this.#make();
    try {
      const ready = await guest.open(spec);
      if (number !== this.#opening) throw new Error('another one was opened meanwhile');
      this.#guest?.close();
      [this.#guest, this.#ready, this.#state, this.#ran] = [guest, ready, 'idle', false];
      if (quiet) byId('error').hidden = true;
      this.#on.ready(ready);
      return true;
    } catch (error) {
      guest.close();
      if (number === this.#opening) this.complain(title, error);
      return false;
    } finally {
      this.#on.loading(0, 0);
      this.#buttons();
    }
  }

  /** @returns {Guest} */
  #make() {
    const own =
      (/** @type {(...args: any[]) => void} */ fn) =>
      (/** @type {any[]} */ ...args) => {
        if (guest === this.#guest) fn(...args);
      };
    const guest = new Guest(
      () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
      {
        frame: own(this.#on.frame),
        output: own(({ stream, text, dropped }) => this.#on.output(stream, text, dropped)),
        state: own((state) => {
          this.#state = state;
          this.#buttons();
          this.#on.state(state);
        }),
        ended: own((ended) => {
          this.#state = 'idle';
          this.#buttons();
          this.#on.loading(0, 0);
          this.#on.ended(ended);
        }),
        loading: ({ done, total }) => this.#on.loading(done, total),
        failed: own((error) => this.complain('The program cannot be watched any further', error)),
      },
    );
    return guest;
  }

  #buttons() {
    const controls = this.#ready?.controls;
    const [running, paused] = [this.#state !== 'idle', this.#state === 'paused'];
    const disable = (/** @type {string} */ id, /** @type {boolean} */ off) => {
      byId(id, HTMLButtonElement).disabled = off;
    };
    disable('run', running || !this.#ready || this.#stopping);
    disable('pause', !running || !controls?.live);
    disable('stop', !running || this.#stopping);
    disable('collect', !this.#ran || !controls?.collect);
    byId('collect').hidden = controls !== undefined && !controls.collect;
    setText(byId('pause-text'), paused ? 'Continue' : 'Pause');
  }
}

/** @param {boolean} shown  the editor, or the fields that a module takes */
function showEditor(shown) {
  for (const id of ['editor', 'sample-label', 'sample-text', 'keep-label'])
    byId(id).hidden = !shown;
  byId('module-fields').hidden = shown;
}

/** @returns {string} arguments, environment and input, as they are written now */
function given() {
  return JSON.stringify([
    byId('args', HTMLInputElement).value,
    byId('env', HTMLInputElement).value,
    byId('stdin', HTMLTextAreaElement).value,
  ]);
}
