/** What the page asks for and gets exactly one answer to. */

import { diff } from '../../src/snapshot.js';
import { PageError } from './failure.js';
import { CHUNKS_SPAN } from './protocol.js';

/** @typedef {import('../../src/heap.js').Heap} Heap */
/** @typedef {import('../../src/snapshot.js').Snapshot} Snapshot */
/** @typedef {import('./protocol.js').SnapshotInfo} SnapshotInfo */

/** @typedef {Map<number, {info: SnapshotInfo, snapshot: Snapshot}>} Snapshots  by id */

/** What the answers are made from.
 *  @typedef {object} Sources
 *  @property {Heap | null} heap  that is watched
 *  @property {number} run
 *  @property {number} time  milliseconds into the run
 *  @property {Snapshots} snapshots
 *  @property {() => void} frame
 *  @property {(() => void) | null} collect
 *  @property {import('./allocations.js').Profiling} profiling */

/** All but `dump`, which takes time, and `limits`, which may be for a program that is still to come.
 *  @param {import('./protocol.js').RequestName} name  @param {any} params  @param {Sources} sources
 *  @returns {{value: unknown, transfer?: object}} transfer: something whose typed arrays the page
 *    may have
 *  @throws {import('../../src/errors.js').PymallocError | PageError} */
export function answer(name, params, sources) {
  switch (name) {
    case 'snapshot':
      return { value: take(params.name, sources) };
    case 'difference':
      return { value: compare(params.from, params.to, sources) };
    case 'forget':
      return forget(params.snapshot, sources);
    case 'collect':
      return { value: collect(sources) };
    case 'frame':
      return { value: sources.frame() ?? null };
    case 'allocations': {
      const value = sources.profiling.answer(params.when);
      return { value, transfer: value.sampled };
    }
    default:
      return ask(heapOf(sources), name, params);
  }
}

/** @param {Heap} heap  @param {import('./protocol.js').RequestName} name  @param {any} params
 *  @returns {{value: unknown, transfer?: object}} */
function ask(heap, name, params) {
  switch (name) {
    case 'look':
      return { value: heap.look(params.address) };
    case 'blocks': {
      const blocks = heap.blocks(params.address);
      return { value: blocks, transfer: blocks ?? {} };
    }
    case 'chunks': {
      const to = Math.min(params.to, params.from + CHUNKS_SPAN);
      const chunks = heap.chunks(params.from, to);
      return { value: chunks, transfer: chunks };
    }
    case 'check':
      return { value: heap.check() };
    default:
      throw new PageError('UNKNOWN', `no request is called "${name}"`);
  }
}

/** @param {Sources} sources  @returns {Heap} */
function heapOf({ heap }) {
  if (heap) return heap;
  throw new PageError('NOT_RUNNING', 'there is no heap yet: run a program first');
}

/** @param {string} name  @param {Sources} sources  @returns {SnapshotInfo} */
function take(name, sources) {
  const { info, snapshot } = snapshotNow(name, sources);
  const id = Math.max(0, ...sources.snapshots.keys()) + 1;
  sources.snapshots.set(id, { info: { ...info, snapshot: id }, snapshot });
  return { ...info, snapshot: id };
}

/** @param {string} name  @param {Sources} sources */
function snapshotNow(name, sources) {
  const snapshot = heapOf(sources).snapshot();
  /** @type {SnapshotInfo} */
  const info = { snapshot: 0, name, run: sources.run, time: sources.time, stats: snapshot.stats };
  return { info, snapshot };
}

/** @param {number} from  @param {number | null} to  @param {Sources} sources
 *  @returns {import('./protocol.js').Difference} */
function compare(from, to, sources) {
  const a = stored(from, sources);
  const b = to === null ? snapshotNow('now', sources) : stored(to, sources);
  return { from: a.info, to: b.info, diff: diff(a.snapshot, b.snapshot) };
}

/** @param {number} id  @param {Sources} sources */
function stored(id, { snapshots }) {
  const found = snapshots.get(id);
  if (found) return found;
  throw new PageError(
    'NOT_RUNNING',
    `there is no snapshot ${id}: it was forgotten, or its worker ` + 'was stopped. Take a new one',
  );
}

/** @param {number} id  @param {Sources} sources */
function forget(id, sources) {
  stored(id, sources);
  sources.snapshots.delete(id);
  return { value: null };
}

/** @param {Sources} sources  @returns {number} bytes freed */
function collect(sources) {
  const heap = heapOf(sources);
  if (!sources.collect) {
    throw new PageError('UNKNOWN', 'this guest cannot be told to collect its garbage');
  }
  const live = () => Object.values(heap.stats().domains).reduce((n, d) => n + d.liveBytes, 0);
  const before = live();
  sources.collect();
  return before - live();
}
