/** Worker thread of `wasm-pymalloc run`: runs the program and posts one Outcome.
 *
 *  A thread of its own because its stack can be made large (interpreters recurse; Node's main
 *  thread has 1 MiB), while Ctrl-C still ends the process: the main thread is idle. */

import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';

import { Heap } from '../heap.js';
import { attachTo } from '../observe/attach.js';
import { identityOf } from '../observe/identity.js';
import { SAMPLE_BYTES } from '../observe/options.js';
import { heapProfile } from '../observe/profile.js';
import { Watch } from '../observe/watch.js';
import { message } from './module.js';
import { RECORD_FD, Recording } from './record.js';

/** @typedef {object} Task
 *  @property {WebAssembly.Module} module
 *  @property {string} namespace  of the WASI imports
 *  @property {'preview1' | 'unstable'} version
 *  @property {string[]} args     with the program's name
 *  @property {Record<string, string>} env
 *  @property {Record<string, string>} preopens
 *  @property {boolean} report
 *  @property {{fd: number, gzip: boolean} | null} record  open file for the trace
 *  @property {{fd: number, gzip: boolean} | null} profile  open file for the heap profile
 *  @property {number | null} limit
 *  @property {boolean} observed  the module was rewritten by observe() */

/** @typedef {object} Outcome
 *  @property {number | null} exitCode  null if the program trapped or did not start
 *  @property {string | null} trap      what the engine said, with the guest's stack
 *  @property {string | null} refused   why the program was not started
 *  @property {number} milliseconds
 *  @property {import('../stats.js').HeapStats | import('../observe/watch.js').ObservedStats
 *    | null} stats
 *  @property {string | null} unreadable  why there are none
 *  @property {string | null} unrecorded  why there is no trace, if one was wanted */

/** @param {Task} task  @returns {Promise<Outcome>} */
async function run(task) {
  const wasi = await makeWasi(task);
  /** @type {Outcome} */
  const out = { exitCode: null, trap: null, refused: null, milliseconds: 0, stats: null,
    unreadable: null, unrecorded: null };
  const recording = task.record ? new Recording() : null;
  /** @type {WebAssembly.Instance} */
  let instance;
  /** @type {Heap | import('../observe/watch.js').Watch | null} */
  let heap = null;
  try {
    let functions = plain(wasi.wasiImport);
    const memory = () => /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    if (recording && !task.observed) functions = recording.over(functions, memory);
    instance = new WebAssembly.Instance(task.module, { [task.namespace]: functions });
    if (task.observed) heap = watchOf(task, instance, recording);
    else if (task.report || task.limit !== null) heap = heapOf(task, instance);
    if (recording && !task.observed) /** @type {Function} */ (instance.exports.pym_record)(RECORD_FD);
  } catch (error) {
    return { ...out, refused: message(error) };
  }
  const start = performance.now();
  try {
    out.exitCode = Number(wasi.start(instance)) >>> 0;
  } catch (error) {
    out.trap = error instanceof Error ? error.stack ?? String(error) : String(error);
  }
  out.milliseconds = performance.now() - start;
  try {
    out.stats = heap?.stats() ?? null;
  } catch (error) {
    out.unreadable = message(error);
  }
  try {
    if (task.record) recording?.write(task.record.fd, task.record.gzip, out.trap === null);
    if (task.profile && heap instanceof Watch) writeProfile(task.profile, heap);
  } catch (error) {
    out.unrecorded = message(error);
  }
  return out;
}

/** @param {Task} task  @param {WebAssembly.Instance} instance  @returns {Heap} */
function heapOf({ module, limit }, instance) {
  const heap = Heap.from(module, instance);
  if (limit !== null) heap.setLimits({ heap: { hard: limit } });
  return heap;
}

/** @param {Task} task  @param {WebAssembly.Instance} instance  @param {Recording | null} recording
 *  @returns {Watch} */
function watchOf({ module, limit, profile }, instance, recording) {
  const identity = identityOf(module);
  if (!identity) throw new Error('the module was not rewritten');
  return attachTo(instance, identity, { limit, sample: profile ? SAMPLE_BYTES : null,
    recorder: recording && { call: (...args) => recording.malloc(...args) } });
}

/** @param {{fd: number, gzip: boolean}} file  @param {Watch} watch */
function writeProfile({ fd, gzip }, watch) {
  const bytes = gzip ? gzipSync(heapProfile(watch)) : heapProfile(watch);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** @param {Task} task */
async function makeWasi({ version, args, env, preopens }) {
  const { emitWarning } = process;
  process.emitWarning = () => {};      // "WASI is an experimental feature"
  const { WASI } = await import('node:wasi');
  process.emitWarning = emitWarning;
  return new WASI({ version, args, env, preopens, returnOnExit: true });
}

/** Plain functions in place of node:wasi's own.  Those are called from wasm by a short cut of V8, and
 *  Node 20 and 22 crash when a garbage collection starts in there; it does when memory has grown
 *  since the last call and the heap is large.  Rest arguments with Reflect.apply keep the
 *  optimizing compiler from restoring the short cut: --turbo-fast-api-calls makes no difference to
 *  their cost.
 *  @param {object} functions
 *  @returns {WebAssembly.ModuleImports} */
function plain(functions) {
  return Object.fromEntries(Object.entries(functions).map(([name, fn]) =>
    [name, (/** @type {unknown[]} */ ...args) => Reflect.apply(fn, undefined, args)]));
}

parentPort?.postMessage(await run(workerData));
