import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

test('6 GiB are filled, limited, half of them freed, and shown', () => {
  const folder = mkdtempSync(`${tmpdir()}/pymalloc-heap64-`);
  let text;
  try {
    mkdirSync(`${folder}/node_modules`);
    symlinkSync(here('../../js'), `${folder}/node_modules/wasm-pymalloc`);
    cpSync(here('heap64.mjs'), `${folder}/heap64.mjs`);
    const args = ['--preserve-symlinks', 'heap64.mjs', process.env.PYM_PROGRAM];
    text = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.match(text, /^96 tables of 64 MiB\n7 more, then the limit/);
  assert.match(text, /: all tables are whole\n/);
  assert.match(text, /^ {2}raw +3\.25 GiB +52 +6\.44 GiB/m);
  assert.match(text, /^5 GiB {2}[#.]{64}$/m);
  assert.match(text, /^0x1[0-9a-f]{8}: A block of 67108872 bytes in the raw domain: live\./m);
});
