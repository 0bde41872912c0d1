/** Python: a stock Pyodide, attached to (docs/pyodide.md).
 *
 *  Pyodide asks a buffer for signals all the time while Python runs.  The one that it gets here is an
 *  object with a getter, which looks at the heap.  Where the engine can suspend wasm (JSPI) it also
 *  signals now and then, and the signal's handler waits for the page's messages. */

import { attach, compilePyodide } from '../../../src/pyodide.js';
import { dumpOf } from '../../../src/pyodide/attach.js';
import { PymallocError } from '../../../src/errors.js';
import { PageError, Stopped, wordsOf } from '../failure.js';
import { RUNNER } from './runner.py.js';
import { counted } from './loading.js';

/** @typedef {import('../protocol.js').PyodideSpec} PyodideSpec */
/** @typedef {import('../protocol.js').Program} Program */
/** @typedef {import('../session.js').Guest} Guest */
/** @typedef {import('../session.js').Host} Host */
/** @typedef {import('../session.js').Outcome} Outcome */
/** @typedef {import('../../../src/heap.js').Heap} Heap */

/** Of Pyodide's own interface, what attach does not need.
 *  @typedef {import('../../../src/pyodide.js').Pyodide & {
 *    setStdout: (options: object) => void, setStderr: (options: object) => void,
 *    setInterruptBuffer: (buffer: object) => void}} Pyodide */
/** @typedef {(options: {indexURL: string}) => Promise<Pyodide>} LoadPyodide */

const SIGINT = 2;
/** Milliseconds between two signals: as long as a slice of the session. */
const SIGNAL_MS = 8;
/** What Python writes into its flag, then waits until it is 0 again: it needs no memory for that. */
const Flag = Object.freeze({ NONE: 0, LIFT: 1, RESTORE: 2 });
const OUTCOMES = /** @type {const} */ (['done', 'error', 'memory', 'exit']);

/** @param {PyodideSpec} spec  @param {Host} host  @returns {Promise<Guest>} */
export async function openPyodide(spec, host) {
  const here = globalThis.location?.href;
  const base = new URL(spec.base, here);
  const loadPyodide = await importFrom(base);
  const wasm = await compilePyodide(new URL(spec.wasm, here));
  const load = () => Interpreter.load(loadPyodide, base, wasm, host);
  /** The next to be used, then the last that was. */
  let made = await load();
  let used = false;
  const { live, version } = made;
  return {
    about: { kind: 'pyodide', name: `Python (Pyodide ${version})`, language: 'Python' },
    controls: {
      programs: true,
      live,
      limits: true,
      dump: true,
      check: true,
      collect: true,
      profile: true,
      sampling: live
        ? 'all the time'
        : 'all the time; this browser cannot suspend wasm (JSPI), so '
          + 'limits wait for the next run, and stopping loads Python anew',
    },
    run: async (program, keep, attachTo) => {
      if (!program) throw new PageError('NOT_RUNNING', 'there is no program to run');
      if (used && (!keep || made.broken)) made = await load();
      used = true;
      return made.run(program, attachTo);
    },
    dump: () => made.dump(),
    collect: () => made.collect(),
    limited: (fn) => made.limited(fn),
  };
}

/** @param {URL} base  @returns {Promise<LoadPyodide>} */
async function importFrom(base) {
  const url = new URL('pyodide.mjs', base).href;
  let module;
  try {
    module = await import(/* @vite-ignore */ url);
  } catch (error) {
    throw new PageError('FETCH', `${url} could not be loaded: ${await whyNot(url, error)}`);
  }
  if (typeof module.loadPyodide === 'function') return module.loadPyodide;
  throw new PageError('NOT_PYODIDE', `${url} has no loadPyodide: it is not Pyodide's pyodide.mjs`);
}

/** @param {string} url  @param {unknown} error  of its import  @returns {Promise<string>} */
async function whyNot(url, error) {
  const folder = 'Give the address of the folder that holds pyodide.mjs';
  try {
    const { ok, status } = await fetch(url, { method: 'HEAD' });
    if (!ok) return `its server answers ${status}. ${folder}`;
    return `${wordsOf(error)}. ${folder}`;
  } catch {
    return (
      'its site does not allow this page to load it (CORS: Access-Control-Allow-Origin), or does '
      + `not answer. ${folder}`
    );
  }
}

/** One Pyodide with its heap. */
class Interpreter {
  #pyodide;
  #heap;
  #host;
  /** @type {any} the functions of runner.py.js, as proxies */
  #python = null;
  #flag = 0; // its address
  /** @type {import('../protocol.js').PartialLimits | null} hard limits that are lifted now */
  #lifted = null;
  #running = false;
  #signalled = false; // the handler has not returned yet
  #stopped = false;
  #nextSignal = 0;
  #attachTo = (/** @type {Heap} */ _heap) => {};

  /** Can the running program be suspended? */
  live = false;
  /** It had a fatal error. */
  broken = false;

  /** @param {Pyodide} pyodide  @param {Heap} heap  @param {Host} host */
  constructor(pyodide, heap, host) {
    this.#pyodide = pyodide;
    this.#heap = heap;
    this.#host = host;
  }

  /** @param {LoadPyodide} loadPyodide  @param {URL} base  @param {WebAssembly.Module} wasm
   *  @param {Host} host */
  static async load(loadPyodide, base, wasm, host) {
    try {
      const pyodide = await counted(
        () => loadPyodide({ indexURL: base.href }),
        (loaded) => host.loaded(loaded),
      );
      const made = new Interpreter(pyodide, await attach(pyodide, { wasm }), host);
      await made.#prepare();
      return made;
    } catch (error) {
      if (error instanceof PymallocError) throw error;
      throw new PageError(
        'FETCH',
        `Pyodide at ${base} does not start: ${wordsOf(error)}. The folder `
          + 'must hold all files of the npm package pyodide',
      );
    }
  }

  get version() {
    return this.#pyodide.version;
  }

  async #prepare() {
    const pyodide = this.#pyodide;
    for (const [set, stream] of /** @type {const} */ ([
      ['setStdout', 'stdout'],
      ['setStderr', 'stderr'],
    ])) {
      pyodide[set]({
        write: (/** @type {Uint8Array} */ bytes) => {
          this.#host.write(stream, bytes);
          return bytes.length;
        },
      });
    }
    const globals = pyodide.toPy({});
    globals.set('begin', () => {
      this.#restore();
      this.#attachTo(this.#heap);
    });
    globals.set('turn', () => this.#turn());
    pyodide.runPython(RUNNER, { globals });
    const [run, collect, canSuspend] = ['run', 'collect', 'can_suspend'].map((name) =>
      globals.get(name),
    );
    this.#python = { run, collect };
    const flag = globals.get('flag');
    const view = flag.getBuffer(); // kept: it cannot move as long as somebody looks
    this.#flag = view.data.byteOffset;
    this.live = await canSuspend();
    const poll = () => this.#poll();
    pyodide.setInterruptBuffer({
      get 0() {
        return poll();
      },
      set 0(_signal) {
        /* none is kept */
      },
    });
  }

  /** Called by Pyodide while Python runs, some ten thousand times a second.
   *  @returns {number} a signal, or 0 */
  #poll() {
    if (!this.#running) return 0;
    const { HEAPU8: memory } = this.#pyodide._module;
    switch (memory[this.#flag]) {
      case Flag.LIFT:
        this.#lift();
        break;
      case Flag.RESTORE:
        this.#restore();
        this.#signalled = false;
        break;
    }
    memory[this.#flag] = Flag.NONE;
    if (this.#lifted || this.#signalled) return 0; // Python is busy with what is not the program
    const now = this.#host.now();
    if (!this.#host.due(now) || !this.live || now < this.#nextSignal) return 0;
    this.#nextSignal = now + SIGNAL_MS;
    this.#signalled = true;
    this.#lift();
    return SIGINT;
  }

  /** The page's messages, while Python waits in its signal handler.
   *  @returns {Promise<boolean>} whether it should stop */
  async #turn() {
    await null; // now it is suspended: it needs no memory
    this.#restore();
    try {
      await this.#host.turn();
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      this.#stopped = true;
    } finally {
      this.#lift();
    }
    return this.#stopped;
  }

  /** @param {Program} program  @param {(heap: Heap) => void} attachTo
   *  @returns {Promise<Outcome>} */
  async run({ name, source }, attachTo) {
    this.#attachTo = attachTo;
    this.#running = true;
    this.#stopped = this.#signalled = false;
    this.#lift(); // until it begins
    try {
      const [kind, exitCode, message] = (await this.#python.run(source, `${name}.py`)).toJs();
      if (this.#stopped) throw new Stopped();
      return { result: OUTCOMES[kind] ?? 'error', exitCode, message };
    } catch (error) {
      this.broken = !(error instanceof Stopped);
      throw this.#stopped ? new Stopped() : error;
    } finally {
      this.#running = false;
      this.#restore();
    }
  }

  /** @returns {void} */
  dump() {
    this.#host.write('stderr', new TextEncoder().encode(dumpOf(this.#pyodide)));
  }

  collect() {
    const lifted = this.#lifted !== null;
    this.#lift();
    try {
      this.#python.collect();
    } finally {
      if (!lifted) this.#restore();
    }
  }

  /** @template T  @param {() => T} fn  @returns {T} */
  limited(fn) {
    const lifted = this.#lifted !== null;
    this.#restore();
    try {
      return fn();
    } finally {
      if (lifted) this.#lift();
    }
  }

  /** Python's own work for the page must not fail at a limit that is meant for the program. */
  #lift() {
    if (this.#lifted) return;
    const { heap, raw, mem, object } = this.#heap.limits;
    this.#lifted = {
      heap: { hard: heap.hard },
      raw: { hard: raw.hard },
      mem: { hard: mem.hard },
      object: { hard: object.hard },
    };
    this.#heap.setLimits({
      heap: { hard: null },
      raw: { hard: null },
      mem: { hard: null },
      object: { hard: null },
    });
  }

  #restore() {
    if (this.#lifted) this.#heap.setLimits(this.#lifted);
    this.#lifted = null;
  }
}
