// What a release holds, in a folder of its own, byte for byte the same from the same sources and tools:
//
//   node cmake/release.mjs FOLDER [--url https://where/the/files/will/be]
//
//   pymalloc-VERSION-{wasi,emscripten,freestanding}[-hardened].tar.gz   archives, headers, CMake package
//   pymalloc-VERSION-src.tar.gz    the sources
//   wasm-pymalloc-VERSION.tgz      the npm package
//   pymalloc.py                    the port for emcc that fetches the sources from the address
//   pymalloc-VERSION.spdx.json     the bill of materials
//   SHA256SUMS
//
// docs/releasing.md has the steps around it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const [folder, option, address] = process.argv.slice(2);
if (!folder || (option && option !== '--url')) {
  console.error('node cmake/release.mjs FOLDER [--url ADDRESS]');
  process.exit(2);
}
const out = resolve(folder);
const work = join(out, 'work');
const version = /PYM_VERSION "(.*)"/.exec(readFileSync(join(top, 'src/pymalloc.h'), 'utf8'))[1];
const url = address ?? 'https://example.org/set-by-option-url';
const TARGETS = ['wasi', 'emscripten', 'freestanding'];
const BUILDS = { '': 0, '-hardened': 1 };
const SOURCES = [
  'CHANGELOG.md',
  'CMakeLists.txt',
  'LICENSE',
  'README.md',
  'cmake',
  'docs',
  'src',
  'wasm',
];

function run(command, args, options = {}) {
  return execFileSync(command, args, {
    cwd: top,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
}

/** The time that files get: SOURCE_DATE_EPOCH, that of the commit, or none. */
function epoch() {
  if (process.env.SOURCE_DATE_EPOCH) return Number(process.env.SOURCE_DATE_EPOCH);
  try {
    return Number(
      run('git', ['log', '-1', '--format=%ct'], { stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  } catch {
    return 0;
  }
}
const time = epoch();

/** Packs DIRECTORY, which lies in work, in an order and with times that are always the same. */
function pack(directory) {
  const tar = run(
    'tar',
    [
      '--sort=name',
      `--mtime=@${time}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mode=u+rwX,go+rX,go-w',
      '--exclude=__pycache__',
      '-cf',
      '-',
      directory,
    ],
    { cwd: work, encoding: 'buffer' },
  );
  const gz = execFileSync('gzip', ['-9', '-n'], { input: tar, maxBuffer: 1 << 26 });
  writeFileSync(join(out, `${directory}.tar.gz`), gz);
}

function archives(target, suffix) {
  const name = `pymalloc-${version}-${target}${suffix}`;
  const build = join(work, `build-${target}${suffix}`);
  console.log(name);
  run('cmake', [
    '-S',
    top,
    '-B',
    build,
    '-G',
    'Ninja',
    '--log-level=WARNING',
    '-DPYM_TESTS=OFF',
    `-DPYM_DEBUG=${BUILDS[suffix]}`,
    '-DCMAKE_BUILD_TYPE=Release',
    '-DCMAKE_INSTALL_PREFIX=/usr',
    `-DCMAKE_C_FLAGS=-ffile-prefix-map=${top}=pymalloc -ffile-prefix-map=${build}=build`,
    '--toolchain',
    join(top, `wasm/toolchain-${target}.cmake`),
  ]);
  run('cmake', ['--build', build]);
  run('cmake', ['--install', build, '--prefix', join(work, name)]);
  for (const file of ['LICENSE', 'CHANGELOG.md']) cpSync(join(top, file), join(work, name, file));
  pack(name);
}

function sources() {
  const name = `pymalloc-${version}-src`;
  for (const file of SOURCES) cpSync(join(top, file), join(work, name, file), { recursive: true });
  pack(name);
}

/** The two wasm files of the package are built here, its types by its own script. */
function npmPackage() {
  const toolchain = join(top, 'wasm/toolchain-freestanding.cmake');
  for (const guest of ['guest', 'pyodide']) {
    const build = join(work, `js-${guest}`);
    run('cmake', [
      '-S',
      join(top, 'js', guest),
      '-B',
      build,
      '-G',
      'Ninja',
      '--log-level=WARNING',
      '--toolchain',
      toolchain,
    ]);
    run('cmake', ['--build', build]);
  }
  run('npm', ['pack', '--silent', '--pack-destination', out], { cwd: join(top, 'js') });
}

function port() {
  const sum = createHash('sha512')
    .update(readFileSync(join(out, `pymalloc-${version}-src.tar.gz`)))
    .digest('hex');
  const text = readFileSync(join(top, 'wasm/emscripten/pymalloc.py'), 'utf8');
  const release = `RELEASE = ('${version}', '${url}/pymalloc-${version}-src.tar.gz',\n           '${sum}')`;
  if (!/^RELEASE = None$/m.test(text))
    throw new Error('wasm/emscripten/pymalloc.py has no RELEASE');
  writeFileSync(join(out, 'pymalloc.py'), text.replace(/^RELEASE = None$/m, release));
}

const sha256 = (name) =>
  createHash('sha256')
    .update(readFileSync(join(out, name)))
    .digest('hex');

/** SPDX 2.3: each file is a package without any other in it, for there is none. */
function bill(files) {
  const created = new Date(time * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const packages = files.map((name, i) => ({
    SPDXID: `SPDXRef-${i}`,
    name,
    versionInfo: version,
    downloadLocation: `${url}/${name}`,
    filesAnalyzed: false,
    licenseConcluded: 'MIT',
    licenseDeclared: 'MIT',
    copyrightText: 'NOASSERTION',
    checksums: [{ algorithm: 'SHA256', checksumValue: sha256(name) }],
  }));
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `wasm-pymalloc-${version}`,
    documentNamespace: `${url}/pymalloc-${version}.spdx.json`,
    creationInfo: { created, creators: ['Tool: cmake/release.mjs'] },
    packages,
    relationships: packages.map(({ SPDXID }) => ({
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: SPDXID,
    })),
  };
  writeFileSync(
    join(out, `pymalloc-${version}.spdx.json`),
    `${JSON.stringify(document, null, 2)}\n`,
  );
}

const made = () =>
  readdirSync(out)
    .filter((name) => name !== 'work' && name !== 'SHA256SUMS')
    .sort();

rmSync(out, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
for (const target of TARGETS) {
  for (const suffix of Object.keys(BUILDS)) archives(target, suffix);
}
sources();
npmPackage();
port();
bill(made());
const sums = made()
  .map((name) => `${sha256(name)}  ${name}\n`)
  .join('');
writeFileSync(join(out, 'SHA256SUMS'), sums);
rmSync(work, { recursive: true });
console.log(`${sums}in ${out}`);
