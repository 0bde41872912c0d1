/** A part of fuzz.mjs, with a seed of its own each time: it is printed, and plays the same again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fuzz } from './fuzz.mjs';

test('1,500 mutated modules give a typed error or a module that validates', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`SEED=${seed}`);
  const { error, written, refused } = fuzz(1500, seed);
  assert.equal(error + written + refused, 1500);
  assert.ok(error > 100 && written > 20, `${error} errors, ${written} written`);
});
