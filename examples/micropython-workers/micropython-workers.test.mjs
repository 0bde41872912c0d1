import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/** What the programs print, in the order of programs.c. */
const OUTPUT = [
  "[('and', 20000), ('bird', 10000), ('cat', 10000), ('dog', 10000), ('the', 30000)]",
  '40940',
  "(239979, ' 4.75', 3486784401)",
  '20 times MemoryError',
];
const WORKER = /^worker (\d): (\d+) areas, peak (\d+) KiB: (.*)$/;
const RAW = /^raw domain: 0 bytes before, 0 after, peak (\d+) KiB, (\d+) blocks in all$/;

/** @param {number} n  @returns {{ workers: string[][], raw: string[], heap: string }} */
function run(n) {
  const args = [process.env.PYM_PROGRAM, String(n)];
  const lines = execFileSync(process.execPath, args, { encoding: 'utf8' }).trimEnd().split('\n');
  const [raw, heap] = lines.splice(n);
  const workers = lines.map((line) => WORKER.exec(line)?.slice(1) ?? assert.fail(line));
  return { workers, raw: RAW.exec(raw) ?? assert.fail(raw), heap };
}

for (const n of [1, 4, 8]) {
  test(`${n} workers: each prints its program's result, and its areas go back`, () => {
    const { workers, raw, heap } = run(n);
    assert.deepEqual(
      workers.map(([, , , output]) => output),
      Array.from({ length: n }, (_, i) => OUTPUT[i % OUTPUT.length]),
    );
    const areas = workers.reduce((sum, [, count]) => sum + Number(count), 0);
    assert.equal(Number(raw[2]), areas, 'nothing else asks for raw blocks');
    assert.equal(heap, 'heap: sound');
  });
}

test('a worker comes near its limit of 4 MiB and does not pass it, the others stay small', () => {
  const peaks = run(4).workers.map(([, , peak]) => Number(peak));
  assert.ok(peaks[3] > 3500 && peaks[3] <= 4096, `${peaks[3]} KiB`);
  for (const peak of peaks.slice(0, 3)) assert.ok(peak <= 2048, `${peak} KiB`);
});
