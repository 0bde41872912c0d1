/** The host's book of blocks against records that the test writes, sound ones and others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ledger } from '../../js/src/observe/ledger.js';
import { OPERATION } from '../../js/src/observe/roles.js';

const AT = 64;

/** @param {number[]} words  a ring's  @returns {Ledger} that took them, and what it counted */
function taken(...words) {
  const buffer = new ArrayBuffer(65536);
  new Uint32Array(buffer, AT, words.length).set(words);
  const ledger = new Ledger();
  ledger.take(buffer, AT, 4 * words.length);
  return ledger;
}
const { MALLOC, REALLOC, FREE } = OPERATION;

test('a record without an operation, or with one that there is not, is nonsense', () => {
  assert.equal(taken(1024, 10).nonsense, 1);
  assert.equal(taken(1024 | 4, 10).nonsense, 1);
  assert.equal(taken(1024 | MALLOC, 10).nonsense, 0);
});

test('a ring that is not of whole words, at a whole word, within the memory, is nonsense', () => {
  const buffer = new ArrayBuffer(65536);
  new Uint32Array(buffer).fill(1024 | FREE); // sound records, read from anywhere
  for (const [at, bytes] of [
    [2, 8],
    [4, 6],
    [65532, 8],
  ]) {
    const ledger = new Ledger();
    ledger.take(buffer, at, bytes);
    assert.equal(ledger.nonsense, 1, `${at} ${bytes}`);
  }
});

test('a malloc that gave nothing is a failure and no block', () => {
  const { failed, liveBlocks, nonsense } = taken(0 | MALLOC, 10);
  assert.deepEqual([failed, liveBlocks, nonsense], [1, 0, 0]);
});

test('a realloc to no bytes that gave nothing frees its block', () => {
  const { failed, liveBlocks } = taken(1024 | MALLOC, 10, 0 | REALLOC, 0, 1024);
  assert.deepEqual([failed, liveBlocks], [0, 0]);
});

test('a free where no block is known is counted, and takes nothing off', () => {
  const { unknownFrees, liveBlocks, liveBytes } = taken(1024 | MALLOC, 10, 2048 | FREE);
  assert.deepEqual([unknownFrees, liveBlocks, liveBytes], [1, 1, 10]);
});

test('a block at an address that is in use is counted, and takes the place of the other', () => {
  const { doubledAddresses, liveBlocks, liveBytes } = taken(1024 | MALLOC, 10, 1024 | MALLOC, 30);
  assert.deepEqual([doubledAddresses, liveBlocks, liveBytes], [1, 1, 30]);
});
