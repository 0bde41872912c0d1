/** Makes build/hosts/app: the program with the package as users get it, packed and installed, and
 *  the wasm modules that it reads.
 *
 *    node tests/hosts/pack.mjs */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

import { app, built, root } from './paths.mjs';

const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'] });

rmSync(app, { recursive: true, force: true });
mkdirSync(app, { recursive: true });
npm(`${root}js`, 'pack', '--silent', '--pack-destination', app);
const [tarball] = readdirSync(app);
writeFileSync(`${app}package.json`, JSON.stringify({ private: true, type: 'module' }));
npm(app, 'install', '--silent', '--offline', '--no-audit', '--no-fund', `./${tarball}`);

cpSync(`${root}tests/hosts/app`, app, { recursive: true });
for (const name of ['guest_export', 'guest_import']) {
  cpSync(built(`freestanding/tests/hosts/${name}.wasm`), `${app}${name}.wasm`);
}
writeFileSync(`${app}bare.wasm`, new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
