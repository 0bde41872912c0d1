// The hosts that are not JavaScript: Go with wazero, C with WasmEdge.
//
//   node --test examples/hosts/hosts.test.mjs     as the preset `other-hosts` builds and runs it
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../..', import.meta.url));
const build = process.env.PYM_BUILD ?? join(top, 'build');
const run = (script, ...args) =>
  execFileSync(join(top, 'examples/hosts', script), args, { cwd: top, encoding: 'utf8' });

test('the Go host refuses the quota of two of three tenants, and reads what each uses', () => {
  const output = run('go/run.sh', join(build, 'tenant/tenant.wasm'));
  const rows = output
    .trim()
    .split('\n')
    .map((row) =>
      /^(\w+) +quota +(\d+): +(\d+) of.* (\d+) bytes live in (\d+) blocks, (\d+)/.exec(row),
    );
  assert.deepEqual(
    rows.map((row) => row?.slice(1)),
    [
      ['small', '100000', '2500', '100000', '2500', '1'],
      ['large', '2000000', '5000', '200000', '5000', '0'],
      ['buffers', '1000000', '33', '990264', '33', '1'],
    ],
    output,
  );
});

test('the C host sets a limit, runs SQLite and prints what --stats prints', () => {
  const output = run(
    'c/run.sh',
    '1000000',
    join(build, 'sqlite/sqlite.wasm'),
    'examples/sqlite/programs/shop.sql',
  );
  assert.match(output, /^ +domain +live/m);
  assert.match(output, /limit of the heap: 977 KiB/);
});
