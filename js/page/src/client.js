/** The page's side of protocol.js: a guest in a worker, as promises and callbacks. */

import { PageError, failureOf } from './failure.js';
import { unpacked } from './packed.js';

/** @typedef {import('./protocol.js').ToPage} ToPage */
/** @typedef {Exclude<ToPage, import('./protocol.js').Frame> | import('./packed.js').PackedFrame} FromWorker
 *    the messages as they travel */
/** @typedef {import('./protocol.js').ToWorker} ToWorker */
/** @typedef {import('./protocol.js').Ready} Ready */
/** @typedef {import('./protocol.js').GuestSpec} GuestSpec */
/** @typedef {import('./protocol.js').Failure} Failure */

/** Called as messages arrive.
 *  @typedef {object} Callbacks
 *  @property {(frame: import('./protocol.js').Frame) => void} [frame]
 *  @property {(output: import('./protocol.js').Output) => void} [output]
 *  @property {(state: 'idle' | 'running' | 'paused') => void} [state]
 *  @property {(loading: import('./protocol.js').Loading) => void} [loading]  while it is opened, too
 *  @property {(ended: import('./protocol.js').Ended) => void} [ended]
 *  @property {(error: Failure) => void} [failed]  of no request: see Failed */

/** As much of Worker as is needed.
 *  @typedef {object} WorkerLike
 *  @property {(message: any, transfer: ArrayBuffer[]) => void} postMessage
 *  @property {() => void} terminate
 *  @property {((event: any) => void) | null} onmessage
 *  @property {((event: any) => void) | null} onerror
 *  @property {((event: any) => void) | null} [onmessageerror] */

/** What a request without an answer yet is settled with.
 *  @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Settle */

/** Milliseconds that a guest has to come to a halt before its worker is ended. */
const PATIENCE_MS = 500;

export class Guest {
  #make;
  #callbacks;
  /** @type {WorkerLike | null} */
  #worker = null;
  /** @type {GuestSpec | null} */
  #spec = null;
  /** @type {Ready | null} */
  #ready = null;
  /** @type {{resolve: (ready: Ready) => void, reject: (error: Error) => void} | null} */
  #opening = null;
  /** @type {Map<number, Settle>} */
  #requests = new Map();
  /** Requests for limits since the program was started: a worker that is ended takes them with it.
   *  @type {import('./protocol.js').Request[]} */
  #limits = [];
  #lastId = 0;
  /** @type {'idle' | 'running' | 'paused'} */
  #state = 'idle';
  #run = 0;
  #time = 0;
  /** @type {{fps: number, map: boolean, heap: number} | null} */
  #watch = null;
  /** @type {(() => void) | null} */
  #halted = null;

  /** @param {() => WorkerLike} make  starts a worker on worker.js
   *  @param {Callbacks} callbacks */
  constructor(make, callbacks) {
    this.#make = make;
    this.#callbacks = callbacks;
  }

  /** @returns {'idle' | 'running' | 'paused'} */
  get state() {
    return this.#state;
  }

  /** @returns {Ready | null} what was opened last */
  get ready() {
    return this.#ready;
  }

  /** Opens a guest in a worker of its own; ends the one before, with what runs in it.
   *  @param {GuestSpec} spec
   *  @returns {Promise<Ready>}
   *  @throws {PageError} with the code of a Failure */
  open(spec) {
    this.close();
    this.#spec = spec;
    const worker = (this.#worker = this.#make());
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#receive(data);
    };
    worker.onerror = worker.onmessageerror = (event) => {
      event?.preventDefault?.();
      if (worker === this.#worker) this.#lost(String(event?.message ?? event?.type ?? event));
    };
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#post({ type: 'open', spec });
      if (this.#watch) this.#post({ type: 'watch', ...this.#watch });
    });
  }

  /** Opens the guest that was open last, in a new worker: the one it had failed.
   *  @returns {Promise<Ready>}
   *  @throws {PageError} as open */
  reopen() {
    return this.open(/** @type {GuestSpec} */ (this.#spec));
  }

  /** Runs a program; the `ended` callback tells how it went.
   *  @param {import('./protocol.js').Program | null} program
   *  @param {{keep?: boolean, limits?: import('./protocol.js').PartialLimits, every?: number}}
   *    [options] */
  run(program, { keep = false, limits = {}, every = 0 } = {}) {
    this.#post({ type: 'run', program, keep, limits, every });
    this.#limits = [];
  }

  pause() {
    this.#post({ type: 'pause' });
  }

  resume() {
    this.#post({ type: 'resume' });
  }

  /** The frame was drawn: there may be another.
   *  @param {number} seq
   *  @param {ArrayBuffer | null} [buffer]  of a map that is needed no more: a later one is written
   *    there */
  drawn(seq, buffer = null) {
    if (!this.#worker) return; // it was drawn after its worker failed
    this.#post({ type: 'ack', seq, buffer }, buffer ? [buffer] : []);
  }

  /** @param {{fps: number, map: boolean, heap: number}} watch */
  watch(watch) {
    this.#watch = watch;
    if (this.#worker) this.#post({ type: 'watch', ...watch });
  }

  /** @param {import('./protocol.js').RequestName} name  @param {object} [params]
   *  @returns {Promise<any>} the reply's value
   *  @throws {PageError} */
  request(name, params = {}) {
    return new Promise((resolve, reject) => {
      this.#ask({ type: 'request', id: ++this.#lastId, name, params }, { resolve, reject });
    });
  }

  /** @param {import('./protocol.js').Request} message  @param {Settle} [settle]  undefined: it was
   *    answered before */
  #ask(message, settle) {
    this.#post(message);
    if (settle) this.#requests.set(message.id, settle);
    if (message.name === 'limits') this.#limits.push(message);
  }

  /** Ends the program.  If it does not come to a halt, its worker is ended and the guest opened
   *  anew; snapshots that it held are lost then, limits are not.
   *  @returns {Promise<'halted' | 'replaced'>}
   *  @throws {PageError} if it could not be opened again */
  async stop() {
    if (this.#ready && this.#state === 'idle') return 'halted';
    if (this.#ready?.controls.live && (await this.#halt())) return 'halted';
    const spec = /** @type {GuestSpec} */ (this.#spec);
    if (this.#state !== 'idle') {
      this.#callbacks.ended?.({
        type: 'ended',
        run: this.#run,
        result: 'stopped',
        exitCode: null,
        message: '',
        time: this.#time,
      });
    }
    const limits = this.#limits.map(
      (message) => /** @type {const} */ ([message, this.#requests.get(message.id)]),
    );
    for (const [{ id }] of limits) this.#requests.delete(id);
    const opened = this.open(spec);
    for (const [message, settle] of limits) this.#ask(message, settle);
    await opened;
    return 'replaced';
  }

  /** @returns {Promise<boolean>} whether it did */
  #halt() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), PATIENCE_MS);
      this.#halted = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#post({ type: 'stop' });
    });
  }

  /** Ends the worker. */
  close() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#ready = null;
    const gone = new PageError('WORKER', 'the program was ended before it could answer');
    this.#opening?.reject(gone);
    this.#opening = null;
    for (const { reject } of this.#requests.values()) reject(gone);
    this.#requests.clear();
    this.#limits = [];
    this.#setState('idle');
  }

  /** @param {ToWorker} message  @param {ArrayBuffer[]} [transfer] */
  #post(message, transfer = []) {
    if (!this.#worker) {
      throw new PageError('NOT_RUNNING', 'nothing was opened, or it was closed: call open first');
    }
    this.#worker.postMessage(message, transfer);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    const { frame, output, ended, failed, loading } = this.#callbacks;
    switch (message.type) {
      case 'ready':
        this.#ready = message;
        this.#opening?.resolve(message);
        this.#opening = null;
        break;
      case 'refused':
        this.#opening?.reject(errorOf(message.error));
        this.#opening = null;
        this.close();
        break;
      case 'state':
        this.#setState(message.state);
        break;
      case 'frame':
        this.#run = message.run;
        this.#time = message.time;
        frame?.(unpacked(message));
        break;
      case 'loading':
        loading?.(message);
        break;
      case 'output':
        output?.(message);
        break;
      case 'ended':
        ended?.(message);
        break;
      case 'reply':
        this.#settle(message.id, ({ resolve }) => resolve(message.value));
        break;
      case 'failed':
        if (message.id === null) failed?.(message.error);
        else this.#settle(message.id, ({ reject }) => reject(errorOf(message.error)));
    }
  }

  /** @param {number} id  @param {(request: {resolve: Function, reject: Function}) => void} how */
  #settle(id, how) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    if (request) how(request);
  }

  /** @param {'idle' | 'running' | 'paused'} state */
  #setState(state) {
    const before = this.#state;
    this.#state = state;
    if (state !== before) this.#callbacks.state?.(state);
    if (state === 'idle') {
      this.#halted?.();
      this.#halted = null;
    }
  }

  /** The worker itself failed: its memory ran out, or its script could not be loaded.
   *  @param {string} words */
  #lost(words) {
    const error = new PageError('WORKER', `the worker failed: ${words}. Run the program again`);
    const { ended, failed } = this.#callbacks;
    const running = this.#state !== 'idle';
    this.#opening?.reject(error);
    this.#opening = null;
    if (running) {
      ended?.({
        type: 'ended',
        run: this.#run,
        result: 'trap',
        exitCode: null,
        message: error.message,
        time: this.#time,
      });
    }
    failed?.(failureOf(error));
    this.close();
  }
}

/** @param {Failure} failure  @returns {PageError} */
function errorOf({ code, message }) {
  return new PageError(code, message);
}
