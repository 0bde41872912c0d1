/** Lua on the library, see ../../guest/README.md. */

import { Heap } from '../../../src/heap.js';
import { Channel } from '../../../src/profile/channel.js';
import { PageError, wordsOf } from '../failure.js';

/** @typedef {import('../protocol.js').LuaSpec} LuaSpec */
/** @typedef {import('../session.js').Guest} Guest */
/** @typedef {import('../session.js').Host} Host */

/** What lua.mjs makes, as far as it is used.
 *  @typedef {object} LuaModule
 *  @property {(source: number, name: number) => number} _page_start
 *  @property {() => number} _page_resume
 *  @property {() => number} _page_message
 *  @property {{profile?: Channel['hear']}} pymalloc
 *  @property {() => void} _page_collect
 *  @property {() => void} _page_close
 *  @property {(heap: number) => void} _pym_dump_stderr
 *  @property {(bytes: number) => number} _malloc
 *  @property {(address: number) => void} _free */

/** As in enum result of lua.c. */
const Result = Object.freeze({ RUNNING: 0, DONE: 1, FAILED: 2, NO_MEMORY: 3 });
/** Milliseconds between two questions of the guest whether its slice is over. */
const ASK_MS = 0.25;
const FEWEST = 16;
const MOST = 1 << 17;

/** How many ticks of the guest make ASK_MS.  Clocks are coarse in some browsers: as long as no time
 *  seems to pass, more. */
export class Ticks {
  #n = FEWEST;
  #last = NaN;

  /** @param {number} now  @returns {number} until the next question */
  next(now) {
    const passed = now - this.#last;
    this.#last = now;
    if (Number.isNaN(passed)) return this.#n;
    const factor = passed <= 0 ? 2 : Math.min(Math.max(ASK_MS / passed, 1 / 16), 2);
    this.#n = Math.round(Math.min(Math.max(this.#n * factor, FEWEST), MOST));
    return this.#n;
  }
}

/** @param {LuaSpec} spec  @param {Host} host  @returns {Promise<Guest>} */
export async function openLua(spec, host) {
  const base = new URL(spec.base, globalThis.location?.href);
  const { factory, module } = await load(base);
  /** @type {{lua: LuaModule, memory: WebAssembly.Memory, heap: Heap} | null} */
  let made = null;
  return {
    about: { kind: 'lua', name: 'Lua 5.4', language: 'Lua' },
    controls: {
      programs: true,
      live: true,
      limits: true,
      dump: true,
      check: true,
      collect: true,
      profile: true,
      sampling: 'all the time',
    },
    run: async (program, keep, attach) => {
      if (!program) throw new PageError('NOT_RUNNING', 'there is no program to run');
      const last = keep ? made : null;
      made = last ?? (await instantiate(factory, module, host));
      if (last) last.lua._page_close();
      attach(made.heap);
      return runProgram(made.lua, made.memory, program, host);
    },
    dump: () => made?.lua._pym_dump_stderr(made.heap.address),
    collect: () => made?.lua._page_collect(),
  };
}

/** @param {URL} base */
async function load(base) {
  const fetched = fetch(new URL('lua.wasm', base));
  try {
    const [{ default: factory }, response] = await Promise.all([
      import(/* @vite-ignore */ new URL('lua.mjs', base).href),
      fetched,
    ]);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const module = await WebAssembly.compile(await response.arrayBuffer());
    return { factory, module };
  } catch (error) {
    throw new PageError(
      'FETCH',
      `Lua could not be loaded from ${base}: ${wordsOf(error)}. Is the `
        + 'page built (npm run build)?',
    );
  }
}

/** @param {(config: object) => Promise<LuaModule>} factory  @param {WebAssembly.Module} module
 *  @param {Host} host */
async function instantiate(factory, module, host) {
  /** @type {WebAssembly.Instance | undefined} */
  let instance;
  const ticks = new Ticks();
  const lua = await factory({
    tick: () => {
      const now = host.now();
      const over = host.due(now);
      const n = ticks.next(now);
      return over ? -n : n;
    },
    write: (/** @type {number} */ fd, /** @type {Uint8Array} */ bytes) =>
      host.write(fd === 2 ? 'stderr' : 'stdout', bytes),
    instantiateWasm: (
      /** @type {WebAssembly.Imports} */ imports,
      /** @type {Function} */ receive,
    ) => {
      WebAssembly.instantiate(module, imports).then((made) => {
        instance = made;
        receive(made, module);
      });
      return {};
    },
  });
  lua.pymalloc.profile = new Channel().hear;
  const running = /** @type {WebAssembly.Instance} */ (/** @type {unknown} */ (instance));
  return {
    lua,
    memory: /** @type {WebAssembly.Memory} */ (running.exports['memory']),
    heap: Heap.from(module, running),
  };
}

/** @param {LuaModule} lua  @param {WebAssembly.Memory} memory
 *  @param {import('../protocol.js').Program} program  @param {Host} host
 *  @returns {Promise<import('../session.js').Outcome>} */
async function runProgram(lua, memory, program, host) {
  const source = textIn(lua, memory, program.source);
  const name = textIn(lua, memory, `=${program.name}`);
  /** @type {number} */
  let result = Result.NO_MEMORY;
  let message = 'not enough memory';
  if (source && name) {
    result = lua._page_start(source, name);
    if (result !== Result.RUNNING) message = textAt(memory, lua._page_message());
  }
  lua._free(source);
  lua._free(name);
  while (result === Result.RUNNING) {
    await host.turn();
    result = lua._page_resume();
    if (result > Result.DONE) message = textAt(memory, lua._page_message());
  }
  if (result === Result.DONE) return { result: 'done', exitCode: 0, message: '' };
  return { result: result === Result.NO_MEMORY ? 'memory' : 'error', exitCode: 1, message };
}

/** @param {LuaModule} lua  @param {WebAssembly.Memory} memory  @param {string} text
 *  @returns {number} address of a copy, to be freed; 0: no memory */
function textIn(lua, memory, text) {
  const bytes = new TextEncoder().encode(text);
  const address = lua._malloc(bytes.length + 1) >>> 0;
  if (address === 0) return 0;
  const copy = new Uint8Array(memory.buffer, address, bytes.length + 1);
  copy.set(bytes);
  copy[bytes.length] = 0;
  return address;
}

/** @param {WebAssembly.Memory} memory  @param {number} address  @returns {string} */
function textAt(memory, address) {
  const bytes = new Uint8Array(memory.buffer, address >>> 0);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}
