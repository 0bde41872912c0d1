// The ways in which a program gets the library with Emscripten, as examples/emscripten/README.md has
// them, run with the commands of that Emscripten.
//
// PYM_EMSCRIPTEN  their folder;  PYM_BUILD  a build folder, where ctest has installed the library
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = fileURLToPath(new URL('../..', import.meta.url));
const { PYM_EMSCRIPTEN: emscripten, PYM_BUILD: build } = process.env;
assert.ok(emscripten && build, 'PYM_EMSCRIPTEN and PYM_BUILD are not set: run this by ctest');
const prefix = join(build, 'tests', 'package');
const folder = join(build, 'tests', 'consume');
const main = join(source, 'examples', 'emscripten', 'main.c');

/** A line of shell in which emcc, cmake and pkg-config are those that belong together: what the
 *  folder's emmake sees. */
async function shell(line, env = {}) {
  const { stdout } = await run(join(emscripten, 'emmake'), ['sh', '-ec', line], {
    cwd: folder,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 24,
  });
  return stdout;
}

async function assertRuns(file) {
  const { stdout, stderr } = await run(process.execPath, [join(folder, file)]);
  assert.match(stdout, /^24 bytes for 20$/m);
  assert.match(stderr, /pools/); // pym_dump_stderr
}

before(() => {
  assert.ok(existsSync(join(prefix, 'lib/pkgconfig')), `the library is not installed in ${prefix}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
});

test('emcmake cmake and find_package(pymalloc)', async () => {
  await shell(`emcmake cmake -G Ninja -S "${join(source, 'examples/emscripten')}" -B cmake \
    "-DCMAKE_FIND_ROOT_PATH=${prefix}" && cmake --build cmake`);
  await assertRuns('cmake/example.js');
});

test('emcc and pkg-config', async () => {
  await shell(`export PKG_CONFIG_LIBDIR="${prefix}/lib/pkgconfig"
    emcc -O2 "${main}" $(pkg-config --cflags --libs pymalloc-malloc pymalloc-exports) -o pc.js`);
  await assertRuns('pc.js');
});

test('with -pthread, CMake takes the archives for threads', async () => {
  await shell(`emcmake cmake -G Ninja -S "${join(source, 'examples/emscripten')}" -B cmake-threads \
    "-DCMAKE_FIND_ROOT_PATH=${prefix}" -DCMAKE_C_FLAGS=-pthread && cmake --build cmake-threads`);
  await assertRuns('cmake-threads/example.js');
});

test('with -pthread, pkg-config has packages of their own, and the others are refused', async () => {
  const link = (packages) =>
    shell(`export PKG_CONFIG_LIBDIR="${prefix}/lib/pkgconfig"
    emcc -O2 -pthread "${main}" $(pkg-config --cflags --libs ${packages}) -o threads.js`);
  await link('pymalloc-threads-malloc pymalloc-exports');
  await assertRuns('threads.js');
  await assert.rejects(link('pymalloc-malloc pymalloc-exports'), /link_pymalloc_threads_instead/);
});

test('a C++ program whose threads free what others allocated', async () => {
  await shell(`emcmake cmake -G Ninja -S "${join(source, 'examples/threads')}" -B cxx-threads \
    "-DCMAKE_FIND_ROOT_PATH=${prefix}" && cmake --build cxx-threads`);
  for (const workers of ['1', '4']) {
    const { stdout } = await run(process.execPath, [
      join(folder, 'cxx-threads/threads.js'),
      workers,
    ]);
    assert.match(stdout, /^\d workers: 400000 words, 4946 different, \d+ blocks in use$/m);
  }
});

/** Variables with which a port can be built: Debian's Emscripten lets nobody write to its cache, so
 *  there a cache of its own, with what this program needs. */
async function portCache() {
  if ((await shell('em-config FROZEN_CACHE')).trim() !== 'True') return {};
  await shell(`from=$(em-config CACHE) to=cache/sysroot/lib/wasm32-emscripten
    mkdir -p $to
    cp -r $from/sysroot/include cache/sysroot/
    cp $from/sysroot_install.stamp cache/
    find $from/sysroot/lib/wasm32-emscripten -maxdepth 1 -type f ! -name '*-mt*' ! -name '*-ww*' \
      ! -name '*asan*' ! -name '*wasmfs*' ! -name '*debug*' -exec cp -t $to {} +`);
  return { EM_CACHE: join(folder, 'cache'), EM_FROZEN_CACHE: '0' };
}

test('emcc --use-port', async () => {
  const env = await portCache();
  const port = join(source, 'wasm/emscripten/pymalloc.py');
  await shell(`emcc -O2 "${main}" --use-port="${port}:malloc=true:profile=true" -o port.js`, env);
  await assertRuns('port.js');
  const glue = readFileSync(join(folder, 'port.js'), 'utf8');
  assert.match(glue, /pymalloc/); // Module.pymalloc
  assert.match(glue, /_pym_profile=/);
  await shell(`emcc -O2 "${main}" --use-port="${port}:debug=2:exports=false" -o debug.js`, env);
  await assertRuns('debug.js');
  assert.doesNotMatch(readFileSync(join(folder, 'debug.js'), 'utf8'), /pymalloc/);
  await assert.rejects(
    shell(`emcc "${main}" --use-port="${port}:debug=3" -o no.js`, env),
    /debug.*can be/,
  );
});

test('the port has the sources of the CMake target', () => {
  const words = (text, what) => new Set(text.match(what).sort());
  const cmake = readFileSync(join(source, 'CMakeLists.txt'), 'utf8');
  const listed = /pym_library\(pymalloc STATIC([^)]*)\)/.exec(cmake)[1];
  const inCmake = words(listed, /\w+\/\w+\.c/g);
  const port = readFileSync(join(source, 'wasm/emscripten/pymalloc.py'), 'utf8');
  const inPort = words(/CORE = \'\'\'([^]*?)\'\'\'/.exec(port)[1], /\w+\/\w+\.c/g);
  for (const name of ['ports/linmem_sbrk.c', 'ports/host_posix.c', 'inspect/descriptor.c'])
    inPort.delete(name);
  for (const [, list] of port.matchAll(/^(?:ONE_THREAD|THREADS) = \[([^]*?)\]/gm))
    for (const name of list.match(/\w+\/\w+\.c/g)) inPort.add(name);
  for (const name of ['ports/lock_emscripten.c', 'ports/thread_end_pthread.c']) inPort.delete(name);
  assert.deepEqual(inPort, inCmake);
});

test('EMSDK names the Emscripten that CMake takes', async () => {
  const emsdk = join(folder, 'emsdk');
  mkdirSync(join(emsdk, 'upstream'), { recursive: true });
  symlinkSync(emscripten, join(emsdk, 'upstream', 'emscripten'));
  const options = [
    '-S',
    source,
    '-B',
    join(folder, 'with-emsdk'),
    '-DPYM_TESTS=OFF',
    '-G',
    'Ninja',
    '--toolchain',
    join(source, 'wasm/toolchain-emscripten.cmake'),
  ];
  await run('cmake', options, { env: { ...process.env, EMSDK: emsdk } });
  const rules = readFileSync(join(folder, 'with-emsdk/CMakeFiles/rules.ninja'), 'utf8');
  assert.ok(rules.includes(join(emsdk, 'upstream/emscripten/emcc')));
  const wrong = run(
    'cmake',
    options.map((o) => o.replace('with-emsdk', 'without')),
    { env: { ...process.env, EMSDK: join(folder, 'nothing') } },
  );
  await assert.rejects(wrong, /No Emscripten in/);
});
