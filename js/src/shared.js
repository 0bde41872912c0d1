/** One heap for several threads: each has an instance of the module for threads, on one shared memory,
 *  with a stack and thread-local variables of its own; everything else is theirs together.
 *
 *  A stack is a block of the heap, made by the thread that shares:
 *
 *    stack         state   grows down to here         tls      stack + STACK_BYTES
 *    | GIVEN, TAKEN or LEFT | free                  | variables | */

import { badArgument } from './errors.js';

/** tests/js/allocator.test.js measures how much of it is used. */
export const STACK_BYTES = 4096;
const TLS_BYTES = 64;

const GIVEN = 0x5ea70001;
const TAKEN = 0x5ea70002;
const LEFT = 0x5ea70003;

/** What another thread needs to use the heap: plain, for postMessage.
 *  @typedef {object} SharedHeap
 *  @property {WebAssembly.Memory} memory  shared
 *  @property {WebAssembly.Module} wasm    pymalloc-threads.wasm, compiled
 *  @property {number} at     where the allocator begins in the memory
 *  @property {number} stack  address of a stack for that thread */

/** @param {WebAssembly.Memory} memory  @returns {boolean} */
export function isShared(memory) {
  return Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]';
}

/** @param {WebAssembly.Module} module  @returns {boolean} was it made for threads? */
export function isForThreads(module) {
  return WebAssembly.Module.exports(module).some(({ name }) => name === '__wasm_init_tls');
}

/** @param {number} end  of a stack  @returns {number} its first address that is in use: where the
 *    thread-local variables are */
export function topOf(end) {
  return end - TLS_BYTES;
}

/** A stack is below `top`, thread-local variables are above.
 *  @param {WebAssembly.Instance} instance  @param {number} top */
export function beginThread({ exports }, top) {
  const call = /** @type {Record<string, (n: number) => void>} */ (exports);
  call['__wasm_init_tls']?.(top);
  call['pym_thread_may_wait']?.(mayWait());
}

/** @returns {number} 0 on a browser's main thread, which must not wait; it spins */
function mayWait() {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1); // 0 is not 1: it returns at once
    return 1;
  } catch {
    return 0;
  }
}

/** @param {WebAssembly.Memory} memory  @param {number} stack  @returns {[Int32Array, number]} */
function stateOf(memory, stack) {
  return [new Int32Array(memory.buffer), stack / 4];
}

/** What a thread's allocator knows of the others. */
export class Sharing {
  /** Stacks for other threads.  @type {number[]} */
  #stacks = [];
  #of;
  #own;

  /** @param {Omit<SharedHeap, 'stack'>} of
   *  @param {number | null} own  this thread's stack, if another thread made it */
  constructor(of, own) {
    this.#of = of;
    this.#own = own;
  }

  /** @param {(n: number) => number} malloc
   *  @returns {SharedHeap | null} null: no memory */
  share(malloc) {
    const { memory } = this.#of;
    const left = this.#stacks.find((one) => Atomics.load(...stateOf(memory, one)) === LEFT);
    const stack = left ?? malloc(STACK_BYTES) >>> 0;
    if (stack === 0) return null;
    if (left === undefined) this.#stacks.push(stack);
    Atomics.store(...stateOf(memory, stack), GIVEN);
    return { ...this.#of, stack };
  }

  /** The thread makes no more calls.  @param {Readonly<Record<string, any>>} exports */
  leave(exports) {
    exports['pym_thread_end']();
    if (this.#own !== null) Atomics.store(...stateOf(this.#of.memory, this.#own), LEFT);
  }
}

/** Takes the stack, which is for one thread.
 *  @param {SharedHeap} shared
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function take(shared) {
  const { memory, stack } = shared;
  const fits =
    Number.isInteger(stack) && stack > 0 && stack % 16 === 0 && stack < memory.buffer.byteLength;
  if (!fits || Atomics.compareExchange(...stateOf(memory, stack), GIVEN, TAKEN) !== GIVEN) {
    throw badArgument(
      'this is no heap that was shared for this thread: each call of share() is for one thread, '
        + 'and for one createAllocator there',
    );
  }
}
