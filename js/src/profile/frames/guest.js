/** The frames of an interpreter that a program has, read in its memory: no call of the guest. */

import { badMemory } from '../../errors.js';
import { LuaFrames } from './lua.js';
import { PythonFrames, publishedOffsets, scannedOffsets } from './python.js';
import { BadStack, Reader } from './reader.js';

/** @typedef {import('../stack.js').Frame} Frame */
/** What identifies a stack, and how to make words of it.
 *  @typedef {{key: string, depth: number, frames: () => readonly Readonly<Frame>[]}} Captured */
/** What walks one kind of interpreter: numbers of its frames, outermost first, and what they are.
 *  @typedef {object} Walker
 *  @property {() => number[]} walk  @property {(n: number) => Readonly<Frame>} frame */

/** @type {Captured} */
const NONE = Object.freeze({ key: '', depth: 0, frames: () => [] });

/** @param {import('../../program.js').Program} program
 *  @returns {{capture: () => Captured}}
 *  @throws {import('../../errors.js').PymallocError} BAD_MEMORY: what the module says of its frames
 *    makes no sense */
export function guestFrames({ exports, memory, python }) {
  const reader = new Reader(memory);
  reader.renew();
  /** @type {Walker[]} */
  const walkers = [];
  try {
    const [lua, published] = [exports['pym_frames_lua'], exports['pym_frames_python']];
    if (typeof lua === 'function') walkers.push(new LuaFrames(reader, Number(lua()) >>> 0));
    if (typeof published === 'function') {
      walkers.push(new PythonFrames(reader, publishedOffsets(reader, Number(published()) >>> 0)));
    } else if (python || exports['_PyRuntime'] !== undefined) {
      const offsets = scannedOffsets(memory);
      if (offsets) walkers.push(new PythonFrames(reader, offsets));
    }
  } catch (error) {
    if (!(error instanceof BadStack)) throw error;
    throw badMemory(`the module's table of frames: ${error.message}`);
  }
  if (walkers.length === 0) return { capture: () => NONE };
  return { capture: () => captured(reader, walkers) };
}

/** @param {Reader} reader  @param {readonly Walker[]} walkers  @returns {Captured} */
function captured(reader, walkers) {
  reader.renew();
  for (const [i, walker] of walkers.entries()) {
    const numbers = walker.walk();
    if (numbers.length === 0) continue;
    return {
      key: `${i}:${numbers}`,
      depth: numbers.length,
      frames: () => numbers.map((n) => walker.frame(n)),
    };
  }
  return NONE;
}
