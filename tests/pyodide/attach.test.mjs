/** A stock Pyodide of npm that attach() was called on: what it does from then on.  One release a run:
 *  PYODIDE=314 node --test ... */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';

import { attach, attachSync, detach } from '../../js/src/pyodide.node.js';
import { alive, load, loadHook, objectBlocks, sound, version, withoutGrowth } from './lib.mjs';

function liveBytes(heap) {
  const { mem, object } = heap.stats().domains;
  return mem.liveBytes + object.liveBytes;
}

/** @param {number} room  bytes more than live now */
const limitTo = (heap, room) => heap.setLimits({ heap: { hard: liveBytes(heap) + room } });

describe(`Pyodide ${version}`, () => {
  let pyodide;
  let heap;
  before(async () => {
    pyodide = await load();
    pyodide.runPython(`
      old = {i: [str(i)] * (i % 40) for i in range(4000)}
      old_text = "".join(map(str, range(9000)))
      old_list = list(range(3000))`);
    heap = await attach(pyodide);
  });

  test('objects made after attach are served by this package, with the right results', () => {
    const before = objectBlocks(heap);
    alive(pyodide, heap);
    assert.ok(objectBlocks(heap) > before + 20000);
    const { mem, raw } = heap.stats().domains;
    assert.ok(mem.totalBlocks > 1000);
    assert.equal(raw.totalBlocks, 0); // the raw domain stays Pyodide's
  });

  test('the module pymalloc refuses names that it does not have, and has help and dir', () => {
    assert.throws(
      () => pyodide.runPython('import pymalloc; pymalloc.limt = 1'),
      /AttributeError: pymalloc has no attribute 'limt'.*limit and soft_limit/,
    );
    const names = pyodide.runPython('",".join(n for n in dir(pymalloc) if not n.startswith("_"))');
    assert.equal(names, 'check,dump,limit,snapshot,soft_limit,stats');
    const help = pyodide.runPython(
      'import pydoc; pydoc.render_doc(pymalloc, renderer=pydoc.plaintext)',
    );
    assert.match(help, /snapshot\(\)/);
  });

  test('a second attach returns the same heap', async () => {
    assert.equal(await attach(pyodide), heap);
    assert.equal(attachSync(pyodide, {}), heap);
    assert.equal(await attach(pyodide, null), heap);
    const [a, b] = await Promise.all([attach(pyodide), attach(pyodide)]);
    assert.equal(a, b);
  });

  test('blocks from before attach are resized and freed by the allocator that made them', () => {
    const { liveBlocks } = heap.stats().domains.object;
    assert.equal(
      pyodide.runPython(`
      import gc
      for i in range(0, 4000, 2): del old[i]
      old_list.extend(range(5000))
      del old_list[100:]
      old_text += "x" * 5000
      n = (len(old), sum(map(len, old.values())), sum(old_list), len(old_text))
      del old, old_list, old_text
      gc.collect()
      str(n)`),
      '(2000, 40000, 4950, 39890)',
    );
    assert.ok(heap.stats().domains.object.liveBlocks < liveBlocks + 2000);
    sound(heap);
  });

  test('Heap shows what Python holds: statistics, map, events', () => {
    const grown = [];
    const off = heap.on('grow', (event) => grown.push(event));
    // Beyond 64 MiB, where the first bitmap of who owns what ends.
    pyodide.runPython(`
      hold = [bytes(60) for _ in range(200_000)]
      large = [bytearray(1_000_000) for _ in range(50)]`);
    assert.ok(pyodide._module.HEAPU8.length > 80 << 20);
    const { domains, pages } = heap.stats();
    const live = () => heap.stats().domains.object.liveBytes + heap.stats().domains.mem.liveBytes;
    const held = live(); // from Python 3.15 on a bytearray lies in the object domain
    assert.ok(domains.object.liveBytes > 200_000 * 72);
    const map = heap.map();
    assert.equal(map.pages.length, pages.memory);
    assert.equal(pages.memory * 65536, pyodide._module.HEAPU8.length);
    assert.ok(map.pools.address.length * 4096 > 200_000 * 72);
    heap.poll();
    off();
    assert.ok(grown.length > 0);
    assert.ok(grown.every((e) => e.pagesAfter > e.pagesBefore));
    pyodide.runPython('del hold, large');
    assert.ok(live() < held - 200_000 * 72 - 49_000_000);
    sound(heap);
  });

  test('at the hard limit Python gets a MemoryError and goes on', () => {
    const limits = [];
    const off = heap.on('limit', (event) => limits.push(event));
    const { mem, object } = heap.stats().domains;
    heap.setLimits({ heap: { hard: mem.liveBytes + object.liveBytes + (4 << 20) } });
    for (const expression of [
      'bytearray(50_000_000)',
      '[bytes(100) for _ in range(100_000)]',
      '"x" * 30_000_000',
      '{i: str(i) for i in range(200_000)}',
    ]) {
      assert.equal(
        pyodide.runPython(`
        try:
            ${expression}
            result = "no error"
        except MemoryError:
            result = "MemoryError"
        result`),
        'MemoryError',
        expression,
      );
    }
    heap.poll();
    off();
    assert.ok(limits.some((e) => e.limit === 'hard' && e.bytes >= 50_000_000));
    heap.setLimits({ heap: { hard: null } });
    alive(pyodide, heap);
  });

  test('what JavaScript passes and a limit refuses is a MemoryError there', () => {
    pyodide.runPython('1');
    limitTo(heap, 1_000_000);
    const array = new Uint8Array(8_000_000); // smaller than memory: a copy to address 0 would fit
    const error = { type: 'MemoryError' };
    pyodide.globals.set('give', () => array);
    for (const refused of [
      () => pyodide.toPy(array),
      () => pyodide.toPy(new Uint8Array(100_000_000)),
      () => pyodide.toPy({ a: [array] }),
      () => pyodide.toPy(Array.from({ length: 500_000 }, (_, i) => i)),
      () =>
        pyodide.toPy([new (class Other {})()], { defaultConverter: (_, again) => again(array) }),
      () => pyodide.runPython('give().to_py()'),
      () => pyodide.globals.set('text', 'x'.repeat(8_000_000)),
    ]) {
      assert.throws(refused, error, String(refused));
      assert.equal(pyodide.runPython('1 + 1'), 2, String(refused));
    }
    heap.setLimits({ heap: { hard: null } });
    const copy = pyodide.toPy(array, { defaultConverter: () => 0 });
    assert.equal(copy.length, array.length);
    copy.destroy();
    alive(pyodide, heap);
  });

  test('the recipe of docs/pyodide.md: after a MemoryError there is room to clean up in', () => {
    const program = 'rows = []\nwhile True: rows.append([len(rows)])';
    for (let round = 0; round < 2; round++) {
      const usual = liveBytes(heap) + (2 << 20);
      heap.setLimits({ heap: { hard: usual } });
      const run = () => pyodide.runPython(program, { globals: pyodide.toPy({}) });
      assert.throws(run, { type: 'MemoryError' });
      heap.setLimits({ heap: { hard: usual + (4 << 20) } });
      pyodide.runPython('import gc; gc.collect()');
      heap.setLimits({ heap: { hard: null } });
      alive(pyodide, heap);
    }
  });

  test('files in memory are not counted', () => {
    limitTo(heap, 2_000_000);
    pyodide.runPython(`
      with open("/tmp/large", "wb") as file:
          for _ in range(80): file.write(bytes(100_000))`);
    assert.equal(pyodide.FS.stat('/tmp/large').size, 8_000_000);
    pyodide.FS.unlink('/tmp/large');
    heap.setLimits({ heap: { hard: null } });
  });

  test('where nothing is left Python raises, by a reserve that is set aside anew', () => {
    for (let round = 0; round < 2; round++) {
      const before = liveBytes(heap);
      limitTo(heap, 100);
      assert.throws(() => pyodide.runPython('kept = []\nwhile True: kept.append([len(kept)])'));
      assert.ok(liveBytes(heap) <= before + 100, 'the limit is exact, the reserve is in it');
      assert.equal(pyodide.runPython('1 + 1'), 2);
      heap.setLimits({ heap: { hard: null } });
      pyodide.runPython('kept = None');
      alive(pyodide, heap); // time to set the reserve aside
    }
  });

  test('when memory cannot grow Python gets a MemoryError and goes on', async () => {
    const failures = () => heap.stats().growth.failures;
    const before = failures();
    const result = await withoutGrowth(() =>
      pyodide.runPython(`
      keep = []
      try:
          while True: keep.append(bytes(100_000))
      except MemoryError:
          result = "MemoryError"
      del keep
      result`),
    );
    assert.equal(result, 'MemoryError');
    assert.ok(failures() > before);
    alive(pyodide, heap);
  });

  test('Python can import pymalloc', () => {
    const result = pyodide.runPython(`
      import io, pymalloc, sys
      def error(fn):
          try: fn()
          except Exception as e: return f"{type(e).__name__}: {e}"
      before = pymalloc.stats()
      keep = [bytes(400) for _ in range(1000)]
      large = bytes(9000)
      after = pymalloc.stats()
      snapshot = pymalloc.snapshot()
      text = io.StringIO()
      pymalloc.dump(text)
      pymalloc.check()
      assert pymalloc.limit is None and pymalloc.soft_limit is None
      sum_live = sum(d["live_bytes"] for d in after["domains"].values())
      pymalloc.limit = sum_live + 2_000_000
      assert pymalloc.limit == sum_live + 2_000_000
      assert error(lambda: bytes(4_000_000)) == "MemoryError: "
      pymalloc.limit = None
      pymalloc.soft_limit = 5; pymalloc.soft_limit = None
      assert error(lambda: setattr(pymalloc, "limit", -1)).startswith("ValueError")
      assert error(lambda: setattr(pymalloc, "limit", 2**32)).startswith("ValueError")
      assert error(lambda: setattr(pymalloc, "limit", "1")).startswith("TypeError")
      assert error(lambda: setattr(pymalloc, "limit", 1.5)).startswith("TypeError")
      assert sys.modules["pymalloc"] is pymalloc and pymalloc.__version__
      address = id(large)
      import json
      json.dumps({
        "object": after["domains"]["object"]["live_blocks"] - before["domains"]["object"]["live_blocks"],
        "keys": sorted(after), "map": sorted(snapshot["map"]), "class": sorted(after["classes"][0]),
        "pages": after["pages"], "hard": after["domains"]["mem"]["hard_limit"],
        "large": [b for b in snapshot["map"]["blocks"] if b[0] == address],
        "pools": len(snapshot["map"]["pools"]), "segments": len(snapshot["map"]["segments"]),
        "dump": text.getvalue(), "version": pymalloc.__version__,
      })`);
    const found = JSON.parse(result);
    assert.ok(found.object >= 1000 && found.object < 2500, String(found.object));
    assert.deepEqual(found.keys, [
      'classes',
      'domains',
      'growth',
      'hard_limit',
      'pages',
      'soft_limit',
    ]);
    assert.deepEqual(found.map, ['blocks', 'free', 'pools', 'segments']);
    assert.deepEqual(found.class, [
      'block_size',
      'free_blocks',
      'live_blocks',
      'peak_pools',
      'pools',
      'total_blocks',
    ]);
    assert.equal(found.hard, null);
    assert.equal(found.pages.memory * 65536, pyodide._module.HEAPU8.length);
    assert.equal(found.large.length, 1);
    assert.equal(found.large[0][2], 'object');
    assert.ok(found.large[0][1] >= 9000);
    assert.ok(found.pools > 100 && found.segments > 0);
    assert.match(found.dump, /^Small block threshold = 512/);
    const manifest = new URL('../../js/package.json', import.meta.url);
    assert.equal(found.version, JSON.parse(readFileSync(manifest, 'utf8')).version);
  });

  test('pymalloc.dump() without a standard error prints nothing', () => {
    pyodide.runPython(`
      import pymalloc, sys
      kept, sys.stderr = sys.stderr, None
      try: pymalloc.dump()
      finally: sys.stderr = kept`);
  });

  test('a snapshot leaves nothing behind, and is a MemoryError where there is no room for it', async () => {
    const used = () => heap.stats().domains.mem.liveBytes;
    pyodide.runPython('import pymalloc; rows = [bytes(20) for _ in range(400_000)]');
    const before = used();
    pyodide.runPython('import gc\nfor _ in range(3): pymalloc.snapshot()\ngc.collect()');
    assert.ok(used() < before + 50_000, `${used()} bytes, ${before} before`);
    assert.equal(
      await withoutGrowth(() =>
        pyodide.runPython(`
      keep = []
      try:
          while True: keep.append(bytes(20_000))
      except MemoryError:
          try: result = sorted(pymalloc.snapshot())
          except MemoryError: result = "MemoryError"
      del keep, rows
      str(result)`),
      ),
      'MemoryError',
    );
    alive(pyodide, heap);
  });

  test('exceptions, coroutines and KeyboardInterrupt work as before', async () => {
    assert.throws(() => pyodide.runPython('raise ValueError("x" * 700)'), /ValueError: x{700}/);
    assert.equal(
      await pyodide.runPythonAsync(`
      import asyncio
      async def f(n): 
          await asyncio.sleep(0)
          return [n] * n
      sum(map(len, await asyncio.gather(*(f(i) for i in range(100)))))`),
      4950,
    );
    const flag = new Uint8Array(1);
    pyodide.setInterruptBuffer(flag);
    flag[0] = 2;
    assert.throws(
      () =>
        pyodide.runPython(`
      keep = []
      while True: keep.append(object())`),
      /KeyboardInterrupt/,
    );
    pyodide.setInterruptBuffer(undefined);
    alive(pyodide, heap);
  });

  test('tracemalloc started after attach sees every block, and stops', () => {
    assert.equal(
      pyodide.runPython(`
      import tracemalloc
      tracemalloc.start()
      hold = [bytes(1000) for _ in range(500)]
      traced = tracemalloc.get_traced_memory()[0] > 500_000
      del hold
      tracemalloc.stop()
      traced`),
      true,
    );
    alive(pyodide, heap);
  });

  test('an allocator hook installed after attach counts, and comes off again', async () => {
    const hook = await loadHook(pyodide);
    hook.hook_install();
    const before = objectBlocks(heap);
    alive(pyodide, heap);
    hook.hook_remove();
    assert.ok(hook.hook_calls() > 20000);
    assert.ok(objectBlocks(heap) > before + 20000);
    alive(pyodide, heap);
  });

  test('ctypes may set an allocator: Python and the heap stay sound', (t) => {
    const found = pyodide.runPython(`
      try:
          import ctypes
          api = ctypes.pythonapi
          slots = (ctypes.c_void_p * 5)()
          api.PyMem_GetAllocator(2, ctypes.byref(slots))
          api.PyMem_SetAllocator(2, ctypes.byref(slots))
          result = "set"
      except (ImportError, AttributeError, OSError) as e:
          result = str(e)
      result`);
    if (found !== 'set') t.diagnostic(`no ctypes here: ${found}`);
    alive(pyodide, heap);
  });

  test('detach says what lives, serves it on and takes nothing new; attach resumes', async () => {
    pyodide.runPython('kept = [str(i) * 3 for i in range(2000)]; kept_big = bytearray(100_000)');
    heap.setLimits({ heap: { hard: 1 << 30 }, object: { soft: 1 } });
    const { liveBlocks, liveBytes } = detach(pyodide);
    assert.equal(heap.limits.heap.hard, null);
    assert.equal(heap.limits.object.soft, null);
    assert.ok(liveBlocks > 2000 && liveBytes > 100_000);
    const before = objectBlocks(heap);
    alive(pyodide, heap);
    assert.equal(objectBlocks(heap), before);
    pyodide.runPython('kept_big.extend(kept_big); del kept, kept_big');
    const after = detach(pyodide);
    assert.ok(after.liveBlocks <= liveBlocks - 2000, `${after.liveBlocks} of ${liveBlocks}`);
    sound(heap);
    assert.equal(await attach(pyodide), heap);
    alive(pyodide, heap);
    assert.ok(objectBlocks(heap) > before + 20000);
    heap.setLimits({ heap: { hard: 1 << 30 } });
    await attach(pyodide); // changes nothing
    assert.equal(heap.limits.heap.hard, 1 << 30);
    heap.setLimits({ heap: { hard: null } });
  });
});

test(`Pyodide ${version}: damage is told by pymalloc.check(), and on the console when it is met`, async (t) => {
  const told = t.mock.method(console, 'error', () => {});
  const pyodide = await load();
  const heap = await attach(pyodide);
  const said = [];
  pyodide.globals.set('say', (text) => said.push(text));
  pyodide.globals.set('damage', (id) => pyodide._module.HEAPU8.fill(0x55, id - 8, id));
  // At once: whoever frees a neighbour of the block would notice it too.
  assert.throws(() =>
    pyodide.runPython(`
    import io, pymalloc
    pymalloc.dump(io.StringIO())
    x = bytes(9000)
    damage(id(x))
    try: pymalloc.check()
    except RuntimeError as e: say(str(e))
    del x`),
  );
  assert.match(said.join(), /header/);
  const lines = told.mock.calls.map(({ arguments: [line] }) => line).join('\n');
  assert.match(lines, /header was overwritten|header overwritten/);
  assert.match(heap.stats().fault.cause, /header/);
});
