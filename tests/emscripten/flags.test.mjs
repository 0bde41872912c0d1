// The library under flags of emcc that programs are built with: each case links
// tests/emscripten/program.c, runs it under this Node.js and looks at what it printed.
//
// PYM_EMSCRIPTEN  the folder of emcc;  PYM_BUILD  a build folder of the library for it
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Group, Type, parseDescriptor } from '../../js/src/descriptor.js';

const run = promisify(execFile);
const source = fileURLToPath(new URL('../..', import.meta.url));
const { PYM_EMSCRIPTEN: emscripten, PYM_BUILD: build, PYM_CLOSURE: closure } = process.env;
assert.ok(emscripten && build, 'PYM_EMSCRIPTEN and PYM_BUILD are not set: run this by ctest');
const emcc = join(emscripten, 'emcc');
const folder = join(build, 'tests', 'flags');
mkdirSync(folder, { recursive: true });

const LIBRARY = [join(build, 'libpymalloc.a')];
const MALLOC = [join(build, 'libpymalloc_malloc.a'), '-sMALLOC=none', ...LIBRARY];
// For flags that the library itself has to be compiled with.
const port = await readFile(join(source, 'wasm/emscripten/pymalloc.py'), 'utf8');
const sourceFile = (name) => join(source, 'src', name);
const SOURCES = /CORE = '''([^]*?)'''/
  .exec(port)[1]
  .match(/[\w/]+\.c/g)
  .concat('ports/link_pymalloc_threads_instead.c')
  .map(sourceFile);
const MALLOC_SOURCES = [
  ...['api/malloc_emscripten.c', 'api/malloc_more.c', 'ports/sbrk.c'].map(sourceFile),
  '-sMALLOC=none',
  ...SOURCES,
];
const HOST_CALLS = [
  'pym_root',
  ...(await readFile(join(source, 'wasm/exports.txt'), 'utf8')).match(/^[a-z]\w*$/gm),
].sort();
const EXPORTS = [...HOST_CALLS, 'pym_descriptor']
  .map((name) => `-Wl,--export=${name}`)
  .concat(`--post-js=${join(source, 'wasm/emscripten/post.js')}`);

/** Links the program; returns the file to run. */
async function link(name, flags, { library = LIBRARY, suffix = 'js' } = {}) {
  const file = join(folder, `${name}.${suffix}`);
  await run(
    emcc,
    [
      '-O2',
      '-Wall',
      '-Werror',
      `-I${join(source, 'src')}`,
      join(source, 'tests/emscripten/program.c'),
      ...flags,
      ...library,
      ...EXPORTS,
      '-o',
      file,
    ],
    { env: { ...process.env, ...(closure ? { EM_CLOSURE_COMPILER: closure } : {}) } },
  );
  return file;
}

/** Whether Emscripten itself links the emptiest program with these flags. */
async function linksAnything(flags) {
  const file = join(folder, 'empty.c');
  await writeFile(file, 'int main(void) { return 0; }\n');
  try {
    await run(emcc, [file, '-O2', ...flags, '-o', join(folder, 'empty.js')]);
    return true;
  } catch (error) {
    if (error.stderr === undefined) throw error;
    return false;
  }
}

/** Runs it with `args`: { code, out, err }. */
async function start(file, ...args) {
  try {
    const { stdout, stderr } = await run(process.execPath, [file, ...args], {
      maxBuffer: 1 << 24,
      timeout: 60_000,
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (error.stdout === undefined) throw error;
    return { code: error.code, out: error.stdout, err: error.stderr };
  }
}

function assertSound({ code, out, err }) {
  assert.match(out, /^check: sound$/m, `${out}${err}`);
  assert.match(out, /pools/); // pym_dump
  assert.equal(code, 0);
}

const GROWTH = '-sALLOW_MEMORY_GROWTH';

describe('with these flags a program allocates, grows and its heap is sound:', {
  concurrency: 2,
}, () => {
  const cases = {
    'memory that grows': [GROWTH],
    '-O0': ['-O0', GROWTH],
    '-Oz': ['-Oz', GROWTH],
    '-O3 and assertions': ['-O3', '-sASSERTIONS=2', GROWTH],
    '-sSAFE_HEAP': ['-sSAFE_HEAP', '-O1', GROWTH],
    'emmalloc beside': ['-sMALLOC=emmalloc', GROWTH],
    'mimalloc beside': ['-sMALLOC=mimalloc', GROWTH],
    'memory that does not grow': ['-sINITIAL_MEMORY=64MB'],
    'a main module for dynamic linking': ['-sMAIN_MODULE=2', GROWTH],
  };
  for (const [name, flags] of Object.entries(cases)) {
    test(name, async () => {
      const file = await link(name.replace(/\W+/g, '-'), flags);
      assertSound(await start(file));
    });
  }
  test('pymalloc::malloc in the place of dlmalloc', async () => {
    assertSound(await start(await link('malloc', [GROWTH], { library: MALLOC })));
  });
  test('pymalloc::malloc in a main module for dynamic linking', async () => {
    const flags = ['-sMAIN_MODULE=2', GROWTH];
    assertSound(await start(await link('malloc-main-module', flags, { library: MALLOC })));
  });
  for (const [name, library] of [
    ['', SOURCES],
    [' and pymalloc::malloc', MALLOC_SOURCES],
  ]) {
    test(`-flto${name}, the library too`, async (t) => {
      // Emscripten 6.0.5 of Debian links no program with -flto alone: its libc++abi for programs
      // without exceptions misses a function.
      const flags = ['-flto', GROWTH];
      if (!(await linksAnything(flags))) flags.push('-fexceptions');
      t.diagnostic(`linked with ${flags.join(' ')}`);
      assertSound(await start(await link(name ? 'lto-malloc' : 'lto', flags, { library })));
    });
  }
  test('-Oz, the library too', async () => {
    assertSound(await start(await link('oz', ['-Oz', GROWTH], { library: SOURCES })));
  });
});

describe("malloc is the sanitizer's, and the library works, with -fsanitize=", {
  concurrency: 2,
}, () => {
  const address = ['-fsanitize=address', GROWTH, '-sINITIAL_MEMORY=128MB'];
  const fixed = ['-fsanitize=address', '-sINITIAL_MEMORY=256MB'];
  const cases = {
    address: [address, LIBRARY],
    'address and pymalloc::malloc': [address, MALLOC],
    'address and pymalloc::malloc, the library too': [address, MALLOC_SOURCES],
    'address and pymalloc::malloc, memory that does not grow': [fixed, MALLOC],
  };
  for (const [name, [flags, library]] of Object.entries(cases)) {
    test(name, async () => {
      const file = await link(`sanitize-${name.replace(/\W+/g, '-')}`, flags, { library });
      assertSound(await start(file));
      const freed = await start(file, 'write-freed');
      assert.match(freed.err, /AddressSanitizer: heap-use-after-free.*\n.*WRITE of size 1/);
      assert.match((await start(file, 'lose')).err, /LeakSanitizer: detected memory leaks/);
      if (library !== LIBRARY) return;
      const object = await start(file, 'write-freed-object');
      assert.match(object.err, /AddressSanitizer: heap-use-after-free.*\n.*WRITE of size 1/);
    });
  }
  test('address: what only blocks of ours point to counts as leaked, unless detect_leaks=0', async () => {
    const options = join(folder, 'sanitizer-options.js');
    await writeFile(options, "Module['ASAN_OPTIONS'] = process.argv[3];\n");
    const file = await link('hold', [...address, `--pre-js=${options}`], { library: MALLOC });
    assert.match((await start(file, 'hold', 'detect_leaks=1')).err, /detected memory leaks/);
    const { code, err } = await start(file, 'hold', 'detect_leaks=0');
    assert.deepEqual({ code, err }, { code: 0, err: '' });
  });
  test('leak and pymalloc::malloc', async () => {
    const file = await link('leak', ['-fsanitize=leak', GROWTH], { library: MALLOC });
    assertSound(await start(file));
    assert.match((await start(file, 'lose')).err, /LeakSanitizer: detected memory leaks/);
  });
});

describe('sbrk and write at their worst (worst_libc.c)', { concurrency: 2 }, () => {
  const flags = [
    join(source, 'tests/emscripten/worst_libc.c'),
    '-Wl,--wrap=sbrk,--wrap=write',
    '-sEXIT_RUNTIME',
    '-sFORCE_FILESYSTEM',
    GROWTH,
  ]; // without files close does nothing
  let file;
  before(async () => {
    file = await link('worst', flags);
  });

  test('memory that another thread takes between a look at the break and a growth is left alone', async () => {
    const result = await start(file);
    assertSound(result);
    assert.match(result.out, /^([4-9]|\d\d+) pieces between$/m);
  });
  test('the first memory is refused, the next is taken', async () => {
    assertSound(await start(file, 'tell'));
  });
  test('what is said on standard error arrives whole, though a write takes a part', async () => {
    const { out, err } = await start(file, 'tell');
    assert.ok(err.length > 500 && out.startsWith(err), err);
  });
  test('a report for a closed standard error is dropped', async () => {
    const result = await start(file, 'tell-nobody');
    assertSound(result);
    assert.equal(result.err, '');
  });
});

describe('what Emscripten has for malloc sees this one, with pymalloc::tracing:', () => {
  const object = join(build, 'CMakeFiles/pymalloc_tracing.dir/src/api/tracing_emscripten.c.o');
  for (const option of ['--memoryprofiler']) {
    test(option, async () => {
      const listen = join(folder, 'listen.js');
      await writeFile(
        listen,
        `const sizes = new Map(); let told = 0;
        Module['onMalloc'] = (p, n) => { told++; sizes.set(p, n); };
        Module['onRealloc'] = (q, p, n) => { told++; sizes.delete(q); sizes.set(p, n); };
        Module['onFree'] = (p) => { if (!sizes.delete(p)) console.log('an unknown block'); };
        Module['onExit'] = () => console.log('told of ' + told + ', ' + sizes.size + ' left');\n`,
      );
      const file = await link(
        `trace${option}`,
        [
          option,
          GROWTH,
          '-sEXIT_RUNTIME',
          object,
          ...(option === '--tracing' ? [`--pre-js=${listen}`] : []),
        ],
        { library: MALLOC },
      );
      const result = await start(file);
      assertSound(result);
      if (option === '--tracing') {
        const [, told, left] = /^told of (\d+), (\d+) left$/m.exec(result.out);
        assert.ok(Number(told) > 1000 && Number(left) < 20, result.out);
        assert.doesNotMatch(result.out, /unknown/);
      }
    });
  }
  test('without one of them the link fails and names what is missing', async () => {
    await assert.rejects(
      link('trace-none', [GROWTH, object], { library: MALLOC }),
      /emscripten_trace_record_/,
    );
  });
});

describe('live blocks above 2 GiB', { concurrency: 2 }, () => {
  const cases = {
    'memory grows to 4 GiB': [[GROWTH, '-sMAXIMUM_MEMORY=4GB'], LIBRARY],
    'the same, pymalloc::malloc': [[GROWTH, '-sMAXIMUM_MEMORY=4GB'], MALLOC],
    'all of 4 GiB from the start, pymalloc::malloc': [['-sINITIAL_MEMORY=4GB'], MALLOC],
  };
  for (const [name, [flags, library]] of Object.entries(cases)) {
    test(name, async () => {
      const result = await start(
        await link(`high-${name.replace(/\W+/g, '-')}`, flags, { library }),
        'high',
      );
      assertSound(result);
      assert.match(result.out, /^10 large blocks, [1-9]\d* small ones above 2 GiB/m);
    });
  }
});

describe('out of memory', { concurrency: 2 }, () => {
  const grows = [GROWTH, '-sMAXIMUM_MEMORY=64MB'];
  const bounded = {
    'where memory grows': [grows, LIBRARY],
    'where memory grows, with pymalloc::malloc': [grows, MALLOC],
    'with -sABORTING_MALLOC=0': [['-sINITIAL_MEMORY=64MB', '-sABORTING_MALLOC=0'], LIBRARY],
  };
  for (const [name, [flags, library]] of Object.entries(bounded)) {
    test(`${name} it is NULL, and a free makes room`, async () => {
      const file = await link(name.replace(/\W+/g, '-'), flags, { library });
      const result = await start(file, 'use-up');
      assertSound(result);
      const served = Number(/NULL after (\d+) MiB/.exec(result.out)[1]);
      assert.ok(served >= 60 && served < 64, `${served} MiB of 64`);
    });
  }
  test('else it is the end of the program, with a message of Emscripten', async () => {
    const { code, err } = await start(await link('aborting', ['-sINITIAL_MEMORY=64MB']), 'use-up');
    assert.notEqual(code, 0);
    assert.match(err, /Cannot enlarge memory|Aborted\(OOM\)/);
  });
});

describe('Module.pymalloc', { concurrency: 2 }, () => {
  const es6 = ['-sMODULARIZE', '-sEXPORT_ES6', GROWTH];
  const cases = {
    '-O0': ['-O0', ...es6],
    '-O2': ['-O2', ...es6],
    '-Oz': ['-Oz', ...es6],
    'assertions, imported memory': ['-sASSERTIONS=2', '-sIMPORTED_MEMORY', ...es6],
    'a fixed size': ['-sMODULARIZE', '-sEXPORT_ES6', '-sINITIAL_MEMORY=64MB'],
    'data above 2 GiB': [
      ...es6,
      '-sGLOBAL_BASE=2200000000',
      '-sINITIAL_MEMORY=2200MB',
      '-sMAXIMUM_MEMORY=4GB',
    ],
  };
  if (closure) cases.closure = ['-O2', '--closure=1', '-Wno-closure', ...es6];
  else test('closure', { skip: 'PYM_CLOSURE names no closure compiler' }, () => {});

  for (const [name, flags] of Object.entries(cases)) {
    test(`has memory, exports and descriptor: ${name}`, async () => {
      const file = await link(`module-${name.replace(/\W+/g, '-')}`, flags, { suffix: 'mjs' });
      const { default: factory } = await import(file);
      const out = [];
      const loading = {};
      const wasm = await WebAssembly.compile(await readFile(file.replace(/mjs$/, 'wasm')));
      const seen = () => {
        // with Emscripten 6 there is no Module.pymalloc yet
        const { memory, exports, descriptor } = loading.pymalloc ?? {};
        return { memory, exports, descriptor };
      };
      let early;
      const module = await factory(
        Object.assign(loading, {
          print: (line) => out.push(line),
          instantiateWasm(imports, loaded) {
            setTimeout(async () => {
              early = seen(); // in the middle of loading
              loaded(await WebAssembly.instantiate(wasm, imports));
            });
            return {};
          },
        }),
      );
      assert.deepEqual(early, { memory: undefined, exports: undefined, descriptor: undefined });
      const { memory, exports, descriptor, aborted } = module.pymalloc;
      assert.match(out.join('\n'), /^check: sound$/m);
      assert.ok(memory instanceof WebAssembly.Memory);
      assert.equal(memory, module.pymalloc.memory);
      assert.equal(aborted, false);
      const [section] = WebAssembly.Module.customSections(wasm, 'pymalloc');
      assert.deepEqual(descriptor, new Uint8Array(section));
      assert.deepEqual(Object.keys(exports).sort(), HOST_CALLS);
      for (const name of HOST_CALLS) assert.equal(typeof exports[name], 'function', name);
      const { offset, type } = parseDescriptor(descriptor).groups.get(Group.SPACE).get('magic');
      assert.equal(type, Type.U32);
      const root = new DataView(memory.buffer, (exports.pym_root() >>> 0) + offset, 4);
      assert.equal(root.getUint32(0, true), 0x43505350); // SPACE_MAGIC
      const heap = exports.pym_heap_new();
      assert.equal(exports.pym_check(heap), 0);
      exports.pym_heap_destroy(heap);
    });
  }
});

test('corruption is one line on standard error, and an abort that the module tells', async () => {
  const file = await link(
    'twice',
    [
      GROWTH,
      '-sMODULARIZE',
      '-sEXPORT_ES6',
      '-sINVOKE_RUN=0',
      '-sEXPORTED_RUNTIME_METHODS=callMain',
    ],
    { suffix: 'mjs' },
  );
  const { default: factory } = await import(file);
  const err = [];
  let told = 0;
  const module = await factory({ printErr: (line) => err.push(line), onAbort: () => told++ });
  const { exitCode } = process;
  assert.throws(() => module.callMain(['twice']), /Aborted/);
  process.exitCode = exitCode; // the glue had set it
  assert.match(err[0], /^pymalloc: double free of a raw block, address 0x[0-9a-f]{8}, raw domain$/);
  assert.equal(told, 1);
  assert.equal(module.pymalloc.aborted, true);
});
