/** attach() on a stock Pyodide of npm in other states than just loaded: with hooks of CPython's own,
 *  from a memory snapshot; and what it refuses.  One release a run: PYODIDE=314 node --test ... */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';

import {
  attach,
  attachSync,
  compilePyodide,
  detach,
  PymallocError,
} from '../../js/src/pyodide.node.js';
import {
  alive,
  allocators,
  load,
  loadHook,
  objectBlocks,
  sound,
  version,
  withoutGrowth,
} from './lib.mjs';

const thrown = (code) => (error) => error instanceof PymallocError && error.code === code;

describe(`Pyodide ${version} with hooks of CPython's own`, () => {
  test('tracemalloc that was on before attach goes on, and stops', async () => {
    const pyodide = await load();
    pyodide.runPython(`
      import tracemalloc
      tracemalloc.start()
      old = [bytes(1000) for _ in range(500)]`);
    const heap = await attach(pyodide);
    assert.equal(
      pyodide.runPython(`
      new = [bytes(1000) for _ in range(500)]
      traced = tracemalloc.get_traced_memory()[0] > 1_000_000
      del old
      tracemalloc.stop()
      traced`),
      true,
    );
    const before = objectBlocks(heap);
    alive(pyodide, heap);
    pyodide.runPython('del new');
    assert.ok(objectBlocks(heap) > before + 20000);
    sound(heap);
  });

  const debug = { env: { HOME: '/home/pyodide', PYTHONMALLOC: 'debug' } };

  test('the debug hooks stay above, under tracemalloc too', async () => {
    const pyodide = await load(debug);
    pyodide.runPython(`
      import tracemalloc
      tracemalloc.start()
      old = [bytes(i) for i in range(2000)]`);
    const before = allocators(pyodide);
    const heap = await attach(pyodide);
    assert.deepEqual(allocators(pyodide), before); // they are the topmost still
    pyodide.runPython('del old; tracemalloc.stop()');
    assert.notEqual(allocators(pyodide)[5], 0); // the debug hook, which has a context
    alive(pyodide, heap);
    assert.ok(objectBlocks(heap) > 20000);
  });

  test('they report a damaged block of ours; then Pyodide is dead, which attach says', async () => {
    const lines = [];
    const pyodide = await load({ ...debug, stderr: (line) => lines.push(line) });
    const before = allocators(pyodide);
    assert.notEqual(before[5], 0);
    const heap = await attach(pyodide);
    assert.deepEqual(allocators(pyodide), before);
    alive(pyodide, heap);
    const [address, size] = pyodide.runPython('x = bytes(40); [id(x), x.__sizeof__()]').toJs();
    pyodide._module.HEAPU8[address + size] = 1;
    assert.throws(() => pyodide.runPython('del x'));
    assert.match(lines.join('\n'), /bad trailing pad byte/);
    await assert.rejects(attach(pyodide), thrown('ABORTED'));
  });
});

test(`Pyodide ${version} from a memory snapshot; its maker from a callback`, async () => {
  const maker = await load({ _makeSnapshot: true });
  const snapshot = maker.makeMemorySnapshot();
  const pyodide = await load({ _loadSnapshot: snapshot });
  alive(pyodide, await attach(pyodide));

  const wasm = await compilePyodide();
  let heap;
  maker.globals.set('attach', () => {
    heap = attachSync(maker, { wasm });
  });
  assert.equal(
    maker.runPython(`
    def deep(n):
        values = [str(i) for i in range(n)]
        if n == 50: attach()
        return len(values) + (deep(n - 1) if n else 0)
    deep(100)`),
    5050,
  );
  alive(maker, heap);
  assert.throws(() => maker.makeMemorySnapshot(), thrown('UNSUPPORTED'));
});

describe(`Pyodide ${version}, what attach refuses`, () => {
  let pyodide;
  let untouched;
  before(async () => {
    pyodide = await load();
    untouched = state();
  });
  const state = () => [
    allocators(pyodide),
    pyodide._module.wasmTable.length,
    pyodide._module.stackSave(),
    pyodide.runPython('import sys, _tracemalloc; sys.getrefcount(_tracemalloc)'),
  ];
  const refused = async (value, code) => {
    await assert.rejects(attach(value), thrown(code));
    assert.throws(() => attachSync(value, {}), thrown(code));
  };
  const stays = () => {
    assert.deepEqual(state(), untouched);
    alive(pyodide);
  };

  test('what is no Pyodide', async () => {
    for (const value of [
      undefined,
      null,
      1,
      'pyodide',
      {},
      { _module: {} },
      () => {},
      { version: '314.0.7', _module: null },
      { _module: {}, runPython() {} },
      { version: '314.0.7', _module: null, runPython() {} },
    ])
      await refused(value, 'NOT_PYODIDE');
    await refused(Promise.resolve(pyodide), 'LOADING');
    assert.throws(() => detach({}), thrown('NOT_PYODIDE'));
  });

  test('a version that is not known, a build without what is needed', async () => {
    for (const other of ['0.27.7', '0.30.0', '3140.0.0', '316.0.0']) {
      await refused(Object.create(pyodide, { version: { value: other } }), 'UNSUPPORTED');
    }
    const { _PyMem_SetAllocator: gone, ...rest } = pyodide._module;
    assert.equal(typeof gone, 'function');
    for (const value of [rest, { ...pyodide._module, HEAPU8: undefined }]) {
      await refused(Object.create(pyodide, { _module: { value } }), 'UNSUPPORTED');
    }
    stays();
  });

  test('a memory that cannot grow', async () => {
    await withoutGrowth(() => assert.rejects(attach(pyodide), thrown('NO_ROOM')));
    stays();
  });

  test('a file that is not the side module', async () => {
    await assert.rejects(attach(pyodide, { wasm: new Uint8Array([1, 2]) }), thrown('NOT_WASM'));
    await assert.rejects(
      attach(pyodide, { wasm: new URL('file:///nowhere.wasm') }),
      thrown('LOAD_FAILED'),
    );
    const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    await assert.rejects(attach(pyodide, { wasm: empty }), thrown('NO_DESCRIPTOR'));
    await assert.rejects(attach(pyodide, { wasm: 'file:///nowhere.wasm' }), thrown('LOAD_FAILED'));
    for (const options of [undefined, null, {}, { wasm: 'pyodide.wasm' }]) {
      assert.throws(() => attachSync(pyodide, options), {
        code: 'BAD_ARGUMENT',
        message: /await compilePyodide/,
      });
    }
    const other = new URL('../../js/wasm/pymalloc.wasm', import.meta.url);
    await assert.rejects(attach(pyodide, { wasm: other }), thrown('BAD_ARGUMENT'));
    stays();
  });

  test('a side module of another layout, or that the dynamic linker does not take', async () => {
    const bytes = readFileSync(new URL('../../js/wasm/pyodide.wasm', import.meta.url));
    const record = bytes.indexOf('first_heap');
    bytes[record + 25] = 1; // its type: now a byte
    await assert.rejects(attach(pyodide, { wasm: bytes }), thrown('BAD_DESCRIPTOR'));
    const refusing = {
      ...pyodide._module,
      loadWebAssemblyModule() {
        throw new WebAssembly.LinkError('no');
      },
    };
    await assert.rejects(
      attach(Object.create(pyodide, { _module: { value: refusing } })),
      thrown('UNSUPPORTED'),
    );
    stays();
  });

  test('detach without attach', () => {
    assert.throws(() => detach(pyodide), thrown('BAD_ARGUMENT'));
    stays();
  });

  test('malloc itself, if it was installed with a context', async () => {
    const { _module: module } = pyodide;
    const install = (domain, words) => {
      const before = module.stackSave();
      const at = module.stackAlloc(20);
      new Uint32Array(module.HEAPU8.buffer, at, 5).set(words);
      module._PyMem_SetAllocator(domain, at);
      module.stackRestore(before);
    };
    const [, ...functions] = allocators(pyodide, 2); // they look at no context
    for (const start of ['', 'import tracemalloc; tracemalloc.start()']) {
      for (const [context, domains] of [
        [0xfffffff0, [2]],
        [4096, [0, 1, 2]],
      ]) {
        pyodide.runPython(start);
        const kept = domains.map((domain) => allocators(pyodide, domain));
        for (const domain of domains) install(domain, [context, ...functions]);
        await assert.rejects(attach(pyodide), thrown('FOREIGN_HOOK'));
        domains.forEach((domain, i) => install(domain, kept[i]));
        if (start) pyodide.runPython('tracemalloc.stop()');
      }
    }
    stays();
  });

  test('a hook of another package; when it is gone, a coroutine that uses a wheel may attach', async () => {
    const hook = await loadHook(pyodide);
    hook.hook_install();
    await assert.rejects(attach(pyodide), thrown('FOREIGN_HOOK'));
    alive(pyodide);
    hook.hook_remove();
    const wheel = pyodide.runPython(`
        import io, zipfile
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as z:
            z.writestr("small_wheel.py", "def squares(n): return [i * i for i in range(n)]")
            info = "small_wheel-1.0.dist-info/"
            z.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: small-wheel\\nVersion: 1.0\\n")
            z.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
            z.writestr(info + "RECORD", "")
        file.getvalue()`);
    const bytes = wheel.toJs();
    wheel.destroy();
    pyodide.unpackArchive(bytes, 'wheel');
    let heap;
    pyodide.globals.set('attach', async () => {
      heap = await attach(pyodide);
    });
    const result = await pyodide.runPythonAsync(`
        import small_wheel
        rows = [small_wheel.squares(i) for i in range(300)]
        await attach()
        rows += [small_wheel.squares(i) for i in range(300)]
        sum(map(sum, rows))`);
    assert.equal(
      result,
      2 * [...Array(300).keys()].reduce((s, n) => s + ((n - 1) * n * (2 * n - 1)) / 6, 0),
    );
    alive(pyodide, heap);
  });
});
