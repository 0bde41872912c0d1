/** JavaScript for a slot of a wasm table, which takes functions of wasm only. */

import { original } from './original.js';

/** (import "m" "f" (func (param i32 i32 i32 i32) (result i32))) (export "f" (func 0)) */
const SHIM = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9, 1, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 2, 7, 1, 1,
  0x6d, 1, 0x66, 0, 0, 7, 5, 1, 1, 0x66, 0, 0,
]);

/** @type {WebAssembly.Module | undefined} */
let module;

/** @param {(reason: number, a: number, b: number, c: number) => number} fn
 *  @returns {Function} the same as a function of wasm */
export function hook(fn) {
  module ??= new original.Module(SHIM);
  const { exports } = new original.Instance(module, { m: { f: fn } });
  return /** @type {Function} */ (exports['f']);
}
