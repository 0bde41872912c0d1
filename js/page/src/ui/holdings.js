/** Who holds the memory, as the page shows it: a tree of frames, a list of lines, and which part of
 *  each 4 KiB of the map is of a frame.  Pure functions. */

import { Code, DIFF_LEVELS } from './palette.js';
import { level } from './units.js';

/** @typedef {import('../protocol.js').Allocations} Allocations */
/** @typedef {Allocations['frames'][0]} Frame */
/** @typedef {import('../../../src/index.js').HeapMap} HeapMap */

/** A call and what it holds, with all that it called.
 *  @typedef {object} Call
 *  @property {string} key    its path from the root, the same in later trees
 *  @property {Frame} frame
 *  @property {number} own    bytes that it holds itself
 *  @property {number[]} stacks  numbers of those that go through it
 *  @property {Call[]} children */

/** What one line holds, whoever called it.
 *  @typedef {{key: string, frame: Frame, bytes: number, blocks: number, samples: number,
 *    stacks: number[]}} Line */

const UNIT_BYTES = 4096;
/** @type {Readonly<Frame>} */
const ALL = Object.freeze({ name: 'all', file: '', line: 0, language: 'note' });

/** @param {Frame} frame  @returns {string} */
export function placeText({ file, line }) {
  return line > 0 ? `${file}:${line}` : file;
}

/** @param {Frame} frame  @returns {string} */
export function frameText(frame) {
  const place = placeText(frame);
  return place ? `${frame.name} (${place})` : frame.name;
}

/** @param {Allocations} held  @returns {Call} the root, which stands for all of them */
export function treeOf({ frames, stacks }) {
  const root = callOf('', ALL);
  for (const [number, { frames: path, domain, bytes }] of stacks.entries()) {
    let call = root;
    call.stacks.push(number);
    const last = path.length === 0 ? [{ ...ALL, name: `(${domain})` }] : [];
    for (const frame of [...path.map((i) => /** @type {Frame} */ (frames[i])), ...last]) {
      call = childOf(call, frame);
      call.stacks.push(number);
    }
    call.own += bytes;
  }
  return root;
}

/** @param {string} key  @param {Frame} frame  @returns {Call} */
function callOf(key, frame) {
  return { key, frame, own: 0, stacks: [], children: [] };
}

/** @param {Call} call  @param {Frame} frame  @returns {Call} */
function childOf(call, frame) {
  const key = `${call.key}\n${frameText(frame)}`;
  const known = call.children.find((other) => other.key === key);
  if (known) return known;
  const child = callOf(key, frame);
  call.children.push(child);
  return child;
}

/** The lines that hold most: of each stack the innermost frame with a line, or its innermost one.
 *  @param {Allocations} held  @returns {Line[]} */
export function linesOf({ frames, stacks }) {
  /** @type {Map<string, Line>} */
  const lines = new Map();
  for (const [number, { frames: path, domain, bytes, blocks, samples }] of stacks.entries()) {
    const own = path.map((i) => /** @type {Frame} */ (frames[i]));
    const frame = own.findLast(({ file, line, language }) => file && line > 0 && language !== 'js')
      ?? own.at(-1) ?? { ...ALL, name: `(${domain})` };
    const key = `=${frameText(frame)}`;
    const sum = lines.get(key) ?? {
      key,
      frame,
      bytes: 0,
      blocks: 0,
      samples: 0,
      stacks: /** @type {number[]} */ ([]),
    };
    sum.bytes += bytes;
    sum.blocks += blocks;
    sum.samples += samples;
    sum.stacks.push(number);
    lines.set(key, sum);
  }
  return [...lines.values()].sort((a, b) => b.bytes - a.bytes);
}

/** Whose the memory is.  A sample of a small block speaks for the pools of its size, so these are
 *  coloured by the part of their size's samples that is of these stacks; a large block where it lies.
 *  @param {HeapMap} map  @param {Uint8Array} codes  of its units
 *  @param {Allocations['sampled']} sampled  @param {ReadonlySet<number>} stacks
 *  @param {number} largest  bytes of the largest block in a pool
 *  @returns {Uint8Array<ArrayBuffer>} a code a unit, as those of a difference */
export function unitsHeldBy(map, codes, { address, size, stack }, stacks, largest) {
  const out = new Uint8Array(codes.length).fill(Code.SAME);
  /** @type {Map<number, {all: number, own: number}>} samples by size */
  const shares = new Map();
  for (let i = 0; i < address.length; i++) {
    const [bytes, own] = [size[i] ?? 0, stacks.has(stack[i] ?? -1)];
    if (bytes > largest) {
      if (own) fill(out, address[i] ?? 0, bytes);
      continue;
    }
    const share = shares.get(bytes) ?? { all: 0, own: 0 };
    shares.set(bytes, { all: share.all + 1, own: share.own + Number(own) });
  }
  const { pools } = map;
  for (let k = 0; k < pools.address.length; k++) {
    const share = shares.get(pools.blockSize[k] ?? 0);
    if (!share || share.own === 0 || (pools.blocks[k] ?? 0) === 0) continue;
    out[(pools.address[k] ?? 0) / UNIT_BYTES] =
      Code.MORE + level(share.own, share.all, DIFF_LEVELS);
  }
  return out;
}

/** @param {Uint8Array} out  @param {number} address  @param {number} bytes */
function fill(out, address, bytes) {
  const end = Math.ceil((address + bytes) / UNIT_BYTES);
  out.fill(Code.MORE + DIFF_LEVELS - 1, Math.floor(address / UNIT_BYTES), end);
}
