/** Reports of threads that are ended from outside, by terminate() or by the end of the program.
 *
 *  A worker thread prints its report when it ends by itself.  One that is to be terminated is asked
 *  for it first, and has PATIENCE_MS to answer.  One that does not answer, since it is inside of a
 *  long call, has told its figures in the meantime: what the main thread heard last is shown. */

import { createRequire } from 'node:module';

/** @typedef {import('node:worker_threads').Worker} Worker */
/** @typedef {import('node:worker_threads').BroadcastChannel} BroadcastChannel */

/** What threads tell each other.
 *  @typedef {object} Message
 *  @property {number} thread   that it is of, or to
 *  @property {'state' | 'ask' | 'done'} type
 *  @property {unknown} [state]  plain data */

const require = createRequire(import.meta.url);
const CHANNEL = 'wasm-pymalloc.observe';
/** Time for an answer, and between two states that a busy thread tells. */
const PATIENCE_MS = 300;
const STATE_MS = 200;
const POLL_MS = 5;

/** @returns {typeof import('node:worker_threads')} loading it takes longer than all of this */
const threads = () => require('node:worker_threads');

export class Threads {
  #own;
  #reported = false;
  #joined = false;
  #told = 0;
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** What other threads told last.
   *  @type {Map<number, unknown>} */ #states = new Map();
  /** @type {Map<number, () => void>} */ #waiting = new Map();

  /** @param {{report: () => void, state: () => unknown, show: (thread: number, state: any) => void}} own
   *    report: of this thread; state: its figures, as plain data; show: reports those of another one */
  constructor(own) {
    this.#own = own;
    process.on('worker', (worker) => this.#made(worker));
    process.on('exit', () => this.#atExit());
  }

  /** This thread has something to report from now on. */
  join() {
    if (this.#joined) return;
    this.#joined = true;
    if (!threads().isMainThread) this.#tell();
  }

  /** Called now and then while this thread is busy. */
  busy() {
    if (this.#joined && performance.now() - this.#told > STATE_MS && !threads().isMainThread) {
      this.#tell();
    }
  }

  #tell() {
    this.#post({ thread: threads().threadId, type: 'state', state: this.#own.state() });
    this.#told = performance.now();
  }

  /** @param {Message} message */
  #post(message) {
    this.#open().postMessage(message);
  }

  /** @returns {BroadcastChannel} */
  #open() {
    if (this.#channel) return this.#channel;
    const { BroadcastChannel } = threads();
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (event) => this.#heard(/** @type {{data: Message}} */ (event).data);
    channel.unref(); // it keeps no thread alive
    this.#channel = channel;
    return channel;
  }

  /** @param {Message} message */
  #heard({ thread, type, state }) {
    if (type === 'state') {
      this.#states.set(thread, state);
    } else if (type === 'done') {
      this.#states.delete(thread);
      this.#waiting.get(thread)?.();
    } else if (thread === threads().threadId) {
      this.#report();
      this.#post({ thread, type: 'done' });
    }
  }

  /** Hears what lies there, without a turn of the event loop. */
  #listen() {
    const { receiveMessageOnPort } = threads();
    for (;;) {
      const next = receiveMessageOnPort(/** @type {any} */ (this.#open()));
      if (!next) return;
      this.#heard(next.message);
    }
  }

  #report() {
    if (this.#reported) return;
    this.#reported = true;
    this.#own.report();
  }

  /** @param {Worker} worker */
  #made(worker) {
    this.#open();
    const { terminate } = worker;
    worker.terminate = async () => {
      const thread = worker.threadId;
      this.#listen();
      if (this.#states.has(thread)) await this.#ask(thread);
      return Reflect.apply(terminate, worker, []);
    };
  }

  /** @param {number} thread  @returns {Promise<void>} it reported, or does not answer */
  async #ask(thread) {
    await new Promise((/** @type {(value?: any) => void} */ resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      this.#waiting.set(thread, () => resolve(clearTimeout(timer)));
      this.#post({ thread, type: 'ask' });
    });
    this.#waiting.delete(thread);
  }

  #atExit() {
    this.#report();
    if (!this.#channel) return;
    const { isMainThread, threadId } = threads();
    if (!isMainThread) return this.#post({ thread: threadId, type: 'done' });
    this.#listen();
    // Threads that run end with the program.
    for (const thread of this.#states.keys()) this.#post({ thread, type: 'ask' });
    const end = performance.now() + PATIENCE_MS;
    while (this.#states.size > 0 && performance.now() < end) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
      this.#listen();
    }
    for (const [thread, state] of this.#states) this.#own.show(thread, state);
  }
}
