/** The functions of an allocator by what they do: their types, and where size and address are. */

/** @typedef {'malloc' | 'free' | 'calloc' | 'calloc1' | 'realloc' | 'memalign' | 'memalignSwapped'
 *    | 'posixMemalign' | 'rustAlloc' | 'rustDealloc' | 'rustAllocZeroed' | 'rustRealloc'} RoleName
 *    Rust's have the alignment beside the size, its dealloc and realloc the old size too */

/** Operations as records name them, and traces too. */
export const OPERATION = Object.freeze({ MALLOC: 1, CALLOC: 2, REALLOC: 3, FREE: 5 });

/** @typedef {object} Shape
 *  @property {string} type       as WasmModule.types
 *  @property {number} operation
 *  @property {readonly number[]} size    parameters whose product is the size
 *  @property {number | null} before      parameter that is the block so far
 *  @property {number | null} result      parameter that is where the address is written to
 *  @property {number} refusal            what is returned when memory is out */

const ENOMEM = 48; // as Emscripten and wasi-libc number it

/** @type {Readonly<Record<RoleName, Shape>>} */
export const ROLES = Object.freeze({
  malloc: shape('i:i', OPERATION.MALLOC, [0]),
  free: shape('i:', OPERATION.FREE, [], { before: 0 }),
  calloc: shape('ii:i', OPERATION.CALLOC, [0, 1]),
  calloc1: shape('i:i', OPERATION.CALLOC, [0]),
  realloc: shape('ii:i', OPERATION.REALLOC, [1], { before: 0 }),
  memalign: shape('ii:i', OPERATION.MALLOC, [1]),
  memalignSwapped: shape('ii:i', OPERATION.MALLOC, [0]),
  posixMemalign: shape('iii:i', OPERATION.MALLOC, [2], { result: 0, refusal: ENOMEM }),
  rustAlloc: shape('ii:i', OPERATION.MALLOC, [0]),
  rustDealloc: shape('iii:', OPERATION.FREE, [], { before: 0 }),
  rustAllocZeroed: shape('ii:i', OPERATION.CALLOC, [0]),
  rustRealloc: shape('iiii:i', OPERATION.REALLOC, [3], { before: 0 }),
});

/** @param {string} type  @param {number} operation  @param {readonly number[]} size
 *  @param {{before?: number, result?: number, refusal?: number}} [more]
 *  @returns {Readonly<Shape>} */
function shape(type, operation, size, { before, result, refusal = 0 } = {}) {
  return Object.freeze({
    type,
    operation,
    size,
    before: before ?? null,
    result: result ?? null,
    refusal,
  });
}
