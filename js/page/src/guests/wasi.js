/** A WASI command, or a module that exports functions and has no start.
 *
 *  The heap is read when the program calls the host.  Where the engine can suspend wasm (JSPI), such
 *  a call may also wait for messages: limits, pause and stop work while it runs.  A program that
 *  computes without calling anybody is seen at its end. */

import { ConsoleStdout, File, OpenFile, WASI, WASIProcExit } from '@bjorn3/browser_wasi_shim';

import { Heap } from '../../../src/heap.js';
import { profilable } from '../../../src/profile/channel.js';
import { PageError } from '../failure.js';
import { controlsOf } from './controls.js';

/** @typedef {import('../protocol.js').ModuleSpec} ModuleSpec */
/** @typedef {import('../session.js').Guest} Guest */
/** @typedef {import('../session.js').Host} Host */
/** @typedef {import('../session.js').Outcome} Outcome */
/** @typedef {(...args: any[]) => any} Fn */

/** JSPI, which TypeScript's library does not have yet.
 *  @type {{Suspending?: new (fn: Fn) => any, promising?: (fn: Fn) => Fn}} */
const { Suspending, promising } = /** @type {any} */ (WebAssembly);
const NAMESPACES = ['wasi_snapshot_preview1', 'wasi_unstable'];
const RARELY = 'when the program calls the host (output, input, clocks), and at its end';

/** @param {ModuleSpec} spec  @param {WebAssembly.Module} module  @param {Host} host
 *  @returns {Guest} */
export function openWasi(spec, module, host) {
  checkImports(module);
  const live = Suspending !== undefined && promising !== undefined;
  const command = WebAssembly.Module.exports(module).some((e) => e.name === '_start');
  /** @type {(() => unknown) | null} */
  let dump = null;
  const controls = controlsOf(module);
  return {
    about: { kind: command ? 'wasi' : 'plain', name: spec.name, language: null },
    controls: {
      programs: false,
      live: live && command,
      ...controls,
      collect: false,
      sampling: command ? RARELY : 'after its initialisation: it has no start',
    },
    run: async (_program, _keep, attach) => {
      const gate = new Gate();
      const wasi = wasiOf(spec, host);
      const imports = importsOf(module, wasi, host, gate, live);
      const instance = await WebAssembly.instantiate(module, imports);
      const functions = /** @type {Record<string, Fn>} */ (instance.exports);
      wasi.inst = /** @type {WASI['inst']} */ (/** @type {unknown} */ (instance));
      const heap = Heap.from(module, { exports: profilableExports(functions, live) });
      dump = dumpOf(functions, heap.address, gate, live);
      attach(heap);
      return runToEnd(functions, gate, live);
    },
    dump: controls.dump ? () => dump?.() : null,
    collect: null,
  };
}

/** Between the program and its imports, while it runs so that it can be suspended. */
class Gate {
  open = false;
  /** @type {(code: number) => void} */
  #exit = () => {};
  /** @type {Promise<number>} */
  exited = new Promise((resolve) => {
    this.#exit = resolve;
  });

  /** A program that exits is left suspended for ever: Chromium 156 loses an exception that is thrown
   *  into a stack which was suspended before.
   *  @param {number} code  @returns {Promise<never>} */
  exit(code) {
    this.#exit(code);
    return new Promise(() => {});
  }
}

/** It writes through fd_write, which an engine with JSPI wants to be able to suspend, but does not.
 *  @param {Record<string, Fn>} functions  exports  @param {number} heap  @param {Gate} gate
 *  @param {boolean} live
 *  @returns {(() => unknown) | null} */
function dumpOf({ pym_dump_stderr: dump }, heap, gate, live) {
  if (!dump) return null;
  const fn = live && promising ? promising(dump) : dump;
  return () => {
    const { open } = gate;
    gate.open = false;
    try {
      return fn(heap);
    } finally {
      gate.open = open;
    }
  };
}

/** @param {Record<string, Fn>} functions  exports  @param {Gate} gate  @param {boolean} live
 *  @returns {Promise<Outcome>} */
async function runToEnd({ _start: start, _initialize: initialize }, gate, live) {
  try {
    if (start && live && promising) {
      gate.open = true;
      return outcomeOf(await Promise.race([gate.exited, promising(start)().then(() => 0)]));
    }
    if (start) {
      start();
      return outcomeOf(0);
    }
    initialize?.();
    return {
      result: 'done',
      exitCode: null,
      message: 'It has no start: this is what its ' + 'initialisation left.',
    };
  } catch (error) {
    if (error instanceof WASIProcExit) return outcomeOf(error.code);
    throw error;
  } finally {
    gate.open = false;
  }
}

/** @param {number} code  @returns {Outcome} */
function outcomeOf(code) {
  return { result: code === 0 ? 'done' : 'exit', exitCode: code, message: '' };
}

/** To start a profile calls fd_write too.  Nothing is suspended, so it has begun when this returns.
 *  @param {Record<string, Fn>} functions  exports  @param {boolean} live
 *  @returns {Record<string, Fn>} */
function profilableExports(functions, live) {
  const { pym_profile: profile } = functions;
  if (!profile || !live || !promising) return functions;
  const start = promising(profile);
  return {
    ...functions,
    pym_profile: (every) => {
      void start(every);
      return 0;
    },
  };
}

/** @param {WebAssembly.Module} module */
function checkImports(module) {
  const { wasiImport } = new WASI([], [], [], { debug: false });
  const foreign = WebAssembly.Module.imports(module).filter(
    (i) =>
      i.kind !== 'function'
      || !(NAMESPACES.includes(i.module) ? Object.hasOwn(wasiImport, i.name) : isProfile(i)),
  );
  if (foreign.length === 0) return;
  const names = foreign
    .slice(0, 5)
    .map((i) => `${i.module}.${i.name}`)
    .join(', ');
  const more = foreign.length > 5 ? ` and ${foreign.length - 5} more` : '';
  throw new PageError(
    'IMPORTS',
    `the module imports ${names}${more}, which this page does not `
      + 'have: it runs WASI commands, and Emscripten programs if the .js is dropped together with the '
      + '.wasm',
  );
}

/** @param {{module: string, name: string}} i  an import
 *  @returns {boolean} what a module without WASI tells of its samples by */
function isProfile({ module, name }) {
  return module === 'pymalloc' && name === 'profile';
}

/** @param {ModuleSpec} spec  @param {Host} host  @returns {WASI} */
function wasiOf(spec, host) {
  const stdin = new OpenFile(new File(new TextEncoder().encode(spec.stdin)));
  const env = Object.entries(spec.env).map(([name, value]) => `${name}=${value}`);
  return new WASI(
    [spec.name, ...spec.args],
    env,
    [
      stdin,
      new ConsoleStdout((bytes) => host.write('stdout', bytes)),
      new ConsoleStdout((bytes) => host.write('stderr', bytes)),
    ],
    { debug: false },
  );
}

/** Functions in place of WASI's, that look at the heap first.
 *  @param {WebAssembly.Module} module  @param {WASI} wasi  @param {Host} host
 *  @param {Gate} gate  @param {boolean} live
 *  @returns {WebAssembly.Imports} */
function importsOf(module, wasi, host, gate, live) {
  /** @type {Record<string, Record<string, Fn>>} */
  const functions = {};
  const wanted = WebAssembly.Module.imports(module);
  for (const { module: namespace, name } of wanted) {
    if (isProfile({ module: namespace, name })) continue; // below
    const fn = /** @type {Fn} */ (wasi.wasiImport[name]); // checkImports has seen it
    const serve = (/** @type {unknown[]} */ args) => fn(...args.map(unsigned));
    (functions[namespace] ??= {})[name] = (/** @type {unknown[]} */ ...args) => {
      const due = host.due(host.now());
      if (!gate.open) return serve(args);
      if (name === 'proc_exit') return gate.exit(Number(args[0]) >>> 0);
      if (!due) return serve(args);
      return host.turn().then(() => serve(args));
    };
  }
  const heard = /** @type {typeof functions} */ (profilable(functions));
  /** @type {WebAssembly.Imports} */
  const imports = {};
  for (const { module: namespace, name } of wanted) {
    const fn = /** @type {Fn} */ (heard[namespace]?.[name]);
    const suspends = live && Suspending && NAMESPACES.includes(namespace);
    (imports[namespace] ??= {})[name] = suspends ? new Suspending(fn) : fn;
  }
  return imports;
}

/** Addresses above 2 GiB arrive as negative numbers.
 *  @param {unknown} value */
function unsigned(value) {
  return typeof value === 'number' ? value >>> 0 : value;
}
