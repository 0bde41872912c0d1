/** What each function of a module does, as far as it tells who allocates: its calls, and the
 *  addresses that it uses. */

import { malformed } from './binary.js';
import { BULK, Instructions, OP, passPlain } from './instructions.js';
import { firstInstruction, typeOf } from './module.js';

/** @typedef {import('./module.js').WasmModule} WasmModule */

/** @typedef {object} Facts
 *  @property {number} f             index of the function
 *  @property {string} type          as WasmModule.types
 *  @property {number} instructions
 *  @property {Set<number>} calls    functions called directly
 *  @property {number} indirect      calls through a table or reference
 *  @property {number} accesses      loads and stores
 *  @property {number} loops
 *  @property {boolean} grows        has memory.grow
 *  @property {boolean} fills        has memory.fill */

/** Instructions, accesses and loops that were passed over in one function. */
const PASSED = new Int32Array(3);

/** Static data begins after what C keeps free at address 0. */
const FIRST_ADDRESS = 1024;
const LAST_ADDRESS = 2 ** 28;

/** @param {WasmModule} module
 *  @returns {(Facts | undefined)[]} by function; undefined: imported */
export function factsOf(module) {
  const out = new Array(module.functions.length);
  for (let f = module.imported; f < out.length; f++) out[f] = factsOfOne(module, f);
  return out;
}

/** @param {WasmModule} module  @param {number} f  @returns {Facts} */
export function factsOfOne(module, f) {
  const { bytes } = module;
  const code = /** @type {import('./module.js').Range} */ (module.functions[f]?.code);
  const { end } = code;
  const it = new Instructions(bytes, firstInstruction(module, code), end);
  /** @type {Facts} */
  const facts = {
    f,
    type: typeOf(module, f),
    instructions: 0,
    calls: new Set(),
    indirect: 0,
    accesses: 0,
    loops: 0,
    grows: false,
    fills: false,
  };
  PASSED.fill(0);
  for (;;) {
    it.at = passPlain(bytes, it.at, end, PASSED);
    if (!it.next()) break;
    facts.instructions++;
    note(facts, it);
  }
  if (it.at > end) throw malformed('a function ends within an instruction', end);
  const [instructions = 0, accesses = 0, loops = 0] = PASSED;
  facts.instructions += instructions;
  facts.accesses += accesses;
  facts.loops += loops;
  return facts;
}

/** @param {Facts} facts  @param {Instructions} it  at an instruction of more interest */
function note(facts, { op, sub, imm }) {
  if (op === OP.CALL || op === OP.RETURN_CALL) facts.calls.add(imm);
  else if (op >= OP.CALL_INDIRECT && op <= OP.RETURN_CALL_REF) facts.indirect++;
  else if (op === OP.LOOP) facts.loops++;
  else if (op === OP.MEMORY_GROW) facts.grows = true;
  else if (op === OP.BULK && sub === BULK.FILL) facts.fills = true;
  else if (op >= 0x28 && op <= 0x3e) facts.accesses++;
}

/** @param {WasmModule} module  @param {number} f
 *  @returns {Set<number>} its constants and offsets that may be addresses of static data */
export function addressesOf(module, f) {
  const out = new Set();
  const code = module.functions[f]?.code;
  if (!code) return out;
  const it = new Instructions(module.bytes, firstInstruction(module, code), code.end);
  while (it.next()) {
    const { op, imm } = it;
    if (
      (op === OP.I32_CONST || (op >= 0x28 && op <= 0x3e))
      && imm >= FIRST_ADDRESS
      && imm < LAST_ADDRESS
    )
      out.add(imm);
  }
  return out;
}

/** @param {readonly (Facts | undefined)[]} facts
 *  @returns {Map<number, Facts[]>} callers by function, each once */
export function callersOf(facts) {
  /** @type {Map<number, Facts[]>} */
  const out = new Map();
  for (const caller of facts) {
    for (const callee of caller?.calls ?? []) {
      const list = out.get(callee);
      if (list) list.push(/** @type {Facts} */ (caller));
      else out.set(callee, [/** @type {Facts} */ (caller)]);
    }
  }
  return out;
}

/** Functions that lead to one of `ends` through at most `steps` direct calls.
 *  @param {Iterable<number>} ends  @param {Map<number, Facts[]>} callers  @param {number} steps
 *  @returns {Set<number>} with the ends */
export function leadingTo(ends, callers, steps) {
  const out = new Set(ends);
  let frontier = [...out];
  for (; steps > 0 && frontier.length > 0; steps--) {
    /** @type {number[]} */
    const next = [];
    for (const f of frontier) {
      for (const caller of callers.get(f) ?? []) {
        if (out.has(caller.f)) continue;
        out.add(caller.f);
        next.push(caller.f);
      }
    }
    frontier = next;
  }
  return out;
}

/** What a call of `roots` may run, through direct calls.
 *  @param {WasmModule} module  @param {Iterable<number>} roots
 *  @param {(f: number) => Facts | undefined} factsAt  @param {number} [steps]  calls at the most
 *  @returns {Set<number>} functions with a body */
export function reachedFrom(module, roots, factsAt, steps = Infinity) {
  /** @type {Set<number>} */
  const out = new Set();
  let frontier = [...roots];
  for (; steps >= 0 && frontier.length > 0; steps--) {
    /** @type {number[]} */
    const next = [];
    for (const f of frontier) {
      if (out.has(f) || !module.functions[f]?.code) continue;
      out.add(f);
      next.push(...(factsAt(f)?.calls ?? []));
    }
    frontier = next;
  }
  return out;
}
