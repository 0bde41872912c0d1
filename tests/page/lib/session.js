/** The worker's side of the page, in this thread: a Session and what it said. */

import { pathToFileURL } from 'node:url';

import { Session } from '../../../js/page/src/session.js';
import { built } from '../../js/lib/run.js';

// What a worker of a browser has: the glue of Emscripten asks where it lies.
globalThis.self ??= { location: { href: 'file:///' } };

export const LUA = { kind: 'lua', base: String(pathToFileURL(`${built('lua-page')}/`)) };

/** @param {Uint8Array} wasm  @param {object} [more]  of the spec */
export const moduleSpec = (wasm, more = {}) => ({
  kind: 'module',
  name: 'program.wasm',
  wasm: wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength),
  glue: null,
  args: [],
  env: {},
  stdin: '',
  ...more,
});

export class Page {
  /** @type {any[]} */
  messages = [];
  drawing = true;
  /** @type {((message: any) => void) | null} */
  onMessage = null;
  #requests = 0;

  constructor() {
    this.session = new Session((message) => {
      this.messages.push(structuredClone(message));
      if (message.type === 'frame' && this.drawing) {
        queueMicrotask(() => this.send({ type: 'ack', seq: message.seq }));
      }
      this.onMessage?.(message);
    });
  }

  send(message) {
    this.session.receive(message);
  }

  of(type) {
    return this.messages.filter((message) => message.type === type);
  }

  get text() {
    return this.of('output')
      .map((output) => output.text)
      .join('');
  }

  get frames() {
    return this.of('frame');
  }

  /** @param {string} type  @returns {Promise<any>} the next message of the type */
  next(type) {
    return new Promise((resolve) => {
      this.onMessage = (message) => {
        if (message.type !== type) return;
        this.onMessage = null;
        resolve(message);
      };
    });
  }

  /** @returns {Promise<any>} ready or refused */
  async open(spec) {
    await this.session.receive({ type: 'open', spec });
    return this.messages.at(-1);
  }

  /** @param {string | null} source
   *  @returns {Promise<any>} ended */
  async run(source, { keep = false, limits = {}, name = 'prog.lua', every = 0 } = {}) {
    this.messages.length = 0;
    const program = source === null ? null : { name, source };
    await this.session.receive({ type: 'run', program, keep, limits, every });
    return this.of('ended')[0];
  }

  /** @returns {any} the answer's value; what failed is thrown */
  ask(name, params = {}) {
    const id = ++this.#requests;
    this.send({ type: 'request', id, name, params });
    const answer = this.messages.findLast((message) => message.id === id);
    if (answer.type === 'failed')
      throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.value;
  }

  /** @returns {Promise<string>} */
  async dump() {
    await this.session.receive({ type: 'request', id: 0, name: 'dump', params: {} });
    return this.of('reply').at(-1).value;
  }
}
