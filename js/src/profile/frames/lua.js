/** Frames of Lua 5.4, walked in its memory by the facts of src/adapters/lua_frames.c.
 *
 *  A function of Lua has no name of its own: as in Lua's tracebacks it is called what the instruction
 *  that called it does. */

import { Known } from './known.js';
import { BadStack, placeOfFact } from './reader.js';

/** @typedef {import('./reader.js').Reader} Reader */

const DEPTH = 200;
const COROUTINES = 16;
const LINES_MOST = 4096;
const NAMES_MOST = 256;
const LOOK_BACK = 512;

const NEEDED = [
  'state',
  'modes',
  'lua_State.ci',
  'CallInfo.func',
  'LClosure.p',
  'Proto.code',
  'TString.contents',
  'OP_CALL',
  'CIST_C',
  'mode sets A',
];

/** See Walker. */
export class LuaFrames {
  #reader;
  /** Addresses of the two facts that are set at run time. */
  #state;
  #modes;
  #f;
  #known = new Known();

  /** @param {Reader} reader  @param {number} address  of the facts */
  constructor(reader, address) {
    this.#reader = reader;
    this.#f = /** @type {Record<string, any>} */ ({ ...reader.facts(address) });
    this.#state = placeOfFact(address, this.#f, 'state');
    this.#modes = placeOfFact(address, this.#f, 'modes');
    const missing = NEEDED.find((name) => this.#f[name] === undefined);
    if (missing) throw new BadStack(`no ${missing}`);
  }

  /** @param {number} n */
  frame(n) {
    return this.#known.at(n);
  }

  /** @returns {number[]} outermost first */
  walk() {
    /** @type {number[]} */
    const found = [];
    try {
      let state = this.#reader.u32(this.#state);
      this.#f['modes'] = this.#reader.u32(this.#modes);
      for (let n = 0; state && n < COROUTINES; n++) {
        const calls = this.#calls(state);
        calls.forEach((call, i) => found.push(this.#numberOf(call, calls[i - 1] ?? 0)));
        state = this.#resumed(calls.at(-1) ?? 0);
      }
    } catch (error) {
      if (!(error instanceof BadStack)) throw error;
      found.push(this.#known.note('the stack is being moved'));
    }
    return found;
  }

  /** @param {number} state  a thread  @returns {number[]} its calls, outermost first */
  #calls(state) {
    const {
      'lua_State.ci': ci,
      'lua_State.base_ci': base,
      'CallInfo.previous': previous,
    } = this.#f;
    /** @type {number[]} */
    const calls = [];
    let call = this.#reader.u32(state + ci);
    for (
      ;
      call !== state + base && call !== 0 && calls.length < DEPTH;
      call = this.#reader.u32(call + previous)
    )
      calls.push(call);
    return calls.reverse();
  }

  /** The coroutine that a call of a C function has resumed: its argument, or what it closes over.
   *  @param {number} call  the innermost of a thread  @returns {number} 0: none */
  #resumed(call) {
    if (!call || !this.#isC(call)) return 0;
    const { 'CClosure.upvalue': upvalue, LUA_VCCL, 'sizeof StackValue': slot } = this.#f;
    const func = this.#func(call);
    const places = [func + slot];
    if (this.#tag(func) === LUA_VCCL) places.unshift(this.#value(func) + upvalue);
    for (const place of places) {
      if (this.#tag(place) !== this.#f['LUA_VTHREAD']) continue;
      const thread = this.#value(place);
      const runs =
        this.#reader.u8(thread + this.#f['lua_State.status']) === 0
        && this.#reader.u32(thread + this.#f['lua_State.ci'])
          !== thread + this.#f['lua_State.base_ci'];
      if (runs) return thread;
    }
    return 0;
  }

  /** @param {number} call */
  #func(call) {
    return this.#reader.u32(call + this.#f['CallInfo.func']);
  }
  /** @param {number} value  of a TValue  @returns {number} its type, without the collector's bit */
  #tag(value) {
    return this.#reader.u8(value + this.#f['TValue.tag']) & ~this.#f['BIT_ISCOLLECTABLE'];
  }
  /** @param {number} value */
  #value(value) {
    return this.#reader.u32(value + this.#f['TValue.value']);
  }
  /** @param {number} call */
  #status(call) {
    return this.#reader.u16(call + this.#f['CallInfo.callstatus']);
  }
  /** @param {number} call */
  #isC(call) {
    return (this.#status(call) & this.#f['CIST_C']) !== 0;
  }

  /** @param {number} call  of a Lua function  @returns {{proto: number, pc: number}} */
  #place(call) {
    const func = this.#func(call);
    if (this.#tag(func) !== this.#f['LUA_VLCL']) throw new BadStack('no Lua function');
    const proto = this.#reader.u32(this.#value(func) + this.#f['LClosure.p']);
    const saved = this.#reader.u32(call + this.#f['CallInfo.savedpc']);
    const pc = (saved - this.#reader.u32(proto + this.#f['Proto.code'])) / 4 - 1;
    const code = this.#reader.u32(proto + this.#f['Proto.sizecode']);
    if (!Number.isInteger(pc) || pc < -1 || pc >= code) throw new BadStack('no instruction');
    return { proto, pc: Math.max(pc, 0) };
  }

  /** @param {number} call  @param {number} caller  0: it is the outermost  @returns {number} */
  #numberOf(call, caller) {
    const from = caller && !this.#isC(caller) ? this.#place(caller) : null;
    const by = from ? `${from.proto} ${from.pc} ${this.#status(call) & this.#f['CIST_TAIL']}` : '';
    const nameOr = (/** @type {string} */ other) =>
      (from && this.#calledName(from.proto, from.pc, call)) || other;
    if (this.#isC(call)) {
      const fn = this.#value(this.#func(call));
      return this.#known.of(
        `C ${fn} ${by}`,
        () => ({ name: nameOr('(C function)'), file: '', line: 0 }),
        'lua',
      );
    }
    const { proto, pc } = this.#place(call);
    const [source = 0, first = 0, code = 0] = ['source', 'linedefined', 'code'].map((field) =>
      this.#reader.u32(proto + this.#f[`Proto.${field}`]),
    );
    return this.#known.of(
      `${proto} ${pc} ${source} ${first} ${code} ${by}`,
      () => {
        const file = this.#source(source);
        const name = first === 0 ? 'main chunk' : nameOr(`function <${file}:${first}>`);
        return { name, file, line: this.#line(proto, pc, first) };
      },
      'lua',
    );
  }

  // ---- Names ----

  /** @param {number} proto  @param {number} pc  of the call  @param {number} call
   *  @returns {string} '' if the instruction does not say */
  #calledName(proto, pc, call) {
    const f = this.#f;
    if (this.#status(call) & (f['CIST_TAIL'] | f['CIST_FIN'])) return '';
    const instruction = this.#instruction(proto, pc);
    const op = this.#op(instruction);
    if (op === f['OP_TFORCALL']) return 'for iterator';
    if (op !== f['OP_CALL'] && op !== f['OP_TAILCALL']) return '';
    return this.#registerName(proto, pc, this.#arg(instruction, 'A'));
  }

  /** What register `a` was loaded from.
   *  @param {number} proto  @param {number} pc  @param {number} a  @returns {string} */
  #registerName(proto, pc, a) {
    const f = this.#f;
    const local = this.#localName(proto, a, pc);
    if (local) return local;
    for (let at = pc - 1; at >= Math.max(0, pc - LOOK_BACK); at--) {
      const i = this.#instruction(proto, at),
        op = this.#op(i);
      if (!this.#sets(i, op, a)) continue;
      const [b, c] = [this.#arg(i, 'B'), this.#arg(i, 'C')];
      switch (op) {
        case f['OP_MOVE']:
          return b < a ? this.#registerName(proto, at, b) : '';
        case f['OP_GETUPVAL']:
          return this.#upvalueName(proto, b);
        case f['OP_GETTABUP']:
        case f['OP_GETFIELD']:
        case f['OP_SELF']:
          return this.#constantName(proto, c);
        default:
          return '';
      }
    }
    return '';
  }

  /** @param {number} i  @param {number} op  @param {number} a  @returns {boolean} */
  #sets(i, op, a) {
    const f = this.#f,
      first = this.#arg(i, 'A');
    if (op === f['OP_LOADNIL']) return first <= a && a <= first + this.#arg(i, 'B');
    if (op === f['OP_CALL'] || op === f['OP_TFORCALL']) return a >= first;
    if (op === f['OP_SELF'] && a === first + 1) return true;
    return first === a && (this.#reader.u8(f['modes'] + op) & f['mode sets A']) !== 0;
  }

  /** @param {number} proto  @param {number} pc */
  #instruction(proto, pc) {
    return this.#reader.u32(this.#reader.u32(proto + this.#f['Proto.code']) + 4 * pc);
  }
  /** @param {number} i */
  #op(i) {
    return i & ((1 << this.#f['SIZE_OP']) - 1);
  }
  /** @param {number} i  @param {'A' | 'B' | 'C'} name */
  #arg(i, name) {
    return (i >>> this.#f[`POS_${name}`]) & ((1 << this.#f[`SIZE_${name}`]) - 1);
  }

  /** @param {number} proto  @param {number} register  @param {number} pc  @returns {string} */
  #localName(proto, register, pc) {
    const f = this.#f;
    const names = this.#reader.u32(proto + f['Proto.locvars']);
    const n = Math.min(this.#reader.u32(proto + f['Proto.sizelocvars']), NAMES_MOST);
    for (let i = 0, left = register; i < n; i++) {
      const at = names + i * f['sizeof LocVar'];
      if (this.#reader.u32(at + f['LocVar.startpc']) > pc) return '';
      if (pc >= this.#reader.u32(at + f['LocVar.endpc'])) continue;
      if (left-- === 0) return this.#string(this.#reader.u32(at + f['LocVar.varname']));
    }
    return '';
  }

  /** @param {number} proto  @param {number} i  @returns {string} */
  #upvalueName(proto, i) {
    const f = this.#f;
    if (i >= this.#reader.u32(proto + f['Proto.sizeupvalues'])) return '';
    const at = this.#reader.u32(proto + f['Proto.upvalues']) + i * f['sizeof Upvaldesc'];
    return this.#string(this.#reader.u32(at + f['Upvaldesc.name']));
  }

  /** @param {number} proto  @param {number} i  @returns {string} */
  #constantName(proto, i) {
    const f = this.#f;
    if (i >= this.#reader.u32(proto + f['Proto.sizek'])) return '';
    const at = this.#reader.u32(proto + f['Proto.k']) + i * f['sizeof TValue'];
    const tag = this.#tag(at);
    return tag === f['LUA_VSHRSTR'] ? this.#string(this.#value(at)) : '';
  }

  /** @param {number} at  a TString, 0: none  @returns {string} */
  #string(at) {
    if (at === 0) return '';
    const f = this.#f;
    const short =
      (this.#reader.u8(at + f['TString.tt']) & ~f['BIT_ISCOLLECTABLE']) === f['LUA_VSHRSTR'];
    const length = short
      ? this.#reader.u8(at + f['TString.shrlen'])
      : this.#reader.u32(at + f['TString.lnglen']);
    return this.#reader.text(at + f['TString.contents'], length);
  }

  /** @param {number} source  of a chunk  @returns {string} */
  #source(source) {
    const text = this.#string(source);
    if (/^[@=]/.test(text)) return text.slice(1);
    return `[string "${text.split('\n')[0]?.slice(0, 40) ?? ''}"]`;
  }

  // ---- Lines ----

  /** @param {number} proto  @param {number} pc  @param {number} first
   *  @returns {number} 0: the chunk was stripped */
  #line(proto, pc, first) {
    const f = this.#f;
    const deltas = this.#reader.u32(proto + f['Proto.lineinfo']);
    if (deltas === 0) return 0;
    const anchors = this.#reader.u32(proto + f['Proto.abslineinfo']);
    const n = Math.min(this.#reader.u32(proto + f['Proto.sizeabsline']), LINES_MOST);
    let [at, line] = [-1, first];
    for (let i = 0; i < n; i++) {
      const anchor = anchors + i * f['sizeof AbsLineInfo'];
      const anchorPc = this.#reader.u32(anchor + f['AbsLineInfo.pc']);
      if (anchorPc > pc) break;
      [at, line] = [anchorPc, this.#reader.u32(anchor + f['AbsLineInfo.line'])];
    }
    if (pc - at > LINES_MOST) return 0;
    while (at++ < pc) line += this.#reader.i8(deltas + at);
    return line;
  }
}
