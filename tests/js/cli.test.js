import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { assemble, commandOver, op, print, printImports } from './lib/guest.js';
import { Image } from './lib/image.js';
import { built, cli, cliStarted, watchedLines } from './lib/run.js';

const folder = mkdtempSync(join(tmpdir(), 'wasm-pymalloc-'));
after(() => rmSync(folder, { recursive: true }));

function file(name, contents) {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

const hello = print(1, 'hello');
const exit = (code) => [...op.i32(code), ...op.call(1)];
const plain = file(
  'plain.wasm',
  assemble({
    imports: printImports,
    data: hello.data,
    functions: [['_start', 'none', [...hello.code, ...exit(7)]]],
  }),
);
const image = new Image();
image.set('space', image.root, { pages_owned: 10, grows: 3 });
image.set('heap', image.heap, {
  pools_used: 9,
  raw_segments: 1,
  raw_bytes: 65536,
  pools: { 4: 9 },
  pools_peak: { 4: 9 },
});
image.setClass('obj', 4, { mallocs: 1000, live: 1000 });
image.set('domain', image.domain(2), { peak: 33000 });
const linked = file('linked.wasm', commandOver(image, [...hello.code, ...exit(3)], hello));
const trapping = file(
  'trapping.wasm',
  commandOver(image, [...hello.code, ...op.unreachable], hello),
);

/** One line on standard error, nothing on standard output, exit code 125. */
function refused(args, message, options) {
  const { stdout, stderr, status } = cli(args, options);
  assert.match(stderr, message);
  assert.equal(stderr.trimEnd().split('\n').length, 1);
  assert.equal(stdout, '');
  assert.equal(status, 125);
}

test('output is untouched and the exit code passed on', () => {
  const { stdout, stderr, status } = cli(['run', plain]);
  assert.deepEqual([stdout, stderr, status], ['hello', '', 7]);
});

test('a program that returns from _start ends with 0', () => {
  const empty = file('empty.wasm', assemble({ functions: [['_start', 'none', []]] }));
  assert.equal(cli(['run', empty]).status, 0);
});

test('--stats prints a report after the program, on standard error', () => {
  const { stdout, stderr, status } = cli(['run', '--stats', linked]);
  assert.equal(stdout, 'hello');
  assert.match(stderr, /memory report: .*linked\.wasm, exit code 3/);
  assert.match(stderr, /object +31\.3 KiB +1,000/);
  assert.equal(status, 3);
});

test('a trap is told with exit code 134, and the report still printed', () => {
  const { stdout, stderr, status } = cli(['run', '--stats', trapping]);
  assert.equal(stdout, 'hello');
  assert.match(stderr, /trapping\.wasm trapped: RuntimeError: unreachable/);
  assert.match(stderr, /memory report: .*trapped/);
  assert.equal(status, 134);
});

test('--json writes the same for machines, for a trap too', () => {
  const json = join(folder, 'report.json');
  for (const [module, exitCode, trap] of [
    [linked, 3, null],
    [trapping, 134, /unreachable/],
  ]) {
    const { stderr, status } = cli(['run', '--json', json, module, 'an', 'argument']);
    const report = JSON.parse(readFileSync(json, 'utf8'));
    assert.equal(status, exitCode);
    assert.equal(report.exitCode, exitCode);
    assert.equal(report.schema, 1);
    assert.deepEqual([report.module, report.args], [module, ['an', 'argument']]);
    assert.equal(report.stats.domains.object.liveBlocks, 1000);
    if (trap) assert.match(report.trap, trap);
    else assert.deepEqual([report.trap, stderr], [null, '']);
  }
});

test('a program whose heap was overwritten is told so and keeps its exit code', () => {
  const broken = new Image();
  const module = file(
    'broken.wasm',
    commandOver(broken, [
      ...op.i32(broken.root + broken.layout.groups.space.magic.offset),
      ...op.i32(0),
      0x36,
      2,
      0, // i32.store
      ...exit(5),
    ]),
  );
  const { stderr, status } = cli(['run', '--stats', module]);
  assert.match(stderr, /no report: no root structure/);
  assert.equal(status, 5);
});

// f(n) = n == 0 ? 0 : f(n - 1): 300,000 frames are about 10 MiB of stack.
const recursive = (depth) =>
  assemble({
    functions: [
      ['_start', 'none', [...op.i32(depth), ...op.call(1), ...op.drop]],
      [
        null,
        'one',
        [
          0x20,
          0,
          0x45,
          0x04,
          0x7f,
          ...op.i32(0),
          0x05,
          0x20,
          0,
          ...op.i32(1),
          0x6b,
          ...op.call(1),
          ...op.i32(1),
          0x6a,
          0x0b,
        ],
      ],
    ],
  });

test("a program may recurse deeper than Node's main thread could", () => {
  const { stderr, status } = cli(['run', file('deep.wasm', recursive(300000))]);
  assert.deepEqual([stderr, status], ['', 0]);
});

test('recursion without end is a trap', () => {
  const { stderr, status } = cli(['run', file('endless.wasm', recursive(-1))]);
  assert.match(stderr, /trapped: RangeError: Maximum call stack size exceeded/);
  assert.equal(status, 134);
});

test('Ctrl-C ends a program that runs for ever', async () => {
  const module = file(
    'forever.wasm',
    assemble({
      imports: printImports,
      data: hello.data,
      functions: [['_start', 'none', [...hello.code, ...op.forever]]],
    }),
  );
  const child = cliStarted(['run', module]);
  const kill = setTimeout(() => child.kill('SIGKILL'), 60000);
  child.stdout.once('data', () => child.kill('SIGINT'));
  const signal = await new Promise((resolve) => child.once('exit', (_, name) => resolve(name)));
  clearTimeout(kill);
  assert.equal(signal, 'SIGINT');
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} in the middle of a loop of wasm still gives report and JSON`, async () => {
    const json = join(folder, `${signal}.json`);
    const module = file('spinning.wasm', commandOver(image, [...hello.code, ...op.forever], hello));
    const child = cliStarted(['run', '--stats', '--json', json, module]);
    const kill = setTimeout(() => child.kill('SIGKILL'), 60000);
    let text = '';
    child.stderr.on('data', (data) => (text += data));
    child.stdout.once('data', () => child.kill(signal));
    const status = await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(kill);
    assert.equal(status, signal === 'SIGINT' ? 130 : 143);
    assert.match(text, new RegExp(`spinning.wasm, stopped by ${signal}`));
    const report = JSON.parse(readFileSync(json, 'utf8'));
    assert.equal(report.signal, signal);
    assert.equal(report.stats.domains.object.liveBlocks, 1000);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    );
  });
}

test('a run that does not start leaves the file that was there', () => {
  const json = file('kept.json', 'before');
  assert.equal(cli(['run', '--json', json, file('bad.wasm', 'x')]).status, 125);
  assert.equal(readFileSync(json, 'utf8'), 'before');
});

test('--json - is standard output, and makes no file', () => {
  const { stdout, status } = cli(['run', '--json', '-', linked], { cwd: folder });
  assert.equal(status, 3);
  assert.ok(stdout.startsWith('hello{'));
  assert.equal(JSON.parse(stdout.slice(5)).exitCode, 3);
  assert.ok(!readdirSync(folder).includes('-'));
});

test('--watch on a pipe writes a line of JSON for each look, in the middle of a loop', async () => {
  const module = file('watched.wasm', commandOver(image, [...hello.code, ...op.forever], hello));
  const [first, second] = await watchedLines([module]);
  assert.equal(first.stats.domains.object.liveBlocks, 1000);
  assert.ok(second.milliseconds > first.milliseconds);
});

test('report diff tells what differs, and fails above what is allowed', () => {
  const stats = (peakBytes, liveBlocks) => ({
    pageBytes: 65536,
    pages: { memory: 10 },
    domains: { object: { peakBytes, liveBytes: liveBlocks * 32 } },
    classes: [{ blockSize: 32, liveBlocks }],
  });
  const a = file('a.json', JSON.stringify({ stats: stats(1000, 10) }));
  const b = file('b.json', JSON.stringify({ stats: stats(1040, 12) }));
  const run = (...more) => cli(['report', 'diff', a, b, ...more]);
  assert.match(run().stdout, /peak +1000 B -> +1\.02 KiB +\+40 B +\+4\.0 %/);
  assert.match(run().stdout, /32 B +\+2 live blocks/);
  assert.equal(run('--fail-over', '25%').status, 0);
  assert.equal(run('--fail-over', '5%').status, 1);
  assert.match(run('--fail-over', '5%').stdout, /live at the end.*over 5%/);
  assert.equal(run('--fail-over', '64').status, 0);
  assert.equal(run('--fail-over', '63').status, 1);
  assert.equal(run('--fail-over', 'much').status, 125);
  assert.equal(cli(['report', 'diff', a, file('c.json', '{}')]).status, 125);
});

test('a reader that goes away early does not hurt', async () => {
  const child = cliStarted(['run', '--stats', linked]);
  child.stderr.destroy();
  assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 3);
});

test('help and version are on standard output', () => {
  assert.match(cli(['--help']).stdout, /usage: wasm-pymalloc run/);
  assert.match(cli(['run', '--help']).stdout, /--dir HOST\[::GUEST\]/);
  const json = readFileSync(new URL('../../js/package.json', import.meta.url), 'utf8');
  assert.equal(cli(['--version']).stdout, `${JSON.parse(json).version}\n`);
});

for (const [what, args, message] of [
  ['no command', [], /nothing to do/],
  ['an unknown command', ['walk', plain], /unknown command "walk"/],
  ['no module', ['run'], /no module/],
  ['an unknown option', ['run', '--frobnicate', plain], /Unknown option '--frobnicate'/],
  ['an option of Object.prototype', ['run', '--constructor', plain], /Unknown option/],
  ['an option without its value', ['run', '--dir'], /--dir <value>' argument missing/],
  [
    'a value that an option does not take',
    ['run', '--stats=1', plain],
    /--stats' does not take an argument/,
  ],
  ['a limit that is no number', ['run', '--limit', '64Q', linked], /--limit 64Q/],
  ['a limit of 4 GiB', ['run', '--limit', '4G', plain], /--limit 4294967296: .* 32-bit/],
  ['a variable that is not set', ['run', '--env', 'PYM_NOT_SET', plain], /PYM_NOT_SET/],
  [
    'a folder that does not exist',
    ['run', '--dir', '/does/not/exist', plain],
    /--dir \/does\/not\/exist: no such/,
  ],
  ['a folder that is a file', ['run', '--dir', plain, plain], /is not a folder/],
  ['two folders of one name', ['run', '--dir', '/tmp::/x', '--dir', '/::/x', plain], /two folders/],
  ['a module that does not exist', ['run', 'missing.wasm'], /missing\.wasm: no such file/],
  ['a module that is a folder', ['run', folder], /is a folder/],
  [
    'a file that is not wasm',
    ['run', file('text.wasm', 'hello, world')],
    /not a WebAssembly module/,
  ],
  ['an empty file', ['run', file('none.wasm', '')], /not a WebAssembly module/],
  [
    'a component',
    ['run', file('component.wasm', Buffer.from('0061736d0d000100', 'hex'))],
    /not a core module/,
  ],
  [
    'a broken module',
    ['run', file('cut.wasm', readFileSync(plain).subarray(0, 60))],
    /cut\.wasm: .*WebAssembly/,
  ],
  [
    'foreign imports',
    [
      'run',
      file(
        'foreign.wasm',
        assemble({ imports: [['env', 'frob', 'none']], functions: [['_start', 'none', []]] }),
      ),
    ],
    /imports env\.frob/,
  ],
  [
    'an unknown WASI function',
    [
      'run',
      file(
        'newer.wasm',
        assemble({
          imports: [['wasi_snapshot_preview1', 'frob', 'none']],
          functions: [['_start', 'none', []]],
        }),
      ),
    ],
    /frob/,
  ],
  [
    'a reactor',
    ['run', file('reactor.wasm', assemble({ functions: [['_initialize', 'none', []]] }))],
    /exports no _start \(a reactor/,
  ],
  [
    'a module without memory',
    [
      'run',
      file('dry.wasm', assemble({ exportMemory: false, functions: [['_start', 'none', []]] })),
    ],
    /exports no memory/,
  ],
  [
    '--stats of a module without an allocator',
    ['run', '--stats', plain],
    /plain\.wasm: no malloc and free were found/,
  ],
  [
    '--json of a module without an allocator',
    ['run', '--json', join(folder, 'x'), plain],
    /plain\.wasm: no malloc and free were found/,
  ],
  [
    '--profile of a module that links the library',
    ['run', '--profile', join(folder, 'x'), linked],
    /--profile is not possible/,
  ],
  ['inspect without a file', ['inspect'], /inspect takes one file/],
  ['inspect of a file that does not exist', ['inspect', 'missing.wasm'], /no such file/],
  ['observe without a name for its output', ['observe', plain], /observe takes a file and a name/],
  [
    'observe of a module without an allocator',
    ['observe', plain, '-o', join(folder, 'out.wasm')],
    /no malloc and free were found/,
  ],
  [
    '--limit of a module without pym_limit_set',
    ['run', '--limit', '1M', linked],
    /--export=pym_limit_set/,
  ],
  [
    'a report that cannot be written',
    ['run', '--json', '/does/not/exist', linked],
    /--json \/does\/not\/exist/,
  ],
]) {
  test(`${what}: one line says what is wrong, exit code 125`, () => refused(args, message));
}

const skip = process.getuid?.() === 0 && 'root may read everything';
test('a folder that may not be read is one error', { skip }, () => {
  const dir = mkdtempSync(join(folder, 'closed-'), { mode: 0 });
  refused(['run', '--dir', dir, plain], /permission denied/);
});

// The rest with a real interpreter.
const lua = (args, options = [], more = {}) =>
  cli(['run', ...options, built('lua/lua.wasm'), ...args], more);

test('what stands behind the module goes to the program, options included', () => {
  file('args.lua', 'print(arg[0], ...)');
  const { stdout } = lua([`${folder}/args.lua`, '--stats', '--dir', '-x'], ['--dir', folder]);
  assert.equal(stdout, `${folder}/args.lua\t--stats\t--dir\t-x\n`);
});

test("standard input is the program's", () => {
  const input = 'x'.repeat(300000);
  assert.equal(lua(['-e', 'print(#io.read("a"))'], [], { input }).stdout, '300000\n');
});

test('a large output arrives whole', () => {
  const { stdout } = lua(['-e', 'for i = 1, 100000 do print(i) end']);
  assert.equal(stdout.split('\n').length, 100001);
});

test('--dir shows a folder by another name, and only that', () => {
  file('data.txt', 'found');
  const read = 'print(io.open("/in/data.txt"):read("a")) print(io.open("/etc/passwd"))';
  const { stdout } = lua(['-e', read], [`--dir=${folder}::/in`]);
  assert.match(stdout, /^found\nnil/);
});

test('--dir without a second name keeps the first', () => {
  file('data.txt', 'found');
  const read = `print(io.open("${folder}/data.txt"):read("a"))`;
  assert.equal(lua(['-e', read], ['--dir', folder]).stdout, 'found\n');
});

test('the environment holds what --env says and nothing else', () => {
  const { stdout } = lua(
    ['-e', 'print(os.getenv("A"), os.getenv("PYM_GIVEN"), os.getenv("PATH"))'],
    ['--env', 'A=1=2', '--env', 'PYM_GIVEN'],
    { env: { ...process.env, PYM_GIVEN: 'here' } },
  );
  assert.equal(stdout, '1=2\there\tnil\n');
});

test("a Lua error is the program's own: exit code 1, no trap", () => {
  const { stderr, status } = lua(['-e', 'error("no")']);
  assert.match(stderr, /^lua: .*no/);
  assert.doesNotMatch(stderr, /trapped/);
  assert.equal(status, 1);
});

test('WASI calls between the growths of a large heap do not bring Node down', () => {
  // With node:wasi's functions called directly, Node 20 and 22 crash here at half this size.
  const { stdout, stderr, status } = lua([
    '-e',
    'local t = {} for i = 1, 2000000 do t[i] = {i} '
      + 'if i % 20 == 0 then io.write(".") io.flush() end end',
  ]);
  assert.deepEqual([stdout.length, stderr, status], [100000, '', 0]);
});

test('--limit makes Lua run out of memory, and the report counts the refusals', () => {
  const json = join(folder, 'limit.json');
  const { stderr, status } = lua(
    ['-e', 'local t = {} for i = 1, 1e7 do t[i] = {} end'],
    ['--limit', '2M', '--json', json],
  );
  assert.match(stderr, /not enough memory/);
  assert.equal(status, 1);
  const { stats } = JSON.parse(readFileSync(json, 'utf8'));
  assert.equal(stats.allHeaps.hardLimit, 2 << 20);
  assert.ok(stats.domains.object.failures > 0);
  assert.ok(stats.domains.object.peakBytes <= 2 << 20);
});

test("--limit is for the heaps of the program's own too, and events are read while it runs", () => {
  const json = join(folder, 'own.json');
  const module = built('wasi/tests/c/own_heap.wasm');
  assert.equal(cli(['run', module]).stdout, `${200 << 10}\n`);
  const { stdout, stderr } = cli(['run', '--limit', '8M', '--stats', '--json', json, module]);
  // Each KiB is a block of 1,032 usable bytes at the most.
  assert.ok(Number(stdout) <= 8 << 10 && Number(stdout) * 1032 > 8000 << 10, stdout);
  assert.match(stderr, /^limit of all heaps: 8\.00 MiB$/m);
  const { heaps, stats, events } = JSON.parse(readFileSync(json, 'utf8'));
  assert.equal(heaps[0].allHeaps.hardLimit, 8 << 20);
  assert.ok(heaps[0].atPeak.bytes <= 8 << 20 && stats.atPeak.bytes < 65536);
  const refused = events.find(({ type }) => type === 'limit');
  assert.deepEqual([refused.domain, refused.limit, refused.heap], ['all', 'hard', 2]);
});

test('--exact-peak counts each call', () => {
  const json = join(folder, 'exact.json');
  const program = ['-e', 'local t = {} for i = 1, 20000 do t[i] = {i} end'];
  const peakOf = (...options) => {
    const { stderr, status } = lua(program, ['--stats', '--json', json, ...options]);
    assert.equal(status, 0);
    return { stderr, peak: JSON.parse(readFileSync(json, 'utf8')).stats.atPeak };
  };
  const { peak: seen } = peakOf();
  const { stderr, peak } = peakOf('--exact-peak');
  assert.match(stderr, /^each call was counted: the peak is exact$/m);
  assert.equal(peak.bytes, peak.atMost);
  assert.ok(seen.bytes < seen.atMost && seen.bytes > 0.97 * peak.bytes, `${seen.bytes}`);
  const { classes, large, domains } = peak;
  const small = classes.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.equal(small + large.bytes, peak.bytes);
  assert.equal(domains.object.bytes, peak.bytes);
  assert.ok(classes.find(({ blockSize }) => blockSize === 32).object >= 20000);
});
