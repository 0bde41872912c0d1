import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const js = fileURLToPath(new URL('../../js/', import.meta.url));

test('the library passes the type checker', () => {
  const tsc = `${js}node_modules/typescript/bin/tsc`;
  assert.ok(existsSync(tsc), 'TypeScript is not installed: run npm ci in js/');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', js], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});
