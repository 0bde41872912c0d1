/** A cursor over the instructions of a function body or of a constant expression. */

import { Reader, malformed } from './binary.js';

/** Opcodes that somebody here asks for. */
export const OP = Object.freeze({
  LOOP: 0x03,
  END: 0x0b,
  CALL: 0x10,
  CALL_INDIRECT: 0x11,
  RETURN_CALL: 0x12,
  RETURN_CALL_INDIRECT: 0x13,
  CALL_REF: 0x14,
  RETURN_CALL_REF: 0x15,
  GLOBAL_GET: 0x23,
  MEMORY_SIZE: 0x3f,
  MEMORY_GROW: 0x40,
  I32_CONST: 0x41,
  BULK: 0xfc,
  REF_FUNC: 0xd2,
});
/** Second halves of OP.BULK. */
export const BULK = Object.freeze({ COPY: 10, FILL: 11 });

// How the immediates of an opcode look.  0: the opcode does not exist.
const NONE = 1,
  INDEX = 2,
  TWO = 3,
  BLOCK = 4,
  TABLE = 5,
  SELECT = 6,
  TRY = 7,
  CONST32 = 8,
  LEB = 9,
  F32 = 10,
  F64 = 11,
  ACCESS = 12,
  GC = 13,
  MISC = 14,
  VECTOR = 15,
  ATOMIC = 16;

const I64_CONST = 0x42;
/** Value types with a heap type behind them. */
const REF = 0x64,
  REF_NULL = 0x63;

const SHAPES = shapes();

/** @returns {Uint8Array} shape by opcode */
function shapes() {
  const out = new Uint8Array(256);
  const set = (/** @type {number} */ shape, /** @type {number[]} */ ...ops) => {
    for (const op of ops) out[op] = shape;
  };
  for (let op = 0x45; op <= 0xc4; op++) out[op] = NONE;
  for (let op = 0x28; op <= 0x3e; op++) out[op] = ACCESS;
  for (let op = 0x20; op <= 0x26; op++) out[op] = INDEX;
  set(NONE, 0x00, 0x01, 0x05, 0x0a, 0x0b, 0x0f, 0x19, 0x1a, 0x1b, 0xd1, 0xd3, 0xd4);
  set(BLOCK, 0x02, 0x03, 0x04, 0x06);
  // catch, throw, rethrow, br, br_if, calls, delegate, memory.size, memory.grow, ref.func,
  // br_on_null, br_on_non_null
  set(
    INDEX,
    0x07,
    0x08,
    0x09,
    0x0c,
    0x0d,
    0x10,
    0x12,
    0x14,
    0x15,
    0x18,
    0x3f,
    0x40,
    0xd2,
    0xd5,
    0xd6,
  );
  set(TWO, 0x11, 0x13);
  set(TABLE, 0x0e);
  set(SELECT, 0x1c);
  set(TRY, 0x1f);
  set(CONST32, 0x41);
  set(LEB, 0x42, 0xd0);
  set(F32, 0x43);
  set(F64, 0x44);
  out[0xfb] = GC;
  out[0xfc] = MISC;
  out[0xfd] = VECTOR;
  out[0xfe] = ATOMIC;
  return out;
}

/** Instructions that can be passed over without a look at what they say, by opcode: PASS.SINGLE, a
 *  block, a memory access, or the bytes at the most of one whose immediate is one LEB128 number.  0:
 *  the others, and those that facts.js counts. */
const PASS = Object.freeze({ SINGLE: 1, BLOCK: 2, ACCESS: 3, LEB32: 6, LEB64: 11 });
const PASSED = SHAPES.map((shape, op) => {
  if (op === OP.CALL || op === OP.RETURN_CALL || op === OP.MEMORY_GROW) return 0;
  if (shape === NONE) return PASS.SINGLE;
  if (shape === BLOCK) return PASS.BLOCK;
  if (shape === ACCESS) return PASS.ACCESS;
  if (shape === INDEX || shape === CONST32) return PASS.LEB32;
  return op === I64_CONST ? PASS.LEB64 : 0;
});

/** Passes over instructions of which nothing but their number is of interest.  This is the longest
 *  loop of the search for an allocator, and it runs at the start of programs: it calls nothing, so
 *  that the engine has fast code of it within milliseconds.
 *  @param {Uint8Array} bytes  @param {number} at  of an instruction  @param {number} end
 *  @param {Int32Array} counts  instructions, accesses, loops: what was passed is added
 *  @returns {number} where an instruction begins that is to be looked at, or what is not before `end` */
export function passPlain(bytes, at, end, counts) {
  let instructions = 0,
    accesses = 0,
    loops = 0;
  for (; at < end; instructions++) {
    const op = /** @type {number} */ (bytes[at]);
    const sort = PASSED[op];
    if (sort === 0) break;
    const from = at++;
    if (sort === PASS.SINGLE) continue;
    let most = sort;
    if (sort === PASS.ACCESS) {
      // Alignments from 64 on name a memory.
      if (/** @type {number} */ (bytes[at++]) >= 64) most = 0;
      else most = PASS.LEB32 + 1;
    } else if (sort === PASS.BLOCK) {
      const type = bytes[at];
      most = type === REF || type === REF_NULL ? 0 : PASS.LEB32;
    }
    while (/** @type {number} */ (bytes[at++]) >= 128);
    if (at - from > /** @type {number} */ (most)) {
      at = from;
      break;
    }
    if (sort === PASS.ACCESS) accesses++;
    else if (op === OP.LOOP) loops++;
  }
  counts[0] = /** @type {number} */ (counts[0]) + instructions;
  counts[1] = /** @type {number} */ (counts[1]) + accesses;
  counts[2] = /** @type {number} */ (counts[2]) + loops;
  return at;
}

/** Immediates of the GC instructions, by number: how many LEB128 numbers; a cast-and-branch has a
 *  byte of flags first. */
const GC_LEBS = [
  1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 0, 1, 2, 2, 2, 1, 1, 1, 1, 4, 4, 0, 0, 0, 0, 0,
];
const GC_BRANCHES = 24;

/** Reads one instruction after another.  Knows the instructions of wasm up to 3.0, the older
 *  exceptions and relaxed SIMD; an unknown one is a BAD_WASM error. */
export class Instructions {
  #r;
  /** Opcode of the instruction read last; its first byte. */
  op = 0;
  /** The second number of an opcode with a prefix. */
  sub = 0;
  /** First immediate that is an index or an i32; of a memory access the offset. */
  imm = 0;
  /** Where the instruction begins. */
  start = 0;

  /** @param {Uint8Array} bytes  @param {number} at  @param {number} end */
  constructor(bytes, at, end) {
    this.#r = new Reader(bytes, at, end);
  }

  /** Where the next instruction begins.
   *  @returns {number} */
  get at() {
    return this.#r.at;
  }
  set at(at) {
    this.#r.at = at;
  }

  /** @returns {boolean} false at the end of the range */
  next() {
    const r = this.#r;
    if (r.at >= r.end) return false;
    this.start = r.at;
    const op = (this.op = r.u8());
    this.sub = 0;
    this.imm = 0;
    switch (SHAPES[op]) {
      case NONE:
        break;
      case INDEX:
        this.imm = r.u32();
        break;
      case TWO:
        this.imm = r.u32();
        r.u32();
        break;
      case BLOCK:
        skipBlockType(r);
        break;
      case LEB:
        r.skipLeb();
        break;
      case CONST32:
        this.imm = r.s32();
        break;
      case ACCESS:
        this.#access();
        break;
      case F32:
        r.skip(4);
        break;
      case F64:
        r.skip(8);
        break;
      case TABLE:
        for (let n = r.count(); n >= 0; n--) r.u32();
        break;
      case SELECT:
        for (let n = r.count(); n > 0; n--) skipType(r);
        break;
      case TRY:
        this.#tryTable();
        break;
      case GC:
        this.#gc();
        break;
      case MISC:
        this.#misc();
        break;
      case VECTOR:
        this.#vector();
        break;
      case ATOMIC:
        this.#atomic();
        break;
      default:
        throw malformed(`unknown instruction 0x${op.toString(16)}`, this.start);
    }
    return true;
  }

  #access() {
    const r = this.#r;
    if (r.u32() & 64) r.u32(); // the memory, where there are several
    const from = r.at;
    const byte = r.bytes[from] ?? 0;
    if (byte < 128) {
      r.skip(1);
      this.imm = byte;
      return;
    }
    r.skipLeb(); // up to 64 bits
    if (r.at - from <= 5) this.imm = new Reader(r.bytes, from, r.at).u32();
  }

  #tryTable() {
    const r = this.#r;
    r.skipLeb();
    for (let n = r.count(); n > 0; n--) {
      if (r.u8() < 2) r.u32();
      r.u32();
    }
  }

  #gc() {
    const r = this.#r;
    const lebs = GC_LEBS[(this.sub = r.u32())];
    if (lebs === undefined) throw malformed(`unknown instruction 0xfb ${this.sub}`, this.start);
    if (this.sub === GC_BRANCHES || this.sub === GC_BRANCHES + 1) {
      r.u8();
      r.u32();
      r.skipLeb();
      r.skipLeb();
      return;
    }
    for (let n = lebs; n > 0; n--) r.skipLeb();
  }

  #misc() {
    const r = this.#r;
    const sub = (this.sub = r.u32());
    if (sub > 22) throw malformed(`unknown instruction 0xfc ${sub}`, this.start);
    if (sub < 8 || sub > 17) return; // saturating and wide arithmetic
    this.imm = r.u32();
    if (sub === 8 || sub === 10 || sub === 12 || sub === 14) r.u32();
  }

  #vector() {
    const r = this.#r;
    const sub = (this.sub = r.u32());
    if (sub <= 11 || sub === 92 || sub === 93) this.#access();
    else if (sub === 12 || sub === 13) r.skip(16);
    else if (sub >= 21 && sub <= 34) r.skip(1);
    else if (sub >= 84 && sub <= 91) {
      this.#access();
      r.skip(1);
    } else if (sub > 0x11f) throw malformed(`unknown instruction 0xfd ${sub}`, this.start);
  }

  #atomic() {
    const r = this.#r;
    const sub = (this.sub = r.u32());
    if (sub > 0x4e) throw malformed(`unknown instruction 0xfe ${sub}`, this.start);
    if (sub === 3) r.skip(1);
    else this.#access();
  }
}

/** @param {Reader} r  @returns {number} first byte of a value type */
export function skipType(r) {
  const type = r.u8();
  if (type === REF || type === REF_NULL) r.skipLeb();
  return type;
}

/** @param {Reader} r */
function skipBlockType(r) {
  const first = r.bytes[r.at];
  if (first === REF || first === REF_NULL) r.skip(1);
  r.skipLeb();
}

/** @param {Reader} r  at a constant expression; then behind it */
export function skipExpression(r) {
  const code = new Instructions(r.bytes, r.at, r.end);
  while (code.next()) {
    if (code.op !== OP.END) continue;
    r.at = code.at;
    return;
  }
  throw malformed('a constant expression without end', r.at);
}
