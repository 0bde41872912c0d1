/** Reads the heap while the program runs, and sends frames to the page.
 *
 *  What this costs is taken from the program, so it is measured and kept to a share of the time:
 *  the more a map costs, the rarer it is.  Frames that the page did not acknowledge are few
 *  (FRAMES_AHEAD, and one every second): a slow page gets fewer frames, never a queue of them.
 *  Events are gathered in between, as the library keeps only the last 32. */

import { FRAMES_AHEAD } from './protocol.js';

/** @typedef {import('../../src/heap.js').Heap} Heap */
/** @typedef {import('./protocol.js').Frame} Frame */
/** @typedef {import('./protocol.js').HeapEvent} HeapEvent */
/** @typedef {import('./protocol.js').HeapMap} HeapMap */

/** Shares of the program's time.  A map costs several times what its reading takes: the program finds
 *  its caches and its address translation cold, and the page has more to draw. */
const FRAME_SHARE = 0.015;
const MAP_SHARE = 0.005;
/** Milliseconds between two looks for events; between frames of a program that lets no answer
 *  of the page in; between frames to a page that does not answer. */
const POLL_MS = 1;
const DEAF_MS = 100;
const UNANSWERED_MS = 1000;
/** Events kept until the next frame; a page that shows a log needs no more. */
const EVENTS_KEPT = 1000;

/** A frame, even a dear one, comes so often; so does a map. */
const SLOWEST_FRAME_MS = 250;
const SLOWEST_MAP_MS = 2000;
/** The coarsest clock that a browser gives a worker. */
const TICK_MS = 1;

/** What something costs: the mean of the last times, without those that stand out by more than a tick
 *  of the clock, since a thread that loses its processor measures that too.  (Not the median: clocks
 *  may be as coarse as 1 ms.) */
export class Typical {
  /** @type {number[]} */
  #last = [];

  /** @param {number} ms */
  add(ms) {
    this.#last.push(ms);
    if (this.#last.length > 12) this.#last.shift();
  }

  get ms() {
    const sorted = [...this.#last].sort((a, b) => a - b);
    const most = 2 * (sorted[(sorted.length - 1) >> 1] ?? 0) + TICK_MS;
    const kept = sorted.filter((ms) => ms <= most);
    return kept.reduce((sum, ms) => sum + ms, 0) / Math.max(kept.length, 1);
  }
}

export class Sampler {
  #post;
  #now;
  #holder;
  /** @type {Heap | null} */
  #heap = null;
  /** @type {Heap | null} */
  #watched = null;
  #watch = { fps: 60, map: true, heap: 1 };
  #seq = 0;
  #acked = 0;
  #turned = 0;
  #run = 0;
  /** @type {HeapEvent[]} */
  #events = [];
  #missed = 0;
  #nextPoll = 0;
  #nextFrame = 0;
  #nextMap = 0;
  #lastSent = -Infinity;
  #frameCost = new Typical();
  #mapCost = new Typical();
  /** Memory for a map that the page gave back: what is thrown away makes the collector run in the
   *  program's time.
   *  @type {ArrayBuffer | null} */
  #spare = null;
  #spent = 0;
  #began = 0;
  #pausedAt = NaN;
  #paused = 0;

  /** @param {(frame: Frame, transfer: ArrayBuffer[]) => void} post
   *  @param {{now?: () => number, holder?: () => Frame['holder']}} [options]  now: milliseconds;
   *    holder: who holds most, asked when a request was refused */
  constructor(post, { now = () => performance.now(), holder = () => null } = {}) {
    this.#post = post;
    this.#now = now;
    this.#holder = holder;
  }

  /** A program begins: sends its first frame.
   *  @param {Heap} heap  the default heap  @param {number} run */
  begin(heap, run) {
    this.#heap = this.#watched = heap;
    this.#run = run;
    this.#events = [];
    this.#missed = this.#spent = this.#paused = this.#nextFrame = this.#nextMap = 0;
    this.#frameCost = new Typical();
    this.#mapCost = new Typical();
    this.#pausedAt = NaN;
    this.#began = this.#now();
    this.frame();
  }

  /** @returns {Heap | null} that is watched */
  get heap() {
    return this.#watched;
  }

  get run() {
    return this.#run;
  }

  /** Milliseconds that the program has run, pauses not counted. */
  get time() {
    const until = Number.isNaN(this.#pausedAt) ? this.#now() : this.#pausedAt;
    return until - this.#began - this.#paused;
  }

  /** @param {boolean} paused */
  pause(paused) {
    const now = this.#now();
    if (paused && Number.isNaN(this.#pausedAt)) this.#pausedAt = now;
    if (!paused && !Number.isNaN(this.#pausedAt)) {
      this.#paused += now - this.#pausedAt;
      this.#pausedAt = NaN;
    }
  }

  /** @param {number} seq
   *  @param {ArrayBuffer | null} [buffer]  of a map that is needed no more */
  ack(seq, buffer = null) {
    this.#acked = Math.max(this.#acked, Math.min(seq, this.#seq));
    if (buffer) this.#spare = buffer;
  }

  /** Messages were let in: what is not acknowledged yet, the page has not drawn. */
  turned() {
    this.#turned = this.#seq;
  }

  /** May something be sent to the page that it has not asked for? */
  get open() {
    const waited = this.#now() - this.#lastSent;
    if (waited >= UNANSWERED_MS) return true;
    if (this.#turned - this.#acked >= FRAMES_AHEAD) return false;
    return this.#seq - Math.max(this.#turned, this.#acked) < FRAMES_AHEAD || waited >= DEAF_MS;
  }

  /** @param {{fps: number, map: boolean, heap: number}} watch */
  watch(watch) {
    this.#watch = { ...watch };
    this.#nextFrame = this.#nextMap = 0;
  }

  /** To be called often while the program runs: looks for events, and sends a frame if it is time.
   *  @param {number} now
   *  @returns {boolean} whether it sent one */
  tick(now) {
    if (!this.#heap || now < this.#nextPoll) return false;
    this.#nextPoll = now + POLL_MS;
    this.#poll();
    const wanted = this.#watch.fps > 0 && now >= this.#nextFrame && this.open;
    if (wanted) this.#send(now, now >= this.#nextMap);
    else this.#spent += this.#now() - now;
    return wanted;
  }

  /** Sends a frame with a map, whatever the time. */
  frame() {
    if (!this.#heap) return;
    const now = this.#now();
    this.#poll();
    this.#send(now, true);
  }

  #poll() {
    const { events, missed } = /** @type {Heap} */ (this.#heap).poll({ all: true });
    this.#missed += missed;
    this.#events.push(...events);
    const more = this.#events.length - EVENTS_KEPT;
    if (more > 0) {
      this.#events.splice(0, more);
      this.#missed += more;
    }
  }

  /** @param {number} from  when reading began  @param {boolean} withMap */
  #send(from, withMap) {
    const { fps, map: mapWanted } = this.#watch;
    const { map, mapMs } = withMap && mapWanted ? this.#map() : { map: null, mapMs: 0 };
    const { heap, heaps } = this.#choose();
    this.#seq++;
    this.#post(
      {
        type: 'frame',
        seq: this.#seq,
        run: this.#run,
        time: this.time,
        stats: heap.stats(),
        limits: heap.limits,
        heaps: heaps.map(({ id, address }) => ({ id, address })),
        map,
        events: this.#events,
        missed: this.#missed,
        holder: this.#events.some(isRefusal) ? this.#holder() : null,
        cost: {
          share: this.#spent / Math.max(this.time, 1),
          frameMs: this.#frameCost.ms,
          mapMs: this.#mapCost.ms,
          mapEvery: this.#mapEvery(),
        },
      },
      map ? buffersOf(map) : [],
    );
    this.#events = [];
    this.#missed = 0;
    const end = this.#now();
    this.#lastSent = end;
    this.#frameCost.add(end - from - mapMs);
    this.#spent += end - from;
    const every = Math.max(
      1000 / Math.max(fps, 1),
      Math.min(this.#frameCost.ms / FRAME_SHARE, SLOWEST_FRAME_MS),
    );
    // From frame to frame, not from end to start, or 60 would become 50.
    this.#nextFrame = Math.max(this.#nextFrame + every, end + every / 2);
    if (map) this.#nextMap = end + this.#mapEvery() - every / 2;
  }

  #map() {
    const from = this.#now();
    const map = /** @type {Heap} */ (this.#heap).map(this.#spare ? { into: this.#spare } : {});
    this.#spare = null;
    const mapMs = this.#now() - from;
    this.#mapCost.add(mapMs);
    return { map, mapMs };
  }

  #mapEvery() {
    return Math.max(
      1000 / Math.max(this.#watch.fps, 1),
      Math.min(this.#mapCost.ms / MAP_SHARE, SLOWEST_MAP_MS),
    );
  }

  /** @returns {{heap: Heap, heaps: Heap[]}} the heap to show; the default one if it is gone */
  #choose() {
    const heaps = /** @type {Heap} */ (this.#heap).heaps();
    const heap =
      heaps.find(({ id }) => id === this.#watch.heap) ?? /** @type {Heap} */ (this.#heap);
    this.#watched = heap;
    return { heap, heaps };
  }
}

/** @param {import('./protocol.js').HeapEvent} event  @returns {boolean} a request got nothing */
export function isRefusal({ type, limit }) {
  return type === 'oom' || limit === 'hard';
}

/** @param {object} value  @returns {ArrayBuffer[]} of the typed arrays in it, each once */
export function buffersOf(value) {
  /** @type {Set<ArrayBuffer>} */
  const buffers = new Set();
  for (const part of Object.values(value)) {
    if (ArrayBuffer.isView(part)) buffers.add(/** @type {ArrayBuffer} */ (part.buffer));
    else if (typeof part === 'object' && part !== null) {
      for (const buffer of buffersOf(part)) buffers.add(buffer);
    }
  }
  return [...buffers];
}
