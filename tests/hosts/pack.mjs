/** Makes build/packed: the package as users get it, packed and installed; beside it the programs of
 *  the tests that use it, and the wasm modules that they read.
 *
 *    node tests/hosts/pack.mjs */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

import { app, built, packed, root } from './paths.mjs';

const npm = (cwd, ...args) =>
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });

rmSync(packed, { recursive: true, force: true });
mkdirSync(packed, { recursive: true });
npm(`${root}js`, 'pack', '--silent', '--pack-destination', packed);
const [tarball] = readdirSync(packed);
writeFileSync(`${packed}package.json`, JSON.stringify({ private: true, type: 'module' }));
npm(packed, 'install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`);

for (const name of ['hosts', 'bundlers']) {
  cpSync(`${root}tests/${name}/app`, `${packed}${name}`, { recursive: true });
}
for (const file of [
  'freestanding/tests/hosts/guest_export.wasm',
  'freestanding/tests/hosts/guest_import.wasm',
  'emscripten/tests/hosts/guest_emscripten.mjs',
  'emscripten/tests/hosts/guest_emscripten.wasm',
]) {
  cpSync(built(file), `${app}${basename(file)}`);
}
cpSync(`${app}guest_export.wasm`, `${app}guest_export.bin`);
writeFileSync(`${app}bare.wasm`, new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
