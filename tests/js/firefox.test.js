/** toFirefox(), read by the Firefox profiler's own code: its command line, which loads a file as
 *  profiler.firefox.com does, and sums up what the functions of a thread have allocated. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { createAllocatorSync } from '../../js/src/index.node.js';

const profiler = createRequire(new URL('../package.json', import.meta.url)).resolve(
  '@firefox-devtools/profiler-cli',
);
const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
const env = {
  ...process.env,
  PROFILER_CLI_SESSION_DIR: join(folder, 'sessions'),
  PROFILER_CLI_NO_SYMBOLICATE: '1',
};
/** A command of the profiler; the first one, `load`, starts a process that has the file. */
const ask = (...args) =>
  execFileSync(process.execPath, [profiler, ...args], { encoding: 'utf8', env, timeout: 60_000 });
after(() => {
  ask('stop');
  rmSync(folder, { recursive: true });
});

/** Bytes by function, as the profiler sums up the data that it calls `strategy`. */
function functionsOf(strategy) {
  ask('strategy', strategy);
  const { functions, weightType } = JSON.parse(ask('thread', 'functions', '--json'));
  assert.equal(weightType, 'bytes');
  return new Map(
    functions.map(({ name, selfSamples, totalSamples }) => [
      name,
      { self: selfSamples, total: totalSamples },
    ]),
  );
}

test('the Firefox profiler opens it, and has the bytes of each function', async () => {
  const allocator = createAllocatorSync();
  const profile = allocator.heap.profile({ every: 1 });
  function keep(n) {
    return Array.from({ length: n }, () => allocator.malloc(100));
  }
  function twice() {
    keep(10);
    keep(20);
    return allocator.raw.malloc(5000);
  }
  twice();
  const raw = profile
    .stop()
    .live()
    .sites.find(({ domain }) => domain === 'raw').bytes;
  const file = join(folder, 'heap.json');
  writeFileSync(file, JSON.stringify(await profile.toFirefox()));
  assert.match(ask('load', file), /Selected thread: t-0 \(Heap/);
  for (const strategy of ['native-allocations', 'timing']) {
    const functions = functionsOf(strategy);
    assert.deepEqual(functions.get('keep').total, 30 * 112, strategy);
    assert.deepEqual(functions.get('twice'), { self: raw, total: raw + 30 * 112 }, strategy);
  }
  assert.match(ask('thread', 'samples-top-down'), /twice[^]*keep/);
});
