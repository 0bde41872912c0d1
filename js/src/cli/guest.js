/** Worker thread of `wasm-pymalloc run`: runs the program and posts one Outcome.
 *
 *  A thread of its own because its stack can be made large (interpreters recurse; Node's main
 *  thread has 1 MiB), while Ctrl-C still ends the process: the main thread is idle. */

import { parentPort, workerData } from 'node:worker_threads';

import { Heap } from '../heap.js';
import { attachTo } from '../observe/attach.js';
import { identityOf } from '../observe/identity.js';
import { Watch } from '../observe/watch.js';
import { profilable } from '../profile/channel.js';
import { message } from './module.js';
import { writeObserved, writeProfile } from './profile.js';
import { RECORD_FD, Recording } from './record.js';

/** @typedef {object} Task
 *  @property {WebAssembly.Module} module
 *  @property {string} namespace  of the WASI imports
 *  @property {'preview1' | 'unstable'} version
 *  @property {string[]} args     with the program's name
 *  @property {Record<string, string>} env
 *  @property {Record<string, string>} preopens
 *  @property {boolean} report    statistics are wanted: events are read while the program runs
 *  @property {{fd: number, gzip: boolean} | null} record  open file for the trace
 *  @property {import('./profile.js').ProfileFile | null} profile  open file for the heap profile
 *  @property {number | null} limit
 *  @property {boolean} exactPeak
 *  @property {boolean} observed  the module was rewritten by observe() */

/** @typedef {import('../stats.js').HeapStats} HeapStats */
/** @typedef {import('../observe/watch.js').ObservedStats} ObservedStats */
/** @typedef {import('../events.js').HeapEvent} HeapEvent */

/** @typedef {object} Outcome
 *  @property {number | null} exitCode  null if the program trapped, was stopped or did not start
 *  @property {string | null} trap      what the engine said, with the guest's stack
 *  @property {string | null} refused   why the program was not started
 *  @property {string | null} signal    that stopped it
 *  @property {number} milliseconds
 *  @property {HeapStats | ObservedStats | null} stats
 *  @property {readonly HeapStats[]} heaps  other heaps than the default one
 *  @property {readonly HeapEvent[]} events  of all heaps, the newest
 *  @property {number} missedEvents  that newer ones had overwritten
 *  @property {string | null} unreadable  why there are none
 *  @property {string | null} unrecorded  why there is no trace or profile, if one was wanted
 *  @property {string} [note]  what would make the profile say more */

/** What one look at a running program sees.
 *  @typedef {object} Sample
 *  @property {number} milliseconds  since the start
 *  @property {HeapStats | ObservedStats} stats
 *  @property {readonly HeapEvent[]} events  since the look before
 *  @property {number} missedEvents  so far */

const EVENTS_KEPT = 256;

/** A program that runs, and what is asked of it meanwhile. */
class Run {
  /** @type {Heap | Watch | null} */
  heap = null;
  /** @type {Recording | null} */
  recording;
  /** @type {import('../profile/profile.js').Profile | null} */
  profile = null;
  /** @type {HeapEvent[]} */
  events = [];
  /** @type {HeapEvent[]} */
  #unseen = [];
  #missed = 0;
  #start = performance.now();

  /** @param {Task} task */
  constructor(task) {
    this.task = task;
    this.recording = task.record ? new Recording() : null;
  }

  /** Of a module that links the library; that of any other is its Watch. */
  startProfile() {
    const { profile } = this.task;
    if (!profile || !(this.heap instanceof Heap)) return;
    this.profile = this.heap.profile({ every: profile.every, wasm: profile.wasm });
  }

  /** Writes the profile, when the program has ended.
   *  @param {Outcome} outcome  @returns {Promise<Outcome>} */
  async profiled(outcome) {
    if (!this.profile || !this.task.profile) return outcome;
    try {
      await writeProfile(this.task.profile, this.profile);
      return { ...outcome, note: this.profile.note };
    } catch (error) {
      return { ...outcome, unrecorded: message(error) };
    }
  }

  /** Reads the events that are new. */
  poll() {
    if (!(this.heap instanceof Heap)) return;
    const { events, missed } = this.heap.poll({ all: true });
    this.#missed += missed;
    this.#unseen.push(...events);
    this.events.push(...events);
    if (this.events.length > 2 * EVENTS_KEPT) this.events = this.events.slice(-EVENTS_KEPT);
  }

  /** The same in a call of the program, which goes on whatever its heap looks like: the report says
   *  what is wrong with it. */
  pollBeside() {
    try {
      this.poll();
    } catch {
      // the report is going to say so
    }
  }

  /** Called from outside, in the middle of the program.
   *  @returns {string} JSON of a Sample; of null, if the allocator is at work right now */
  sample() {
    try {
      this.poll();
      if (!this.heap) return 'null';
      /** @type {Sample} */
      const sample = {
        milliseconds: performance.now() - this.#start,
        stats: this.heap.stats(),
        events: this.#unseen,
        missedEvents: this.#missed,
      };
      this.#unseen = [];
      return JSON.stringify(sample);
    } catch {
      return 'null';
    }
  }

  /** Called from outside: the program will not go on.
   *  @param {string} signal  @returns {string} JSON of an Outcome */
  finish(signal) {
    return JSON.stringify(this.outcome({ signal }));
  }

  /** @param {Partial<Outcome>} how  it ended  @returns {Outcome} */
  outcome(how) {
    /** @type {Outcome} */
    const out = {
      exitCode: null,
      trap: null,
      refused: null,
      signal: null,
      stats: null,
      heaps: [],
      milliseconds: performance.now() - this.#start,
      events: [],
      missedEvents: 0,
      unreadable: null,
      unrecorded: null,
      ...how,
    };
    try {
      this.poll();
      out.stats = this.heap?.stats() ?? null;
      if (this.heap instanceof Heap)
        out.heaps = this.heap
          .heaps()
          .slice(1)
          .map((h) => h.stats());
    } catch (error) {
      out.unreadable = message(error);
    }
    out.events = this.events.slice(-EVENTS_KEPT);
    out.missedEvents = this.#missed;
    const { record, profile } = this.task;
    try {
      const ended = out.trap === null && out.signal === null;
      if (record) this.recording?.write(record.fd, record.gzip, ended);
      if (profile && this.heap instanceof Watch) writeObserved(profile, this.heap);
      if (profile && this.profile && out.signal !== null)
        out.unrecorded = 'a program that is stopped by a signal leaves no heap profile';
    } catch (error) {
      out.unrecorded = message(error);
    }
    return out;
  }
}

/** @param {Task} task  @returns {Promise<Outcome>} */
async function run(task) {
  const wasi = await makeWasi(task);
  const program = new Run(task);
  /** @type {WebAssembly.Instance} */
  let instance;
  try {
    let functions = plain(wasi.wasiImport, task.report ? () => program.pollBeside() : null);
    const memory = () => /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    const { recording } = program;
    if (recording && !task.observed) functions = recording.over(functions, memory);
    const imports = { [task.namespace]: functions };
    instance = new WebAssembly.Instance(task.module, task.profile ? profilable(imports) : imports);
    if (task.observed) program.heap = watchOf(task, instance, recording);
    else if (task.report || task.profile || task.limit !== null)
      program.heap = heapOf(task, instance);
    if (recording && !task.observed) {
      /** @type {Function} */ (instance.exports.pym_record)(RECORD_FD);
    }
  } catch (error) {
    return program.outcome({ refused: message(error) });
  }
  program.startProfile();
  Object.defineProperty(globalThis, 'pymallocRun', { value: program });
  let outcome;
  try {
    outcome = program.outcome({ exitCode: Number(wasi.start(instance)) >>> 0 });
  } catch (error) {
    outcome = program.outcome({
      trap: error instanceof Error ? (error.stack ?? String(error)) : String(error),
    });
  }
  return program.profiled(outcome);
}

/** @param {Task} task  @param {WebAssembly.Instance} instance  @returns {Heap} */
function heapOf({ module, limit, exactPeak }, instance) {
  const heap = Heap.from(module, instance);
  if (limit !== null) heap.setLimits({ all: { hard: limit } });
  // Above a soft limit each call of the allocator is counted.
  if (exactPeak) heap.setLimits({ all: { soft: 0 } });
  return heap;
}

/** @param {Task} task  @param {WebAssembly.Instance} instance  @param {Recording | null} recording
 *  @returns {Watch} */
function watchOf({ module, limit, profile }, instance, recording) {
  const identity = identityOf(module);
  if (!identity) throw new Error('the module was not rewritten');
  return attachTo(instance, identity, {
    limit,
    sample: profile ? profile.every : null,
    recorder: recording && { call: (...args) => recording.malloc(...args) },
  });
}

/** @param {Task} task */
async function makeWasi({ version, args, env, preopens }) {
  const { emitWarning } = process;
  process.emitWarning = () => {}; // "WASI is an experimental feature"
  const { WASI } = await import('node:wasi');
  process.emitWarning = emitWarning;
  return new WASI({ version, args, env, preopens, returnOnExit: true });
}

/** Plain functions in place of node:wasi's own.  Those are called from wasm by a short cut of V8, and
 *  Node 20 and 22 crash when a garbage collection starts in there; it does when memory has grown
 *  since the last call and the heap is large.  Rest arguments with Reflect.apply keep the
 *  optimizing compiler from restoring the short cut: --turbo-fast-api-calls makes no difference to
 *  their cost.
 *  @param {object} functions  @param {(() => void) | null} before  called at each call of one
 *  @returns {WebAssembly.ModuleImports} */
function plain(functions, before) {
  return Object.fromEntries(
    Object.entries(functions).map(([name, fn]) => [
      name,
      (/** @type {unknown[]} */ ...args) => {
        before?.();
        return Reflect.apply(fn, undefined, args);
      },
    ]),
  );
}

parentPort?.postMessage(await run(workerData));
