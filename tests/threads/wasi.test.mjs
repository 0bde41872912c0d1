// Threads that the program itself asks the host for, through wasi.thread-spawn.
//
// PYM_MODULE  tests/threads/wasi_threads.c, linked for shared memory
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { instantiate } from './wasi_host.mjs';

const module = new WebAssembly.Module(readFileSync(process.env.PYM_MODULE));

for (const threads of [1, 2, 8]) {
  test(`${threads} threads by wasi.thread-spawn: blocks hold, the heap is sound`, () => {
    const seed = Number(process.env.PYM_SEED ?? 1 + Math.floor(Math.random() * 2 ** 31));
    console.log(`PYM_SEED=${seed}`);
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 4096, shared: true });
    const ids = new Int32Array(new SharedArrayBuffer(4));
    assert.equal(instantiate(module, memory, ids).exports.run(threads, seed), threads);
    assert.equal(ids[0], threads);
  });
}
