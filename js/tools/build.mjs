/** What the package needs and the repository does not hold: both wasm files, the types, the classic
 *  script, the licence.
 *  `npm pack`, and `npm install` of this folder, run it; a clang of 19 or newer, cmake and ninja have
 *  to be there (wasm/setup.sh installs them on Debian).
 *
 *    node tools/build.mjs              what is missing or older than its sources
 *    node tools/build.mjs --wasm       the wasm files alone */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const js = fileURLToPath(new URL('../', import.meta.url));
const top = fileURLToPath(new URL('../../', import.meta.url));
const MODULES = [
  ['guest', 'js-guest', 'pymalloc.wasm'],
  ['pyodide', 'js-pyodide', 'pyodide.wasm'],
];

/** @param {string} command  @param {string[]} args */
function run(command, args) {
  execFileSync(command, args, { cwd: js, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Cmake looks for a relative toolchain file in the build folder: so the paths are whole. */
function buildWasm() {
  for (const [folder, build, file] of MODULES) {
    // Packed files that lie here already, without a checkout around them, are all that is needed.
    if (!existsSync(`${top}wasm/toolchain-freestanding.cmake`) && existsSync(`${js}wasm/${file}`))
      continue;
    try {
      run('cmake', [
        '-S',
        `${js}${folder}`,
        '-B',
        `${top}build/${build}`,
        '-G',
        'Ninja',
        '--toolchain',
        `${top}wasm/toolchain-freestanding.cmake`,
      ]);
      run('cmake', ['--build', `${top}build/${build}`]);
    } catch (error) {
      if (!existsSync(`${js}wasm/${file}`)) throw error;
      console.error(`js/wasm/${file} could not be built and stays as it is: ${error.message}`);
    }
  }
}

/** The types and the classic script, by the packages of this folder or, in a fresh clone, by those that
 *  npm fetches. */
function buildTypes() {
  const require = createRequire(import.meta.url);
  const flags = [
    '-p',
    '.',
    '--noEmit',
    'false',
    '--declaration',
    '--emitDeclarationOnly',
    '--outDir',
    'types',
  ];
  try {
    for (const name of ['typescript', 'esbuild']) require.resolve(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']);
  }
  run(process.execPath, [require.resolve('typescript/bin/tsc'), ...flags]);
  run(process.execPath, ['tools/script.mjs']);
}

buildWasm();
if (!process.argv.includes('--wasm')) {
  buildTypes();
  if (existsSync(`${top}LICENSE`)) copyFileSync(`${top}LICENSE`, `${js}LICENSE`);
}
