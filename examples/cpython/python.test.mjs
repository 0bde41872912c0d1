// python.wasm and python-malloc.wasm under node:wasi, run by this project's own command line.
// PYM_PYTHON is the folder of the modules, PYM_PYTHON_VERSION 3.13 or 3.11; expected/ holds what a
// native Python 3.11 printed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const here = fileURLToPath(new URL('.', import.meta.url));
const cli = fileURLToPath(new URL('../../js/bin/wasm-pymalloc.js', import.meta.url));
const { PYM_PYTHON: folder, PYM_PYTHON_VERSION: version } = process.env;
const since313 = { skip: version === '3.11' && 'CPython 3.11 has none' };

/** Runs python.wasm, or another module, with `args`. */
function python(args, { module = 'python', env = {}, options = [] } = {}) {
  const guestEnv = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--no-warnings',
      cli,
      'run',
      '--dir',
      `${folder}/lib::/usr/local/lib`,
      '--dir',
      `${here}programs::/programs`,
      ...guestEnv,
      ...options,
      join(folder, `${module}.wasm`),
      ...args,
    ],
    { encoding: 'utf8', cwd: here },
  );
  return { status, stdout, stderr };
}

/** What Python code prints. */
function run(code, how) {
  const { status, stdout, stderr } = python(['-c', code], how);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Runs Python code in a thread; what it writes to standard error is an address, and the header of
 *  the raw block there is overwritten from outside.  Resolves to the texts written, by descriptor. */
function withDamage(code) {
  const source = `
    const { workerData: { file, lib, code }, parentPort } = require('node:worker_threads');
    const { readFileSync } = require('node:fs');
    const { WASI } = require('node:wasi');
    const wasi = new WASI({ version: 'preview1', args: ['python', '-c', code], returnOnExit: true,
      preopens: { '/usr/local/lib': lib } });
    const texts = {};
    let memory;
    const imports = Object.fromEntries(Object.entries(wasi.wasiImport)
      .map(([name, fn]) => [name, (...args) => Reflect.apply(fn, undefined, args)]));
    imports.fd_write = (fd, iovs, n, written) => {
      const view = new DataView(memory.buffer);
      const at = view.getUint32(iovs, true), size = view.getUint32(iovs + 4, true);
      texts[fd] = Buffer.from(memory.buffer, at, size).toString();
      if (fd === 2) view.setUint32(Number(texts[fd]) - 4, 0xdddddddd, true);
      view.setUint32(written, size, true);
      return 0;
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)),
      { wasi_snapshot_preview1: imports });
    memory = instance.exports.memory;
    wasi.start(instance);
    parentPort.postMessage(texts);`;
  return new Promise((resolve, reject) => {
    const workerData = { file: join(folder, 'python.wasm'), lib: join(folder, 'lib'), code };
    new Worker(source, { eval: true, workerData, resourceLimits: { stackSizeMb: 64 } })
      .once('message', resolve)
      .once('error', reject);
  });
}

const SMALL = {
  binary_trees: 8,
  churn: 2000,
  graphs: 1,
  json_texts: 1,
  nbody: 200,
  pickles: 4,
  regexes: 1,
  richards: 1,
  texts: 1,
};

for (const module of ['python', 'python-malloc']) {
  test(`${module}: the programs print what they print natively`, () => {
    const names = readdirSync(join(here, 'programs')).filter((f) => f.endsWith('.py'));
    assert.deepEqual(
      names.sort(),
      Object.keys(SMALL).map((name) => `${name}.py`),
    );
    for (const [name, size] of Object.entries(SMALL)) {
      const { status, stdout, stderr } = python([`/programs/${name}.py`, String(size)], { module });
      assert.equal(status, 0, stderr);
      assert.equal(stdout, readFileSync(join(here, 'expected', `${name}-${size}.txt`), 'utf8'));
    }
  });
}

test('the command line reports what objects took', () => {
  const out = join(mkdtempSync(join(tmpdir(), 'pym-')), 'report.json');
  const { status } = python(['/programs/json_texts.py', '1'], { options: ['--json', out] });
  const { stats } = JSON.parse(readFileSync(out, 'utf8'));
  rmSync(join(out, '..'), { recursive: true });
  assert.equal(status, 0);
  assert.ok(stats.domains.object.totalBlocks > 100_000);
  assert.ok(stats.domains.mem.totalBlocks > 1000 && stats.domains.raw.totalBlocks > 100);
  assert.equal(stats.domains.raw.liveBlocks, 0);
});

describe('module pymalloc', () => {
  test('stats() counts a list of a known size', () => {
    const [grown, blocks] = run(`
import pymalloc
a = pymalloc.stats()["domains"]["mem"]
kept = [0] * 100_000
b = pymalloc.stats()["domains"]["mem"]
print(b["live_bytes"] - a["live_bytes"], b["live_blocks"] - a["live_blocks"])`)
      .split(' ')
      .map(Number);
    assert.ok(grown >= 400_000 && grown < 402_000, String(grown));
    assert.ok(blocks >= 1 && blocks < 10);
  });

  test('stats() of classes, pages and growth agree with the host', () => {
    const out = join(mkdtempSync(join(tmpdir(), 'pym-')), 'report.json');
    const { stdout } = python(
      [
        '-c',
        `
import json, pymalloc
print(json.dumps(pymalloc.stats()))`,
      ],
      { options: ['--json', out] },
    );
    const inside = JSON.parse(stdout),
      { stats } = JSON.parse(readFileSync(out, 'utf8'));
    rmSync(join(out, '..'), { recursive: true });
    const pages = stats.pages.memory - inside.pages.memory; // what it grew by afterwards
    assert.ok(pages >= 0 && pages < 4, `${inside.pages.memory} and ${stats.pages.memory}`);
    assert.equal(stats.pages.owned - inside.pages.owned, pages);
    assert.ok(inside.growth.grows > 0 && inside.growth.grows <= stats.growth.grows);
    const sizes = inside.classes.map((c) => c.block_size);
    assert.ok(sizes.includes(32) && sizes.every((s) => s % 8 === 0 && s <= 512));
    for (const c of inside.classes) assert.ok(c.live_blocks <= c.total_blocks);
    assert.equal(inside.hard_limit, null);
  });

  test('dump() writes the report where it is told to', () => {
    const text = run(`
import io, pymalloc
f = io.StringIO()
pymalloc.dump(file=f)
print(f.getvalue())`);
    assert.match(text, /Small block threshold = 512/);
    assert.match(text, /# arenas allocated current/);
    // Counters of different moments would wrap around: nothing is allocated while it is made.
    assert.doesNotMatch(text, /\d(,\d{3}){5}/);
    const { stderr } = python(['-c', 'import pymalloc; pymalloc.dump()']);
    assert.match(stderr, /Small block threshold = 512/);
  });

  test('at the limit there is a MemoryError, and Python goes on', () => {
    const text = run(`
import pymalloc
print(pymalloc.limit, pymalloc.soft_limit)
pymalloc.limit = 12 << 20
kept = []
try:
    while True:
        kept.append(bytearray(1000))
except MemoryError:
    many = len(kept)
    del kept
print(many > 5000, pymalloc.limit, pymalloc.stats()["hard_limit"])
pymalloc.limit = None
kept = [bytearray(1000) for _ in range(2 * many)]
print(pymalloc.limit, pymalloc.check())`);
    assert.equal(text, 'None None\nTrue 12582912 12582912\nNone None\n');
  });

  test('what is no limit is refused with a word', () => {
    assert.equal(
      run(`
import pymalloc
for bad in "64M", 1.5, -1, 2**32 - 1, 2**80:
    try:
        pymalloc.limit = bad
    except (TypeError, ValueError) as error:
        print(type(error).__name__)
try:
    del pymalloc.soft_limit
except AttributeError:
    print(pymalloc.limit, pymalloc.soft_limit)`),
      'TypeError\nTypeError\nValueError\nValueError\nValueError\nNone None\n',
    );
  });

  test('check() tells of a damaged heap', async () => {
    const texts = await withDamage(`
import os, pymalloc
kept = bytearray(5000)
os.write(2, str(next(a for a, n, _ in pymalloc.snapshot()["map"]["blocks"] if 5000 < n < 5100)).encode())
try:
    pymalloc.check()
except RuntimeError as error:
    os.write(1, str(error).encode())
os._exit(0)`);
    assert.match(texts[1], /header|chunk|size/);
  });

  test('snapshot() has every large block and can become JSON', () => {
    assert.equal(
      run(`
import json, pymalloc
kept = bytearray(123_456)
s = json.loads(json.dumps(pymalloc.snapshot()))
large = [b for b in s["map"]["blocks"] if 123_456 <= b[1] < 124_000]
pools = sum(c["pools"] for c in s["stats"]["classes"])
print(len(large), large[0][2], 0 < len(s["map"]["pools"]) <= pools, s["version"])`),
      // Bytes of a bytearray are of the mem domain since 3.12.  The walk gives pools back that have
      // nothing in them.
      `1 ${version === '3.11' ? 'object' : 'mem'} True 1\n`,
    );
  });
});

describe('PYTHONMALLOC', () => {
  const LIVE =
    'import pymalloc; print(pymalloc.stats()["domains"]["object"]["live_blocks"] > 1000)';
  const OVERFLOW = 'import _testcapi; _testcapi.pymem_buffer_overflow()';

  for (const [name, ours] of [
    ['default', true],
    ['pymalloc', true],
    ['debug', true],
    ['pymalloc_debug', true],
    ['malloc', false],
    ['malloc_debug', false],
    ['', true],
  ]) {
    test(`${name || 'an empty value'}: ${ours ? 'the library serves' : 'libc serves'}`, () => {
      const text = run(`${LIVE}; import os; print(os.environ["PYTHONMALLOC"])`, {
        env: { PYTHONMALLOC: name },
      });
      assert.equal(text, `${ours ? 'True' : 'False'}\n${name}\n`);
    });
  }

  for (const name of ['mimalloc', 'mimalloc_debug']) {
    test(`${name}: CPython's own mimalloc serves, beside the library`, since313, () => {
      const code =
        'import pymalloc; kept = [bytearray(100) for _ in range(50_000)]; '
        + 'd = pymalloc.stats()["domains"]; '
        + 'print(d["object"]["live_blocks"] + d["mem"]["live_blocks"], pymalloc.check())';
      assert.equal(run(code, { env: { PYTHONMALLOC: name } }), '0 None\n');
    });
  }

  test("a value that is none is refused in CPython's words", () => {
    const { status, stderr } = python(['-c', 'pass'], { env: { PYTHONMALLOC: 'nonsense' } });
    assert.notEqual(status, 0);
    assert.match(stderr, /PYTHONMALLOC: unknown allocator/);
  });

  test('with -I it is not looked at', () => {
    const { stdout } = python(['-I', '-c', LIVE], { env: { PYTHONMALLOC: 'malloc' } });
    assert.equal(stdout, 'True\n');
  });

  for (const [how, args, env] of [
    ['debug', [], { PYTHONMALLOC: 'debug' }],
    ['-X dev', ['-X', 'dev'], {}],
    ['malloc_debug', [], { PYTHONMALLOC: 'malloc_debug' }],
  ]) {
    test(`${how}: a write behind a block is reported`, () => {
      const { status, stderr } = python([...args, '-c', OVERFLOW], { env });
      assert.equal(status, 134);
      assert.match(stderr, /Debug memory block at address p=0x[0-9a-f]+: API 'm'/);
      assert.match(stderr, /16 bytes originally requested/);
      assert.match(stderr, /at tail\+0: 0x78 \*\*\* OUCH/);
    });
  }

  test('-X dev with PYTHONMALLOC=malloc: the variable wins', () => {
    const { stdout } = python(['-X', 'dev', '-c', LIVE], { env: { PYTHONMALLOC: 'malloc' } });
    assert.equal(stdout, 'False\n');
  });

  test('PYTHONMALLOCSTATS=1 prints the report at exit', () => {
    const { status, stderr } = python(['-c', 'pass'], { env: { PYTHONMALLOCSTATS: '1' } });
    assert.equal(status, 0);
    assert.match(stderr, /Small block threshold = 512/);
  });
});

test('tracemalloc sees blocks of the library', () => {
  assert.equal(
    run(`
import tracemalloc
tracemalloc.start()
kept = [object() for _ in range(1000)]
size, peak = tracemalloc.get_traced_memory()
print(12_000 < size < 60_000, peak >= size)`),
    'True True\n',
  );
});

test('with malloc taken over, what libc asks for is in the statistics', () => {
  const count = (module) =>
    Number(
      run('import pymalloc; print(pymalloc.stats()["domains"]["object"]["total_blocks"])', {
        module,
      }),
    );
  assert.ok(count('python-malloc') > count('python') + 20);
});

test(
  "a host finds CPython's debug offsets by the exported global _PyRuntime",
  since313,
  async () => {
    const module = await WebAssembly.compile(readFileSync(join(folder, 'python.wasm')));
    const stubs = WebAssembly.Module.imports(module).map(({ name }) => [name, () => 0]);
    const { exports } = await WebAssembly.instantiate(module, {
      wasi_snapshot_preview1: Object.fromEntries(stubs),
    });
    const view = new DataView(exports.memory.buffer, exports._PyRuntime.value);
    assert.equal(Buffer.from(view.buffer, view.byteOffset, 8).toString(), 'xdebugpy');
    const hex = view.getBigUint64(8, true); // PY_VERSION_HEX
    assert.equal(`${hex >> 24n}.${(hex >> 16n) & 0xffn}`, '3.13');
  },
);
test('a leak is named by function, file and line in a heap profile', () => {
  const work = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
  try {
    const source = readFileSync(`${here}../profile/leak.py`, 'utf8').split('\n');
    const line = source.findIndex((text) => text.includes('the leak')) + 1;
    const file = join(work, 'leak.folded');
    const { status, stderr } = python(['/profile/leak.py'], {
      options: ['--profile', file, '--every', '16K', '--dir', `${here}../profile::/profile`],
    });
    assert.deepEqual([status, stderr], [0, '']);
    const rows = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((row) => [row, Number(row.split(' ').at(-1))]);
    const sum = (all) => all.reduce((n, [, bytes]) => n + bytes, 0);
    const leak = rows.filter(([row]) =>
      row.includes(`;Handler.handle (/profile/leak.py:${line});`),
    );
    assert.ok(sum(leak) > 7e5, `${sum(leak)} of ${sum(rows)}`);
    // Python's frames are outside, the interpreter's own below them.
    assert.match(leak[0][0], /^<module> \(\/profile\/leak\.py:\d+\);main .*;_?Py\w+/);
  } finally {
    rmSync(work, { recursive: true });
  }
});
