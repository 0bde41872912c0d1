/** A limit on interpreters of npm as they are: it holds within one request, the interpreter is told in
 *  its own way, and goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ENTRY, run } from './lib/run.mjs';

const LIMIT = 60_000_000;
/** What each interpreter says of a request that is refused. */
const SAYS = {
  quickjs: /^InternalError: out of memory/,
  'quickjs-asyncify': /^InternalError: out of memory/,
  'quickjs-wasi': /out of memory/,
  'sql-js': /out of memory/,
  'sqlite-wasm': /SQLITE_NOMEM.*out of memory/,
  wasmoon: /not enough memory/,
  php: /Out of memory/,
  ruby: /NoMemoryError: failed to allocate memory/,
  pyodide: /MemoryError/,
  micropython: /MemoryError/,
};

for (const [name, says] of Object.entries(SAYS)) {
  test(`${name} at a limit says so in its own way and goes on, and the limit holds exactly`, () => {
    const { stdout, stderr, status } = run('programs/limits.mjs', {
      preload: true,
      observe: 'quiet',
      args: [name],
      env: { PYM_ENTRY: ENTRY, LIMIT: String(LIMIT) },
    });
    assert.equal(status, 0, stderr);
    const { first, said, after, peakBytes, failures } = JSON.parse(
      stdout.trim().split('\n').at(-1),
    );
    assert.match(said, says);
    assert.equal(after, 42);
    assert.ok(failures > 0);
    assert.ok(peakBytes <= LIMIT, `${peakBytes} bytes live under a limit of ${LIMIT}`);
    assert.ok(
      first.liveBytes <= LIMIT && first.liveBytes + first.bytes > LIMIT,
      `${first.bytes} bytes were refused with ${first.liveBytes} live`,
    );
  });
}

/** What ends at a refusal, and how. */
const TRAPS = {
  'tree-sitter': /^RuntimeError: Aborted/,
  resvg: /^RuntimeError: unreachable/,
  yoga: /^RuntimeError: Aborted/,
};

for (const [name, says] of Object.entries(TRAPS)) {
  test(`${name} at a limit traps, with no byte live beyond it`, () => {
    const { stdout, stderr, status } = run('programs/limits.mjs', {
      preload: true,
      observe: 'quiet',
      args: [name],
      env: { PYM_ENTRY: ENTRY, LIMIT: '6000000' },
    });
    assert.equal(status, 0, stderr);
    const { first, said, peakBytes, failures } = JSON.parse(stdout.trim().split('\n').at(-1));
    assert.match(said, says);
    assert.ok(failures > 0);
    assert.ok(peakBytes <= 6_000_000, `${peakBytes} bytes live`);
    assert.ok(first.liveBytes + first.bytes > 6_000_000, JSON.stringify(first));
  });
}
