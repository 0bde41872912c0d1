/** The thread that runs the program, seen from the main one: its outcome, and questions to it while
 *  the program runs.
 *
 *  A thread inside wasm takes no messages, and its memory is not shared.  The inspector interrupts
 *  it: what is evaluated runs at the next turn of a loop or call of a function, wasm's in.  It costs
 *  nothing while nobody asks. */

import { Session } from 'node:inspector';
import { Worker } from 'node:worker_threads';

import { message } from './module.js';

/** @typedef {import('./guest.js').Outcome} Outcome */
/** @typedef {import('./guest.js').Task} Task */

/** Stack of the thread that runs the guest.  Only what is used becomes memory. */
const STACK_MIB = 64;
const ANSWER_MS = 2000;

export class Thread {
  #worker;
  /** @type {Session | null} */
  #session = null;
  /** @type {Promise<string> | null} */
  #attached = null;
  /** @type {Map<number, (answer: any) => void>} */
  #waiting = new Map();
  #asked = 0;
  /** @type {Promise<Outcome>} */
  outcome;

  /** @param {Task} task */
  constructor(task) {
    const started = performance.now();
    const gone = 'the thread that ran the program is gone';
    this.#worker = new Worker(new URL('./guest.js', import.meta.url), {
      workerData: task,
      resourceLimits: { stackSizeMb: STACK_MIB },
      // Without these Node would open our own standard output and error and make pipes
      // non-blocking, which the guest, writing to the same pipes, would feel.
      stdout: true,
      stderr: true,
    });
    this.outcome = new Promise((resolve) => {
      const failed = (/** @type {string} */ trap) =>
        resolve({
          exitCode: null,
          trap,
          refused: null,
          signal: null,
          milliseconds: performance.now() - started,
          stats: null,
          heaps: [],
          events: [],
          missedEvents: 0,
          unreadable: task.report ? gone : null,
          unrecorded: task.record ? gone : null,
        });
      this.#worker.once('message', resolve);
      this.#worker.once('error', (error) => failed(message(error)));
      this.#worker.once('exit', () => failed('it ended its thread')); // nothing once resolved
    });
  }

  /** Lets the thread evaluate a call of its own, in the middle of what it runs.
   *  @param {'sample' | 'finish'} name  @param {string} [argument]
   *  @returns {Promise<any>} null: it does not answer, as within a call of its host */
  async ask(name, argument = '') {
    const sessionId = await (this.#attached ??= this.#attach());
    const id = ++this.#asked;
    const expression = `pymallocRun.${name}(${JSON.stringify(argument)})`;
    const text = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), ANSWER_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#session?.post('NodeWorker.sendMessageToWorker', {
        sessionId,
        message: JSON.stringify({
          id,
          method: 'Runtime.evaluate',
          params: { expression, returnByValue: true },
        }),
      });
    });
    this.#waiting.delete(id);
    return typeof text === 'string' ? JSON.parse(text) : null;
  }

  /** @returns {Promise<string>} the id of the session in the thread */
  #attach() {
    const session = new Session();
    this.#session = session;
    session.connect();
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, result } = JSON.parse(params.message);
      this.#waiting.get(id)?.(result?.result?.value);
    });
    return new Promise((resolve) => {
      session.once('NodeWorker.attachedToWorker', ({ params }) => resolve(params.sessionId));
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    });
  }

  /** @returns {Promise<unknown>} */
  end() {
    this.#session?.disconnect();
    return this.#worker.terminate();
  }
}
