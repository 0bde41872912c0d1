/** The worker's side of protocol.js: one guest, its runs, and the page's requests.
 *
 *  Knows nothing of Worker, so that it runs wherever tests want it. */

import { PymallocError, hex } from '../../src/errors.js';
import { buffersOf, Sampler } from './sampler.js';
import { OutputBuffer } from './output.js';
import { failureOf, PageError, Stopped, wordsOf } from './failure.js';
import { answer } from './requests.js';
import { Profiling } from './allocations.js';
import { openGuest } from './guests/open.js';

/** @typedef {import('../../src/heap.js').Heap} Heap */
/** @typedef {import('./protocol.js').ToWorker} ToWorker */
/** @typedef {import('./protocol.js').ToPage} ToPage */
/** @typedef {import('./protocol.js').Ended} Ended */
/** @typedef {import('./protocol.js').Program} Program */
/** @typedef {import('./protocol.js').PartialLimits} PartialLimits */

/** How a program ended.
 *  @typedef {Pick<Ended, 'result' | 'exitCode' | 'message'>} Outcome */

/** One kind of guest.
 *  @typedef {object} Guest
 *  @property {import('./protocol.js').Ready['guest']} about
 *  @property {import('./protocol.js').Controls} controls
 *  @property {(program: Program | null, keep: boolean, attach: (heap: Heap) => void)
 *    => Promise<Outcome>} run  in a new instance, or with `keep` in the last one if it can; calls
 *    attach before the first instruction, host.due and host.turn; what it throws is a trap
 *  @property {(() => unknown) | null} dump  lets the guest write pym_dump to standard error; may
 *    return a promise
 *  @property {(() => void) | null} collect  a full garbage collection
 *  @property {<T>(fn: () => T) => T} [limited]  calls fn while the limits of the program hold: the guest
 *    lifts them for work of its own */

/** What a guest is given.
 *  @typedef {object} Host
 *  @property {() => number} now  milliseconds
 *  @property {(now: number) => boolean} due  to be called often while the program runs; reads the
 *    heap if it is time to; true: turn should be called, if that is possible
 *  @property {() => Promise<void>} turn  lets messages in; longer while the program is paused;
 *    throws Stopped
 *  @property {(stream: 'stdout' | 'stderr', bytes: Uint8Array) => void} write
 *  @property {(loaded: import('./guests/loading.js').Loaded) => void} loaded  as a guest is loaded */

/** Milliseconds that a program runs before messages are looked at; and between outputs. */
const SLICE_MS = 8;
const OUTPUT_MS = 16;
const LOADED_MS = 50;

export class Session {
  #post;
  #profiling = new Profiling();
  #sampler;
  #output = new OutputBuffer();
  /** @type {Guest | null} */
  #guest = null;
  /** @type {Heap | null} */
  #heap = null;
  /** @type {string[] | null} */
  #dumped = null;
  /** @type {import('./requests.js').Snapshots} */
  #snapshots = new Map();
  #runs = 0;
  /** Limits set while there was no program to have them: for the next.
   *  @type {PartialLimits} */
  #wanted = {};
  /** Those of the program that starts, and has no heap yet.
   *  @type {PartialLimits | null} */
  #starting = null;
  #running = false;
  #paused = false;
  #stopping = false;
  /** @type {(() => void) | null} */
  #wake = null;
  #sliceEnd = 0;
  #nextOutput = 0;
  #nextLoaded = 0;
  #blind = false;
  #turns = new Turns();

  /** @param {(message: ToPage, transfer?: Transferable[]) => void} post */
  constructor(post) {
    this.#post = post;
    this.#sampler = new Sampler((frame, transfer) => post(frame, transfer), {
      holder: () => this.#profiling.holder,
    });
  }

  /** @param {ToWorker} message */
  async receive(message) {
    switch (message.type) {
      case 'open':
        return this.#open(message.spec);
      case 'run':
        return this.#run(message);
      case 'ack':
        return this.#sampler.ack(message.seq, message.buffer);
      case 'watch':
        return this.#sampler.watch(message);
      case 'pause':
        return this.#pause(true);
      case 'resume':
        return this.#pause(false);
      case 'stop':
        return this.#stop();
      case 'request':
        return this.#answer(message);
    }
  }

  /** @param {import('./protocol.js').GuestSpec} spec */
  async #open(spec) {
    try {
      const guest = await openGuest(spec, this.#host());
      this.#guest = guest;
      this.#post({ type: 'ready', guest: guest.about, controls: guest.controls });
    } catch (error) {
      this.#post({ type: 'refused', error: failureOf(error) });
    }
  }

  /** @returns {Host} */
  #host() {
    return {
      now: () => performance.now(),
      due: (now) => {
        this.#observe(now);
        return now >= this.#sliceEnd;
      },
      turn: () => this.#turn(),
      loaded: (loaded) => this.#tellLoaded(loaded),
      write: (stream, bytes) => {
        if (this.#dumped) this.#dumped.push(new TextDecoder().decode(bytes.slice()));
        else this.#output.write(stream, bytes);
      },
    };
  }

  /** @param {import('./guests/loading.js').Loaded} loaded */
  #tellLoaded({ done, total }) {
    const now = performance.now();
    if (now < this.#nextLoaded && done < total) return;
    this.#nextLoaded = now + LOADED_MS;
    this.#post({ type: 'loading', done, total });
  }

  /** @param {number} now */
  #observe(now) {
    if (!this.#blind) {
      try {
        this.#sampler.tick(now);
      } catch (error) {
        this.#goBlind(error);
      }
    }
    if (now >= this.#nextOutput && !this.#output.empty && this.#sampler.open) this.#flush(now);
  }

  /** Memory is not what it should be: no more frames of this run.
   *  @param {unknown} error */
  #goBlind(error) {
    this.#blind = true;
    this.#post({ type: 'failed', id: null, error: failureOf(error) });
  }

  /** @param {number} now */
  #flush(now) {
    this.#nextOutput = now + OUTPUT_MS;
    for (const output of this.#output.take()) this.#post(output);
  }

  async #turn() {
    await this.#turns.next();
    this.#sampler.turned();
    if (this.#paused && !this.#stopping) {
      this.#frame();
      this.#flush(performance.now());
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
      this.#wake = null;
    }
    if (this.#stopping) throw new Stopped();
    this.#sliceEnd = performance.now() + SLICE_MS;
  }

  /** @param {import('./protocol.js').Run} message */
  async #run({ program, keep, limits, every = 0 }) {
    if (this.#running || !this.#guest) {
      const error = this.#guest
        ? new PageError('BUSY', 'a program runs: stop it first')
        : new PageError('NOT_RUNNING', 'nothing was opened yet');
      this.#post({ type: 'failed', id: null, error: failureOf(error) });
      return;
    }
    this.#running = true;
    this.#paused = this.#stopping = this.#blind = false;
    this.#starting = limits;
    const run = ++this.#runs;
    this.#post({ type: 'state', state: 'running' });
    this.#profiling.end(); // a program that keeps the instance has a profile of its own
    const outcome = await this.#outcome(this.#guest, { run, program, keep, every });
    this.#starting = null;
    this.#profiling.end();
    this.#sampler.pause(true); // its clock stands
    this.#frame();
    this.#flush(0);
    this.#running = this.#paused = false;
    this.#post({ type: 'ended', run, ...outcome, time: this.#sampler.time });
    this.#post({ type: 'state', state: 'idle' });
  }

  /** @param {Guest} guest
   *  @param {{run: number, program: Program | null, keep: boolean, every: number}} what
   *  @returns {Promise<Outcome>} */
  async #outcome(guest, { run, program, keep, every }) {
    try {
      return await guest.run(program, keep, (heap) => {
        const limits = joined(this.#starting ?? {}, this.#wanted);
        [this.#heap, this.#starting, this.#wanted] = [heap, null, {}];
        if (Object.keys(limits).length > 0) heap.setLimits(limits);
        try {
          this.#profiling.begin(heap, every);
          this.#sampler.begin(heap, run);
        } catch (error) {
          this.#goBlind(error);
        }
      });
    } catch (error) {
      if (error instanceof Stopped) return { result: 'stopped', exitCode: null, message: '' };
      return { result: 'trap', exitCode: null, message: this.#reason(error) };
    }
  }

  /** @param {unknown} error  @returns {string} what the engine said, and what the library found */
  #reason(error) {
    if (error instanceof PageError || error instanceof PymallocError) return error.message;
    let fault = null;
    try {
      fault = this.#heap?.stats().fault;
    } catch {
      // what memory holds is no heap: the engine's words are all there is
    }
    const found = fault ? `. The library had found: ${fault.cause}, at ${hex(fault.address)}` : '';
    return `${wordsOf(error)}${found}`;
  }

  #frame() {
    if (this.#blind || !this.#heap) return;
    try {
      this.#sampler.frame();
    } catch (error) {
      this.#goBlind(error);
    }
  }

  /** @param {boolean} paused */
  #pause(paused) {
    if (!this.#running || paused === this.#paused) return;
    this.#paused = paused;
    this.#sampler.pause(paused);
    this.#post({ type: 'state', state: paused ? 'paused' : 'running' });
    if (!paused) this.#wake?.();
  }

  #stop() {
    if (!this.#running) return;
    this.#stopping = true;
    this.#wake?.();
  }

  /** @param {import('./protocol.js').Request} request */
  async #answer({ id, name, params }) {
    try {
      if (name === 'dump') {
        this.#post({ type: 'reply', id, value: await this.#dump() });
        return;
      }
      if (name === 'limits') {
        this.#post({ type: 'reply', id, value: this.#setLimits(params.limits) });
        return;
      }
      const { value, transfer } = answer(name, params, {
        heap: this.#sampler.heap ?? this.#heap,
        run: this.#runs,
        time: this.#heap ? this.#sampler.time : 0,
        snapshots: this.#snapshots,
        frame: () => this.#sampler.frame(),
        collect: this.#guest?.collect ?? null,
        profiling: this.#profiling,
      });
      this.#post({ type: 'reply', id, value }, transfer ? buffersOf(transfer) : []);
    } catch (error) {
      this.#post({ type: 'failed', id, error: failureOf(error) });
    }
  }

  /** Those of a program that has ended are those of the next: a loaded interpreter may be kept, or may
   *  have to be loaded again first.
   *  @param {PartialLimits} limits
   *  @returns {import('./protocol.js').Limits} in force, or to be when the next program starts */
  #setLimits(limits) {
    const heap = this.#starting ? null : this.#sampler.heap;
    const set = () => {
      heap?.setLimits(limits);
      return heap?.limits;
    };
    const inForce = this.#guest?.limited ? this.#guest.limited(set) : set();
    if (!this.#running || this.#starting) this.#wanted = joined(this.#wanted, limits);
    if (!inForce) return complete(joined(this.#starting ?? {}, this.#wanted));
    if (!this.#running || this.#paused) this.#frame(); // no other tells the page of it
    return inForce;
  }

  /** @returns {Promise<string>} */
  async #dump() {
    if (!this.#guest?.dump) {
      throw new PageError(
        'NO_EXPORT',
        'the module does not export pym_dump_stderr: link it with '
          + '-Wl,--export=pym_dump_stderr (CMake target pymalloc::exports)',
      );
    }
    // An engine that suspends the guest may do so at each piece of text: nothing else runs meanwhile
    // but what these wait for.
    const text = (this.#dumped = /** @type {string[]} */ ([]));
    try {
      await this.#guest.dump();
    } finally {
      this.#dumped = null;
    }
    return text.join('');
  }
}

/** @param {PartialLimits} a  @param {PartialLimits} b  @returns {PartialLimits} b where both say one */
function joined(a, b) {
  return Object.fromEntries(
    Object.entries({ ...a, ...b }).map(([of, limit]) => {
      const key = /** @type {keyof PartialLimits} */ (of);
      return [key, { ...a[key], ...b[key] }];
    }),
  );
}

/** @param {PartialLimits} limits  @returns {import('./protocol.js').Limits} */
function complete({ all, heap, raw, mem, object }) {
  const none = { soft: null, hard: null };
  return {
    all: { ...none, ...all },
    heap: { ...none, ...heap },
    raw: { ...none, ...raw },
    mem: { ...none, ...mem },
    object: { ...none, ...object },
  };
}

/** Turns of the event loop: a message to oneself goes behind those that wait already.  Timers would
 *  wait 4 ms. */
class Turns {
  #channel = new MessageChannel();
  /** @type {(() => void)[]} */
  #waiting = [];

  constructor() {
    this.#channel.port1.onmessage = () => {
      const resolve = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#hold(false);
      resolve?.();
    };
    this.#hold(false);
  }

  /** Node ends when nothing holds it; a browser has no such functions.
   *  @param {boolean} held */
  #hold(held) {
    const port = /** @type {{ref?: () => void, unref?: () => void}} */ (
      /** @type {unknown} */ (this.#channel.port1)
    );
    if (held) port.ref?.();
    else port.unref?.();
  }

  /** @returns {Promise<void>} */
  next() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#hold(true);
      this.#channel.port2.postMessage(null);
    });
  }
}
