import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const run = (workers) =>
  execFileSync(process.execPath, [process.env.PYM_PROGRAM, workers], { encoding: 'utf8' });

for (const workers of ['2', '4', '8'])
  test(`${workers} workers: one passes its limit, the others end`, () => {
    const lines = run(workers).trim().split('\n');
    assert.equal(lines.length, Number(workers));
    const [first, ...others] = lines;
    assert.match(first, /^worker 0: sum -1, peak \d+ KiB not enough memory$/);
    assert.ok(Number(/peak (\d+)/.exec(first)[1]) <= 4096);
    for (const line of others) assert.match(line, /: sum 160000, peak \d+ KiB\s*$/);
  });
