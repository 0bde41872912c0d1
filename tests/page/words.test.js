/** What the page says, and what it understands. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LIMIT_MAX,
  bytes,
  count,
  hex,
  parseBytes,
  percent,
  plural,
  seconds,
  signedBytes,
} from '../../js/page/src/ui/format.js';
import { History } from '../../js/page/src/ui/history.js';
import {
  addressOf,
  environmentOf,
  folderOf,
  nameOf,
  pairOf,
  wordsOf,
} from '../../js/page/src/ui/modules.js';
import { alike, eventText, lineText } from '../../js/page/src/ui/log.js';
import { indentAfter, tokens } from '../../js/page/src/ui/highlight.js';
import { limitText } from '../../js/page/src/ui/domains.js';
import { lineOf, resultText, split } from '../../js/page/src/ui/result.js';
import { sizeTicks } from '../../js/page/src/ui/chart.js';
import { sorted } from '../../js/page/src/ui/classes.js';

test('sizes have three digits and a unit', () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 10240, 1048575, 2 ** 30, -2048].map(bytes), [
    '0 B',
    '1 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '10.0 KiB',
    '1.00 MiB',
    '1.00 GiB',
    '−2.00 KiB',
  ]);
  assert.deepEqual([2048, 0, -3].map(signedBytes), ['+2.00 KiB', '0 B', '−3 B']);
});

test('counts, shares, times and addresses read as people write them', () => {
  assert.deepEqual(
    [
      count(1234567),
      plural(1, 'page'),
      plural(2, 'page'),
      plural(0, 'block'),
      percent(1, 3),
      percent(0, 3),
      percent(1, 200),
      percent(1, 0),
      hex(65536),
    ],
    ['1,234,567', '1 page', '2 pages', '0 blocks', '33 %', '0 %', '0.5 %', '–', '0x010000'],
  );
  assert.deepEqual([0, 1234, 12345, 125000].map(seconds), ['0.00 s', '1.23 s', '12.3 s', '2:05']);
});

test('a limit may be written in any usual way', () => {
  for (const [text, value] of [
    ['64M', 67108864],
    ['64 MiB', 67108864],
    ['1.5 mib', 1572864],
    ['65536', 65536],
    ['8 kb', 8192],
    ['100 B', 100],
    ['1,024', 1024],
    ['0', 0],
    ['', null],
    [' none ', null],
    ['4095.9999M', 4294967191],
  ]) {
    assert.equal(parseBytes(text), value, text);
  }
});

test('what is no size is refused with a sentence, never taken for another', () => {
  for (const text of [
    '-1',
    'much',
    '1e6',
    '12Q',
    '0x10',
    'M',
    '1 2',
    '4G',
    '99999999999',
    'NaN',
    '1.2.3',
  ]) {
    assert.throws(() => parseBytes(text), RangeError, text);
  }
  assert.equal(parseBytes(String(LIMIT_MAX)), LIMIT_MAX);
});

test('a limit in its field means the limit that it shows', () => {
  for (const limit of [
    0,
    1,
    1023,
    1024,
    1536,
    65536,
    3343 * 1024,
    1 << 20,
    1.25 * 2 ** 20,
    2 ** 30,
    LIMIT_MAX,
    12345678,
  ]) {
    assert.equal(parseBytes(limitText(limit)), limit, limitText(limit));
  }
  assert.equal(limitText(null), '');
});

const event = {
  seq: 1,
  type: 'grow',
  limit: null,
  domain: 'object',
  heap: 1,
  bytes: 64,
  pagesBefore: 10,
  pagesAfter: 14,
};

test('a growth says by how much, to what, and who asked', () => {
  assert.equal(eventText(event).text, 'by 4 pages to 896 KiB: the object domain asked for 64 B');
  assert.match(eventText({ ...event, heap: 3 }).text, /of heap 3/);
});

test('a limit says which, of whom, and what was refused', () => {
  const limit = { ...event, type: 'limit', limit: 'hard', domain: 'heap', bytes: 1 << 20 };
  assert.deepEqual(eventText(limit), {
    type: 'hard',
    badge: 'refused',
    text: '1.00 MiB: above the hard limit of the heap',
  });
  assert.equal(eventText({ ...limit, limit: 'soft' }).type, 'soft');
  assert.match(eventText({ ...event, type: 'oom' }).text, /could not grow/);
});

test('equal refusals are one line of the log, and so are growths of one domain', () => {
  const refused = { ...event, type: 'limit', limit: 'hard' };
  assert.ok(alike(refused, { ...refused, seq: 2 }));
  assert.ok(!alike(refused, { ...refused, bytes: 65 }));
  assert.ok(alike(event, { ...event, seq: 2, bytes: 65 }));
  assert.ok(!alike(event, { ...event, seq: 2, domain: 'mem' }));
  const growths = [event, { ...event, pagesBefore: 14, pagesAfter: 26 }];
  const line = { event, time: 1, times: 2, growths: growths.map((e) => ({ event: e, time: 1 })) };
  assert.equal(lineText({ ...line, holder: null }), '2 times, by 16 pages to 1.63 MiB');
});

test('a refusal says who held most', () => {
  const holder = { name: 'answer', file: 'leak.lua', line: 9, bytes: 3 << 20, of: 4 << 20 };
  const line = {
    event: { ...event, type: 'limit', limit: 'hard' },
    time: 1,
    times: 1,
    growths: [],
  };
  assert.match(
    lineText({ ...line, holder }),
    /; most is held by answer \(leak\.lua:9\): 3\.00 MiB of 4\.00 MiB$/,
  );
});

test("an error's own line comes before its traceback", () => {
  const lua = 'prog:7: boom\nstack traceback:\n\tprog:9: in main';
  assert.deepEqual(split(lua), {
    first: 'prog:7: boom',
    rest: 'stack traceback:\n\tprog:9: in main',
  });
  const python =
    'Traceback (most recent call last):\n  File "a.py", line 9, in <module>\n    f()\n    ~^^\n'
    + 'MemoryError: no room\nfor two lines';
  assert.deepEqual(split(python), { first: 'MemoryError: no room\nfor two lines', rest: python });
  assert.deepEqual(split(''), { first: '', rest: '' });
});

test('the end of a program for want of memory names the limit that refused it', () => {
  const ended = {
    type: 'ended',
    run: 1,
    result: 'memory',
    exitCode: null,
    message: 'not enough memory',
    time: 1500,
  };
  const words = resultText(ended, {
    ...event,
    type: 'limit',
    limit: 'hard',
    domain: 'mem',
    bytes: 4096,
  });
  assert.equal(words.kind, 'bad');
  assert.match(words.text, /hard limit of the mem domain refused a request of 4.00 KiB/);
  assert.match(resultText(ended, { ...event, type: 'oom' }).text, /could not grow/);
  assert.deepEqual(
    ['done', 'stopped', 'exit', 'trap', 'error'].map(
      (result) => resultText({ ...ended, result }, null).kind,
    ),
    ['good', 'warn', 'warn', 'bad', 'bad'],
  );
});

test('files are a module, or a script with its module, in any order', () => {
  const files = (...names) => pairOf(names.map((name) => ({ name })));
  assert.deepEqual(files('a.wasm'), { wasm: 0, glue: -1 });
  assert.deepEqual(files('a.mjs', 'A.WASM'), { wasm: 1, glue: 0 });
  for (const wrong of [
    [],
    ['a.js'],
    ['a.wasm', 'b.wasm'],
    ['a.wasm', 'a.js', 'b.js'],
    ['a.zip'],
    ['a.wasm', 'readme.md'],
  ]) {
    assert.throws(() => files(...wrong), RangeError, wrong.join());
  }
});

test('arguments and variables are split as a shell does', () => {
  assert.deepEqual(wordsOf(String.raw` -n 10 "two words" 'x "y"' "say \"hi\"" `), [
    '-n',
    '10',
    'two words',
    'x "y"',
    'say "hi"',
  ]);
  assert.deepEqual(environmentOf(`A=1 B= C="x y" D='z'`), { A: '1', B: '', C: 'x y', D: 'z' });
  assert.throws(() => environmentOf('A=1 B'), /NAME=value/);
});

test('an address of a module is http or https, or a path of this site', () => {
  assert.equal(addressOf('a/b.wasm', 'https://x.org/page/'), 'https://x.org/page/a/b.wasm');
  assert.equal(nameOf('https://x.org/a/my%20program.wasm?v=1'), 'my program.wasm');
  for (const wrong of [
    'javascript:alert(1)',
    'data:application/wasm;base64,AA',
    'file:///etc/passwd',
    'http://',
    'blob:x',
  ]) {
    assert.throws(() => addressOf(wrong, 'https://x.org/'), RangeError, wrong);
  }
});

test('coloured pieces of a program together are the program', () => {
  const source = `local x = [==[ "a" -- ]] ]==] .. 'it\\'s' -- end\nif x == 0x1F then --[[ long\ncomment ]] return 1.5e3 end\n"open`;
  const pieces = tokens(source);
  assert.equal(pieces.map((p) => p.text).join(''), source);
  const of = (kind) => pieces.filter((p) => p.kind === kind).map((p) => p.text);
  assert.deepEqual(of('word'), ['local', 'if', 'then', 'return', 'end']);
  assert.deepEqual(of('text'), ['[==[ "a" -- ]] ]==]', `'it\\'s'`, '"open']);
  assert.deepEqual(of('number'), ['0x1F', '1.5e3']);
  assert.deepEqual(of('comment'), ['-- end', '--[[ long\ncomment ]]']);
  assert.equal(tokens('--[[ never ended').length, 1);
});

test('coloured pieces of a program in Python are the program', () => {
  const source =
    'def f(x):  # "no"\n    """long\n# text"""\n    return rb"it\\"s" + \'a\' if x else 1_000.5\nthis = "open';
  const pieces = tokens(source, 'Python');
  assert.equal(pieces.map((p) => p.text).join(''), source);
  const of = (kind) => pieces.filter((p) => p.kind === kind).map((p) => p.text);
  assert.deepEqual(of('word'), ['def', 'return', 'if', 'else']);
  assert.deepEqual(of('text'), ['"""long\n# text"""', 'rb"it\\"s"', "'a'", '"open']);
  assert.deepEqual(of('number'), ['1_000.5']);
  assert.deepEqual(of('comment'), ['# "no"']);
  assert.equal(indentAfter('    for i in x:  # all', 'Python'), '        ');
  assert.equal(indentAfter('    return x', 'Python'), '    ');
});

test('the line of an error is the innermost one of the program', () => {
  assert.equal(lineOf('prog:7: boom\nstack traceback:\n\tprog:9: in main'), 7);
  assert.equal(
    lineOf(
      'Traceback (most recent call last):\n  File "a.py", line 9, in <module>\n  File "a.py", line 3, in f\n'
        + '  File "/lib/python314.zip/json/decoder.py", line 361, in raw_decode\nE: at 1:2: x',
    ),
    3,
  );
  assert.equal(lineOf('MemoryError'), 0);
});

test('an address that ends with a slash, or with pyodide.mjs, is a folder with a Pyodide', () => {
  assert.equal(folderOf('https://a.org/b/'), 'https://a.org/b/');
  assert.equal(folderOf('https://a.org/b/pyodide.mjs?x#y'), 'https://a.org/b/');
  assert.equal(folderOf('https://a.org/pyodide.js'), 'https://a.org/');
  assert.equal(folderOf('https://a.org/b/c.wasm'), null);
  assert.equal(folderOf('https://a.org/b/mypyodide.mjs'), null);
});

test('a line after one that opens a block is indented further', () => {
  assert.equal(indentAfter('  for i = 1, 3 do'), '    ');
  assert.equal(indentAfter('local function f(a, b)  -- two'), '  ');
  assert.equal(indentAfter('  x = {'), '    ');
  assert.equal(indentAfter('  return x'), '  ');
  assert.equal(indentAfter('f(x)'), '');
});

test('a history never holds more than its room, and spans all of the run', () => {
  const history = new History(2);
  for (let i = 0; i < 100_000; i++) history.add(i * 16, [i, -i]);
  const [times, up, down] = history.data;
  assert.ok(times.length <= 601 && times.length > 250, `${times.length} points`);
  assert.equal(times[0], 0);
  assert.equal(times.at(-1), (99_999 * 16) / 1000);
  assert.equal(up.at(-1), 99_999);
  times.forEach((t, i) => {
    assert.ok(i === 0 || t > times[i - 1], 'in order');
    assert.equal(up[i], -down[i]);
    assert.equal(up[i], Math.round((t * 1000) / 16));
  });
  history.clear();
  assert.equal(history.length, 0);
});

test('ticks of a chart are round binary sizes, three to eight of them', () => {
  for (let max = 65536; max < 2 ** 32; max *= 1.7) {
    const ticks = sizeTicks(0, max);
    assert.ok(ticks.length >= 3 && ticks.length <= 8, `${max}: ${ticks.length}`);
    assert.equal(Math.log2(ticks[1]) % 1, 0);
  }
});

test('classes are sorted by any column, equal ones by size, and those never used left out', () => {
  const one = (blockSize, liveBlocks, totalBlocks = 1) => ({
    blockSize,
    liveBlocks,
    totalBlocks,
    pools: 1,
    peakPools: 1,
    roundingEstimate: 0,
  });
  const classes = [one(8, 5), one(16, 9), one(24, 5), { ...one(32, 0, 0), pools: 0 }];
  const sizes = (key, descending) =>
    sorted(classes, { key, descending }, 4096).map((c) => c.blockSize);
  assert.deepEqual(sizes('live', true), [16, 8, 24]);
  assert.deepEqual(sizes('live', false), [8, 24, 16]);
  assert.deepEqual(sizes('bytes', true), [16, 24, 8]);
  assert.deepEqual(sizes('size', true), [24, 16, 8]);
});
