/** What every walk over memory begins with: the heaps and their segments.  An offset or a size
 *  is used after it was found to lie where it may, and lists end. */

import { badMemory, hex } from './errors.js';
import { INTERNAL } from './layout.js';
import { checkRange, readWord } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** A piece of memory that chunks fill: [start, end).
 *  @typedef {{heap: number, start: number, end: number}} Segment */

/** The heaps of the program, in the order of their list.  Ends whatever the list holds.
 *  @param {DataView} view  @param {number} root  checked already  @param {Layout} layout
 *  @returns {number[]} addresses; each lies in memory and carries the mark of a live heap */
export function readHeapList(view, root, layout) {
  const { constants: c, space, heap, wide } = layout;
  const most = Math.floor(view.byteLength / c.heap_bytes);
  const seen = new Set();
  let address = readWord(view, root + space.first_heap, wide);
  while (address !== 0) {
    checkHeap(view, address, layout);
    if (seen.has(address) || seen.size >= most) throw badMemory('the list of heaps is a loop');
    seen.add(address);
    address = readWord(view, address + heap.next, wide);
  }
  if (seen.size === 0) throw badMemory('there is no heap');
  return [...seen];
}

/** @param {DataView} view  @param {number} address  @param {Layout} layout
 *  @throws {import('./errors.js').PymallocRangeError} BAD_MEMORY unless a live heap lies there */
export function checkHeap(view, address, layout) {
  checkRange(view, address, layout.constants.heap_bytes, 'a heap');
  if (view.getUint32(address + layout.heap.magic, true) !== layout.constants.heap_magic) {
    throw badMemory(`no live heap at ${hex(address)}`);
  }
}

/** All segments, one at a time: a memory that lies may be full of them.  Those of the default heap
 *  together are no longer than the memory, nor are those of the others, which lie within them: so a
 *  list that is a loop ends.
 *  @param {DataView} view  @param {readonly number[]} heaps  @param {Layout} layout
 *  @returns {Generator<Segment, void>} those of the default heap first */
export function* segmentsOf(view, heaps, { constants: c, segment, heap: f, wide }) {
  const least = c.segment_header + c.raw_header;
  const unit = c.raw_flags + 1;
  let left = view.byteLength;
  for (const heap of heaps) {
    if (heap === heaps[1]) left = view.byteLength;
    let start = readWord(view, heap + f.segments, wide);
    while (start !== 0) {
      checkRange(view, start, least, 'a segment', unit);
      const end = readWord(view, start + segment.end, wide);
      if (end < start + least || end % unit !== 0 || end > view.byteLength) {
        throw badMemory(`the segment at ${hex(start)} would end at ${hex(end)}`);
      }
      left -= end - start;
      if (left < 0) throw badMemory(`segments overlap, or their list is a loop, at ${hex(start)}`);
      yield { heap, start, end };
      start = readWord(view, start + segment.next, wide);
    }
  }
}

/** What the header of a chunk says.  In a memory with 64-bit addresses it is one number, whose low 34
 *  bits are the head and whose other 30 are the check.
 *  @param {DataView} view  @param {number} at  in memory, as are the 8 bytes from there
 *  @param {number} key  the space's ^ the heap's address, signed
 *  @param {boolean} wide
 *  @returns {number} the chunk's size with its flags in the low bits; -1: it was overwritten */
export function headAt(view, at, key, wide) {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if (!wide) return (low ^ high ^ at) === key ? high : -1;
  const both = low ^ at; // the head ^ the address, their low halves
  const bothHigh = (high & 3) ^ Math.floor(at / 2 ** 32);
  const check = (((bothHigh << 2) | (both >>> 30)) << 20) ^ both ^ key;
  return (((high >>> 2) ^ check) & 0x3fffffff) === 0 ? (high & 3) * 2 ** 32 + low : -1;
}

/** Free, or cached: so are the library's own chunks in use that are short and no pools.
 *  @param {number} head  @param {number} size  @param {Layout['constants']} c
 *  @returns {boolean} */
export function isFree(head, size, c) {
  if ((head & c.raw_in_use) === 0) return true;
  return (head & c.raw_flags) >> c.raw_domain_shift === INTERNAL && size < c.raw_cached_max;
}
