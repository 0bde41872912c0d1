// Each kind of synthetic.c does the same on every allocator: PYM_MODULES is the modules' folder.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runIn } from './engines.mjs';
import { modulesOf } from './lib.mjs';
import { findKind, kindsOf } from './synthetic-lib.mjs';

const folder = process.env.PYM_MODULES;
const modules = modulesOf(folder, 'synthetic');
const work = join(folder, 'synthetic-work');
mkdirSync(work, { recursive: true });

/** After 30000 operations. */
const CHECKSUMS = {
  larson: 4292957153,
  random: 407272376,
  lifo: 838309870,
  'grow-half': 4029316930,
  'grow-eighth': 1405966270,
  text: 3376676939,
  trees: 222208092,
  calloc: 526781911,
  'live-1000': 1067221716,
  'live-1000000': 2390963952,
};
const known = kindsOf(modules.pym);

test('every kind has a checksum here', () => {
  const named = Object.keys(CHECKSUMS).map((name) => name.replace(/-\d+$/, ''));
  assert.deepEqual([...new Set(named)], known);
});

for (const [name, checksum] of Object.entries(CHECKSUMS)) {
  test(`${name} gives its checksum on every allocator and on the floor`, () => {
    const { kind, live } = findKind(name, known);
    const job = { kind, live, warmLive: live, modules, operations: 30000, rounds: 1 };
    const lines = runIn(process.execPath, 'synthetic-runner.mjs', job, join(work, 'test.json'));
    const { record, ...peers } = modules;
    assert.equal(lines.length, Object.keys(peers).length);
    for (const line of lines) assert.equal(line.checksum, checksum, `on ${line.name}`);
  });
}
