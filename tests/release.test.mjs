// What a release holds: twice the same bytes, complete, and it can be used.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'pymalloc-release-'));
after(() => rmSync(scratch, { recursive: true }));
const folders = ['one', 'a-second/folder'].map((name) => join(scratch, name));
const url = 'https://example.org/files';
for (const folder of folders) {
  execFileSync(process.execPath, [join(top, 'cmake/release.mjs'), folder, '--url', url], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
const [files, again] = folders.map((folder) => readdirSync(folder).sort());
const version = /PYM_VERSION "(.*)"/.exec(readFileSync(join(top, 'src/pymalloc.h'), 'utf8'))[1];
const bytes = (name, folder = folders[0]) => readFileSync(join(folder, name));

test('two runs in two folders give the same bytes', () => {
  assert.deepEqual(files, again);
  for (const name of files) assert.ok(bytes(name).equals(bytes(name, folders[1])), name);
});

test('every file has its checksum, in SHA256SUMS and in the bill of materials', () => {
  const sums = new Map(
    bytes('SHA256SUMS')
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split('  ').reverse()),
  );
  assert.deepEqual(
    [...sums.keys()],
    files.filter((name) => name !== 'SHA256SUMS'),
  );
  for (const [name, sum] of sums) {
    assert.equal(createHash('sha256').update(bytes(name)).digest('hex'), sum, name);
  }
  const bill = JSON.parse(bytes(`pymalloc-${version}.spdx.json`));
  assert.equal(bill.spdxVersion, 'SPDX-2.3');
  for (const { name, checksums } of bill.packages) {
    assert.equal(checksums[0].checksumValue, sums.get(name), name);
  }
  assert.equal(bill.packages.length, files.length - 2);
});

test('there are archives of each target, plain and hardened, that differ', () => {
  for (const target of ['wasi', 'emscripten', 'freestanding']) {
    const [plain, hardened] = ['', '-hardened'].map((suffix) => {
      const name = `pymalloc-${version}-${target}${suffix}`;
      const at = join(scratch, 'unpacked');
      mkdirSync(at, { recursive: true });
      execFileSync('tar', ['-xzf', join(folders[0], `${name}.tar.gz`), '-C', at]);
      for (const file of [
        'LICENSE',
        'include/pymalloc/pymalloc.h',
        'lib/pkgconfig/pymalloc.pc',
        'lib/cmake/pymalloc/pymallocConfig.cmake',
      ]) {
        assert.ok(readFileSync(join(at, name, file)).length > 0);
      }
      return readFileSync(join(at, name, 'lib/libpymalloc.a'));
    });
    assert.ok(!plain.equals(hardened), target);
    assert.ok(!plain.includes(top) && !hardened.includes(top), 'no path of this machine');
  }
});

test('the port has the address and the checksum of the sources', () => {
  const port = bytes('pymalloc.py').toString();
  const sum = createHash('sha512')
    .update(bytes(`pymalloc-${version}-src.tar.gz`))
    .digest('hex');
  assert.ok(port.includes(`${url}/pymalloc-${version}-src.tar.gz`) && port.includes(sum));
});
