/** An Emscripten program: its .js is loaded, and given an instance that was made here.
 *
 *  The heap is read whenever the program calls its .js, growing its memory included.  The .js owns
 *  the way the program runs, so it cannot be made to wait: limits are set before it starts. */

import { Heap } from '../../../src/heap.js';
import { Channel } from '../../../src/profile/channel.js';
import { PymallocError } from '../../../src/errors.js';
import { PageError, wordsOf } from '../failure.js';
import { controlsOf } from './controls.js';

/** @typedef {import('../protocol.js').ModuleSpec} ModuleSpec */
/** @typedef {import('../session.js').Guest} Guest */
/** @typedef {import('../session.js').Host} Host */
/** @typedef {import('../session.js').Outcome} Outcome */
/** @typedef {(config: object) => unknown} Start  runs the .js with a Module */

/** Imports that are called too often, or that are not called but thrown through. */
const NOT_OBSERVED = /^invoke_|^__cxa_|throw|longjmp|^__stack|_get_callstack/;
/** What an ES module for Node too begins with, and no browser can load. */
const FOR_NODE = /\bimport\s*\{\s*createRequire\s*\}\s*from\s*["'](node:)?module["'];?/;
/** Milliseconds that the .js has to ask for its instance. */
const PATIENCE_MS = 10000;

/** @param {ModuleSpec} spec  @param {WebAssembly.Module} module  @param {Host} host
 *  @returns {Promise<Guest>} */
export async function openEmscripten(spec, module, host) {
  const start = await startOf(String(spec.glue));
  const controls = controlsOf(module);
  /** @type {(() => void) | null} */
  let dump = null;
  return {
    about: { kind: 'emscripten', name: spec.name, language: null },
    controls: {
      programs: false,
      live: false,
      ...controls,
      collect: false,
      sampling: 'when the program calls its .js (output, growth, clocks), and at its end',
    },
    run: (_program, _keep, attach) => {
      const run = new GlueRun(spec, module, host, (heap, exports) => {
        dump = () => exports['pym_dump_stderr']?.(heap.address);
        attach(heap);
      });
      return run.go(start);
    },
    dump: controls.dump ? () => dump?.() : null,
    collect: null,
  };
}

/** @typedef {Record<string, (...args: any[]) => any>} Functions */

/** One run of a program. */
class GlueRun {
  #spec;
  #module;
  #host;
  #attach;
  #attached = false;
  #asked = false;
  /** @type {(outcome: Outcome) => void} */
  #resolve = () => {};
  /** @type {(error: unknown) => void} */
  #reject = () => {};

  /** @param {ModuleSpec} spec  @param {WebAssembly.Module} module  @param {Host} host
   *  @param {(heap: Heap, exports: Functions) => void} attach */
  constructor(spec, module, host, attach) {
    this.#spec = spec;
    this.#module = module;
    this.#host = host;
    this.#attach = attach;
  }

  /** @param {Start} start  @returns {Promise<Outcome>} */
  async go(start) {
    const config = this.#config();
    // What the .js throws where nobody waits for it.
    const stray = (/** @type {any} */ event) => this.#fail(event.reason ?? event.error ?? event);
    globalThis.addEventListener?.('unhandledrejection', stray);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        timer = setTimeout(() => this.#impatient(), PATIENCE_MS);
        Promise.resolve(start(config)).catch((error) => this.#fail(error));
      });
    } finally {
      clearTimeout(timer);
      globalThis.removeEventListener?.('unhandledrejection', stray);
    }
  }

  #impatient() {
    if (this.#asked) return;
    this.#reject(
      new PageError(
        'GLUE',
        'the .js did not call Module.instantiateWasm: it is not '
          + "Emscripten's, or was linked with an INCOMING_MODULE_JS_API without it, or waits for a "
          + 'file',
      ),
    );
  }

  /** @param {unknown} error */
  #fail(error) {
    const name = error instanceof Error ? error.name : '';
    if (name === 'ExitStatus' || error === 'unwind') return; // how Emscripten leaves main
    this.#reject(error);
  }

  /** @param {number} code */
  #exit(code) {
    this.#resolve({ result: code === 0 ? 'done' : 'exit', exitCode: code, message: '' });
  }

  /** The Module that the .js is given.
   *  @returns {object} */
  #config() {
    const { name, args, env, stdin } = this.#spec;
    const input = new TextEncoder().encode(stdin);
    let read = 0;
    /** @typedef {'stdout' | 'stderr'} Stream */
    const line =
      (/** @type {Stream} */ stream) =>
      (/** @type {unknown[]} */ ...words) =>
        this.#host.write(stream, new TextEncoder().encode(`${words.join(' ')}\n`));
    /** @type {Record<string, unknown>} */
    const config = {
      thisProgram: name,
      arguments: args,
      print: line('stdout'),
      printErr: line('stderr'),
      stdin: () => (read < input.length ? input[read++] : null),
      preRun: [(/** @type {any} */ m) => Object.assign((m ?? config)['ENV'] ?? {}, env)],
      postRun: [() => this.#exit(0)],
      onExit: (/** @type {number} */ code) => this.#exit(code),
      quit: (/** @type {number} */ code, /** @type {unknown} */ thrown) => {
        this.#exit(code);
        throw thrown;
      },
      onAbort: (/** @type {unknown} */ what) => this.#fail(new Error(`aborted: ${what}`)),
      locateFile: (/** @type {string} */ file) => file,
      onRuntimeInitialized: () => this.#attachTo(config),
      instantiateWasm: (
        /** @type {WebAssembly.Imports} */ imports,
        /** @type {Function} */ receive,
      ) => this.#instantiate(config, imports, receive),
    };
    return config;
  }

  /** @param {any} config  the Module, which has `pymalloc` by now
   *  @param {WebAssembly.Imports} imports  @param {Function} receive  @returns {object} */
  #instantiate(config, imports, receive) {
    this.#asked = true;
    WebAssembly.instantiate(this.#module, this.#observed(imports))
      .then((instance) => {
        const memory = memoryOf(instance, imports);
        try {
          const heap = Heap.from(this.#module, instance, memory ? { memory } : {});
          if (config.pymalloc) config.pymalloc.profile = new Channel().hear;
          this.#take(heap, instance.exports);
        } catch (error) {
          // Exports whose names were made short: the library's piece of the .js knows them, later.
          if (!(error instanceof PymallocError && error.code === 'NO_EXPORT')) throw error;
        }
        receive(instance, this.#module);
      })
      .catch((error) => this.#fail(error));
    return {};
  }

  /** @param {any} config  the Module, loaded */
  #attachTo(config) {
    if (!this.#attached) this.#take(Heap.from(config), config.pymalloc?.exports ?? {});
  }

  /** @param {Heap} heap  @param {object} exports */
  #take(heap, exports) {
    this.#attached = true;
    this.#attach(heap, /** @type {Functions} */ (exports));
  }

  /** @param {WebAssembly.Imports} imports  @returns {WebAssembly.Imports} */
  #observed(imports) {
    const host = this.#host;
    const look =
      (/** @type {Function} */ fn) =>
      (/** @type {unknown[]} */ ...args) => {
        if (this.#attached) host.due(host.now());
        return fn(...args);
      };
    return Object.fromEntries(
      Object.entries(imports).map(([namespace, parts]) => [
        namespace,
        Object.fromEntries(
          Object.entries(parts).map(([name, part]) => [
            name,
            typeof part === 'function'
            && !(part instanceof WebAssembly.Memory)
            && !NOT_OBSERVED.test(name)
              ? look(part)
              : part,
          ]),
        ),
      ]),
    );
  }
}

/** @param {WebAssembly.Instance} instance  @param {WebAssembly.Imports} imports
 *  @returns {WebAssembly.Memory | undefined} */
function memoryOf(instance, imports) {
  const all = [
    ...Object.values(instance.exports),
    ...Object.values(imports).flatMap((parts) => Object.values(parts)),
  ];
  return all.find((part) => part instanceof WebAssembly.Memory);
}

/** Loads the .js: an ES module, or a classic script with or without -sMODULARIZE, which is made the
 *  body of a function of the names that it looks for.
 *  @param {string} text  @returns {Promise<Start>} */
export async function startOf(text) {
  const es6 = /\bexport\s+default\b|\bexport\s*\{[^}]*\bas\s+default\b/.test(text);
  const inBrowser = 'WorkerGlobalScope' in globalThis;
  const source = es6
    ? text.replace(inBrowser ? FOR_NODE : /$^/, '')
    : `export default function (Module, module, exports) {${text}\n;return module.exports}`;
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`;
  /** @type {any} */
  let loaded;
  try {
    loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)).default;
  } catch (error) {
    throw new PageError(
      'GLUE',
      `the .js could not be loaded: ${wordsOf(error)}. Is it what emcc `
        + 'wrote together with the .wasm?',
    );
  }
  if (typeof loaded !== 'function') {
    throw new PageError('GLUE', 'the .js exports no function: is it what emcc wrote?');
  }
  if (es6) return loaded;
  return (config) => {
    const module = { exports: {} };
    const exported = loaded(config, module, module.exports);
    return typeof exported === 'function' ? exported(config) : undefined;
  };
}
