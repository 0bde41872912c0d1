/** A recorded run: every call of the allocator, as tests/traces/README.md describes the file. */

import { PymallocTypeError } from '../errors.js';

/** Operation of a record. */
export const Op = Object.freeze({
  MARK: 0,
  MALLOC: 1,
  CALLOC: 2,
  REALLOC: 3,
  REALLOC_NULL: 4,
  FREE: 5,
});
const MAGIC = 'CPYTRC01';
const HEADER_BYTES = 64;
const RECORD_BYTES = 8;
const FINISHED = 3;
/** Numbers of blocks are small: a file that has larger ones is damaged. */
const BLOCKS_MOST = 2 ** 28;

/** Frozen; the arrays have an element for each record.
 *  @typedef {object} Trace
 *  @property {number} length    records
 *  @property {number} blocks    numbers of blocks: 0..blocks - 1, used again after a free
 *  @property {Uint8Array} op    one of Op
 *  @property {Uint8Array} domain  0 raw, 1 mem, 2 object
 *  @property {Uint32Array} size   bytes asked for; of a free: of the block
 *  @property {Uint32Array} block  its number
 *  @property {boolean} finished   the program ended by itself */

/** @param {string} what  @returns {PymallocTypeError} */
function damaged(what) {
  return new PymallocTypeError(
    'BAD_TRACE',
    `not an allocation trace, or one that was cut short: `
      + `${what}. Pass what wasm-pymalloc run --record wrote, decompressed`,
  );
}

/** Reads a trace, and checks that every record makes sense after those before it.
 *  @param {Uint8Array} bytes  of the file, decompressed
 *  @returns {Readonly<Trace>}
 *  @throws {PymallocTypeError} BAD_TRACE */
export function readTrace(bytes) {
  if (bytes.length < HEADER_BYTES) throw damaged(`${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 8)) !== MAGIC) {
    throw damaged('it does not begin with CPYTRC01');
  }
  const [header, n, blocks] = [8, 12, 16].map((at) => view.getUint32(at, true));
  if (
    header === undefined
    || n === undefined
    || blocks === undefined
    || header < HEADER_BYTES
    || blocks > BLOCKS_MOST
    || header + n * RECORD_BYTES !== bytes.length
  ) {
    throw damaged(`${n} records in ${bytes.length} bytes`);
  }
  const trace = {
    length: n,
    blocks,
    op: new Uint8Array(n),
    domain: new Uint8Array(n),
    size: new Uint32Array(n),
    block: new Uint32Array(n),
    finished: false,
  };
  for (let i = 0, at = header; i < n; i++, at += RECORD_BYTES) {
    const word = view.getUint32(at, true);
    trace.op[i] = word & 7;
    trace.domain[i] = (word >>> 3) & 3;
    trace.size[i] = word >>> 5;
    trace.block[i] = view.getUint32(at + 4, true);
  }
  trace.finished = checkRecords(trace);
  return Object.freeze(trace);
}

/** @param {Trace} trace  @returns {boolean} the program ended by itself
 *  @throws {PymallocTypeError} BAD_TRACE */
function checkRecords({ length, blocks, op, domain, size, block }) {
  const live = new Uint8Array(blocks);
  let finished = false;
  for (let i = 0; i < length; i++) {
    const b = Number(block[i]);
    const is = op[i];
    if (is === Op.MARK) {
      finished ||= size[i] === FINISHED;
      continue;
    }
    const had = is === Op.REALLOC || is === Op.FREE;
    if (Number(is) > Op.FREE || domain[i] === 3 || b >= blocks || (live[b] === 1) !== had) {
      throw damaged(`record ${i}: operation ${is} on block ${b}`);
    }
    live[b] = is === Op.FREE ? 0 : 1;
  }
  return finished;
}
