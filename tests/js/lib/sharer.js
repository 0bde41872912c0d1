/** A thread of tests/js/shared.test.js: random blocks of a heap that others use too. */
import { parentPort, workerData } from 'node:worker_threads';

import { createAllocatorSync } from '../../../js/src/index.node.js';
import { randomFrom } from './image.js';

/** Places where threads leave blocks for each other. */
export const PLACES = 64;

/** Each block has its size in its first word and the complement of that in the last one.
 *  @param {import('../../../js/src/allocator.js').Allocator} allocator
 *  @param {number} table  address of the places  @param {number} seed  @param {number} steps */
export function exchangeBlocks(allocator, table, seed, steps) {
  const below = randomFrom(seed);
  for (let i = 0; i < steps; i++) {
    const words = 2 + below(i % 16 ? 60 : 2000);
    const kind = i % 2 ? allocator : allocator.raw;
    const p = kind.malloc(words * 4);
    if (p === 0) throw new Error('no memory');
    const { u32 } = allocator;
    u32[p / 4] = words * 2 + (i % 2);
    u32[p / 4 + words - 1] = ~words;
    take(allocator, Atomics.exchange(u32, table / 4 + below(PLACES), p));
  }
}

/** Looks at a block that some thread wrote, and frees it.  @param {number} p  or 0 */
export function take(allocator, p) {
  if (p === 0) return;
  const { u32 } = allocator;
  const words = u32[p / 4] >>> 1;
  const isOfMalloc = u32[p / 4] & 1;
  if (u32[p / 4 + words - 1] !== ~words >>> 0) throw new Error(`a block was overwritten: ${p}`);
  if (isOfMalloc) allocator.free(p);
  else allocator.raw.free(p);
}

if (workerData?.shared) {
  const { shared, table, seed, steps } = workerData;
  const allocator = createAllocatorSync({ shared });
  exchangeBlocks(allocator, table, seed, steps);
  const { pages, domains } = allocator.heap.stats();
  allocator.dispose();
  parentPort.postMessage({ memory: pages.memory, ever: domains.raw.totalBlocks });
}
