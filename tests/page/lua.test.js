/** Lua in the page's worker: slices, limits while it runs, what the page is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { LUA, Page } from './lib/session.js';
import { built, cli } from '../js/lib/run.js';

// Node's fetch has no file: addresses.
const fetched = globalThis.fetch;
globalThis.fetch = async (address) =>
  new URL(address).protocol === 'file:'
    ? new Response(readFileSync(new URL(address)))
    : fetched(address);

const PROGRAMS = new URL('../../js/page/programs/', import.meta.url);
const page = new Page();
assert.equal((await page.open(LUA)).type, 'ready');
const total = ({ domains }) =>
  domains.raw.liveBytes + domains.mem.liveBytes + domains.object.liveBytes;

test('a program ends with what it printed, a first and a last frame, and a state', async () => {
  const ended = await page.run('print("one", 2) io.write("no end of line")');
  assert.deepEqual([ended.result, ended.exitCode, ended.message], ['done', 0, '']);
  assert.equal(page.text, 'one\t2\nno end of line');
  assert.ok(page.frames.length >= 2);
  assert.ok(page.frames[0].stats.domains.object.liveBlocks < 10);
  assert.ok(page.frames.at(-1).stats.domains.object.liveBlocks > 100);
  assert.deepEqual(
    page.of('state').map((s) => s.state),
    ['running', 'idle'],
  );
});

test('an error comes with its traceback, a wrong program with its line', async () => {
  const ended = await page.run('local function f() error("boom") end\nf()');
  assert.equal(ended.result, 'error');
  assert.match(ended.message, /^prog\.lua:1: boom\nstack traceback:\n[^]*in (local|upvalue) 'f'/);
  assert.match((await page.run('x = = 1')).message, /^prog\.lua:1: unexpected symbol/);
  assert.match((await page.run('error({})')).message, /no string/);
});

test('a limit that is met is "not enough memory", and the guest stays usable', async () => {
  const ended = await page.run('local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end', {
    limits: { heap: { hard: 4 << 20 } },
  });
  assert.equal(ended.result, 'memory');
  assert.match(ended.message, /^not enough memory/);
  assert.ok(page.frames.some((f) => f.events.some((e) => e.limit === 'hard')));
  assert.ok(page.frames.every((f) => total(f.stats) <= 4 << 20));
  page.ask('limits', { limits: { heap: { hard: null } } });
  assert.equal((await page.run('print("again")', { keep: true })).result, 'done');
  assert.equal(page.text, 'again\n');
});

test('no request is refused that fits under the limit', async () => {
  const ROOM = 2_370_121;
  const ended = await page.run(
    `local keep = {}
    for i = 1, math.huge do
      for k = 1, 100 do local t = {k} end
      if i % 100 == 0 then keep[#keep + 1] = ("x"):rep(2000) .. i end
    end`,
    { limits: { heap: { hard: ROOM } } },
  );
  assert.equal(ended.result, 'memory');
  const { stats } = page.frames.at(-1);
  const refused = page.frames.flatMap((f) => f.events).filter((e) => e.limit === 'hard');
  const largest = Math.max(...refused.map((e) => e.bytes));
  const peak = Object.values(stats.domains).reduce((n, d) => n + d.peakBytes, 0);
  // string.rep asks lua_Alloc itself for the 2000 bytes of its buffer, so no garbage is collected
  // first.  The traceback may do that: then less lives in the end.
  assert.ok(largest < 2100, `${largest} bytes were refused`);
  assert.ok(peak <= ROOM && peak + largest > ROOM, `${peak} + ${largest} bytes, of ${ROOM}`);
});

test('a program that catches "not enough memory" goes on', async () => {
  const ended = await page.run(
    `local t = {}
    local ok, why = pcall(function() while true do t[#t + 1] = ("x"):rep(10000) .. #t end end)
    t = nil collectgarbage() print(ok, why)`,
    { limits: { object: { hard: 2 << 20 } } },
  );
  assert.deepEqual([ended.result, page.text], ['done', 'false\tnot enough memory\n']);
});

test('a limit below what a state needs refuses the program', async () => {
  assert.equal((await page.run('print(1)', { limits: { heap: { hard: 1000 } } })).result, 'memory');
});

test('a limit set while the program runs is met', async () => {
  const running = page.run('local t = {} while true do t[#t + 1] = {#t} end');
  await page.next('frame');
  const frame = await page.next('frame');
  const limits = page.ask('limits', { limits: { object: { hard: total(frame.stats) + 100000 } } });
  assert.equal(limits.object.hard, total(frame.stats) + 100000);
  assert.equal((await running).result, 'memory');
});

test('a limit set while a program starts, or while none runs, is that of the program', async () => {
  const eats = 'local t = {} while true do t[#t + 1] = {#t} end';
  const running = page.run(eats, { limits: { heap: { soft: 3 << 20, hard: 5 << 20 } } });
  assert.deepEqual(page.ask('limits', { limits: { heap: { hard: 2 << 20 } } }).heap, {
    soft: 3 << 20,
    hard: 2 << 20,
  });
  assert.equal((await running).result, 'memory');
  assert.deepEqual(page.frames[0].limits.heap, { soft: 3 << 20, hard: 2 << 20 });
  assert.ok(total(page.frames.at(-1).stats) > 1 << 20);

  page.ask('limits', { limits: { heap: { hard: 1 << 20 } } });
  assert.equal(page.frames.at(-1).limits.heap.hard, 1 << 20);
  assert.equal((await page.run(eats, { limits: { heap: { hard: 5 << 20 } } })).result, 'memory');
  assert.ok(page.frames.every(({ limits }) => limits.heap.hard === 1 << 20));

  const [other, early] = [new Page(), { heap: { hard: 1 << 20 } }];
  await other.open(LUA);
  assert.deepEqual(other.ask('limits', { limits: early }).heap, { soft: null, hard: 1 << 20 });
  assert.equal((await other.run(eats)).result, 'memory');
  assert.equal((await other.run('print(1)')).result, 'done');
  assert.equal(other.frames.at(-1).limits.heap.hard, null); // it was for the one before
});

test('stop ends a loop that does nothing, within coroutines too', async () => {
  for (const source of [
    'while true do end',
    'coroutine.wrap(function() while true do end end)()',
    'local co = coroutine.create(function() pcall(function() repeat until false end) end) '
      + 'coroutine.resume(co)',
  ]) {
    const running = page.run(source);
    await page.next('frame');
    await page.next('frame');
    page.send({ type: 'stop' });
    assert.equal((await running).result, 'stopped');
  }
});

test('the end of a slice is no yield that a program sees', async () => {
  const source = `
    local function work(n) local x = 0 for i = 1, n do x = x + i % 7 end return x end
    local inner = coroutine.wrap(function(a)
      for i = 1, 3 do work(2000000) a = coroutine.yield(i, a) end
      error("object")
    end)
    local co = coroutine.create(function(...)
      print(select("#", ...), coroutine.isyieldable())
      for i = 1, 3 do print(inner("in" .. i)) work(1000000) coroutine.yield("out", i) end
      print(pcall(inner))
      return "last", nil
    end)
    print(coroutine.resume(co, nil, nil))
    print(coroutine.status(co))
    print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.resume(co))
    print(coroutine.status(co)) print(coroutine.resume(co))
    local f = coroutine.wrap(function() work(1000000) error("text") end)
    print(pcall(function() f() end))
    print(pcall(coroutine.resume, 7))
    print(pcall(coroutine.wrap(function() local t <close> = setmetatable({}, {__close = print})
      work(1000000) coroutine.yield() end)))
    for a, b in coroutine.wrap(function()
      for i = 1, 3 do work(900000) coroutine.yield(i, -i) end end) do
      print(a, b)
    end
    print(select("#", table.unpack({}, 1, 200)), pcall(coroutine.wrap(function(...)
      work(1000000) return select("#", ...) end), table.unpack({}, 1, 200)))`;
  const ended = await page.run(source);
  assert.equal(ended.message, '');
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  writeFileSync(join(folder, 'prog.lua'), source);
  const { stdout } = cli(['run', '--dir', '.', built('lua/lua.wasm'), 'prog.lua'], { cwd: folder });
  rmSync(folder, { recursive: true });
  assert.equal(page.text, stdout);
  assert.ok(
    stdout.split('\n').length > 17 && page.frames.length >= 2,
    `${page.frames.length} frames, ${stdout}`,
  );
});

test('a comparator that cannot be interrupted is watched all the same', async () => {
  const ended = await page.run(`local t = {} for i = 1, 20 do t[i] = 20 - i end
    table.sort(t, function(a, b)
      local x = 0 for i = 1, 300000 do x = x + #{i} end return a < b end)
    print(t[1], t[20])`);
  assert.deepEqual([ended.result, page.text], ['done', '0\t19\n']);
  assert.ok(page.frames.length >= 2);
});

test('a paused program stands still, answers, and goes on', async () => {
  const running = page.run('local n = 0 for i = 1, 3e7 do n = n + #{i} end print(n)');
  await page.next('frame');
  page.send({ type: 'pause' });
  await page.next('frame');
  const { totalBlocks } = page.frames.at(-1).stats.domains.object;
  const { time } = page.frames.at(-1);
  await new Promise((resolve) => {
    setTimeout(resolve, 60);
  });
  page.ask('frame');
  assert.equal(page.frames.at(-1).stats.domains.object.totalBlocks, totalBlocks);
  assert.equal(page.frames.at(-1).time, time);
  page.send({ type: 'resume' });
  assert.equal((await running).result, 'done');
  assert.deepEqual(
    page.of('state').map((s) => s.state),
    ['running', 'paused', 'running', 'idle'],
  );
});

test('pym_dump says what the frame says', async () => {
  await page.run('keep = {} for i = 1, 5000 do keep[i] = {tostring(i)} end');
  const { stats } = page.frames.at(-1);
  const dump = await page.dump();
  const numbers = (/** @type {RegExp} */ line) => dump.match(line)?.slice(1).map(Number);
  const { liveBlocks, liveBytes, totalBlocks, totalBytes } = stats.domains.object;
  assert.deepEqual(numbers(/^object +(\d+) +(\d+) +\d+ +(\d+) +(\d+)/m), [
    liveBlocks,
    liveBytes,
    totalBlocks,
    totalBytes,
  ]);
  for (const { blockSize, pools, liveBlocks: live } of stats.classes.filter((c) => c.pools > 0)) {
    assert.deepEqual(numbers(new RegExp(`^ +\\d+ +${blockSize} +(\\d+) +(\\d+)`, 'm')), [
      pools,
      live,
    ]);
  }
  assert.equal(page.text, ''); // the dump is no output of the program
});

test('a garbage collection says what it freed', async () => {
  await page.run('collectgarbage("stop") for i = 1, 10000 do local t = {i} end');
  const freed = page.ask('collect');
  assert.ok(freed > 10000 * 40, `${freed} bytes`);
  assert.ok(page.ask('collect') < 10000);
});

test('the difference of two snapshots is what was allocated between them', async () => {
  await page.run('collectgarbage("stop") x = {}');
  const before = page.ask('snapshot', { name: 'before' });
  await page.run('collectgarbage("stop") x = {} keep = {} for i = 1, 1000 do keep[i] = {i} end');
  const { from, to, diff } = page.ask('difference', { from: before.snapshot, to: null });
  assert.deepEqual([from.name, to.name], ['before', 'now']);
  assert.ok(diff.domains.object.liveBlocks >= 2000 && diff.domains.object.liveBlocks < 2200);
  page.ask('forget', { snapshot: before.snapshot });
  assert.throws(() => page.ask('difference', { from: before.snapshot, to: null }), {
    code: 'NOT_RUNNING',
  });
});

test('blocks, chunks and a look are told of a program that is gone by', async () => {
  await page.run('keep = {} for i = 1, 100 do keep[i] = {i} end');
  const { pools } = page.frames.findLast((frame) => frame.map).map;
  const blocks = page.ask('blocks', { address: pools.address[1] });
  assert.equal(blocks.states.length, pools.capacity[1]);
  assert.equal(page.ask('look', { address: blocks.first }).start, blocks.first);
  assert.ok(page.ask('chunks', { from: 0, to: 2 ** 32 }).address.length > 0);
});

test('a fresh run begins with small memory, a kept one with what there was', async () => {
  await page.run('local t = {} for i = 1, 200000 do t[i] = {i} end');
  const large = page.frames.at(-1).stats.pages.memory;
  await page.run('t = nil', { keep: true });
  assert.equal(page.frames.at(-1).stats.pages.memory, large);
  assert.ok(total(page.frames.at(-1).stats) < 100000);
  await page.run('t = nil');
  assert.ok(page.frames.at(-1).stats.pages.memory < large / 4);
});

test('a second program while one runs is refused', async () => {
  const running = page.run('for i = 1, 1e7 do end');
  page.send({ type: 'run', program: { name: 'x', source: '' }, keep: false, limits: {} });
  assert.equal(page.of('failed')[0].error.code, 'BUSY');
  assert.equal((await running).result, 'done');
});

test('a page that draws nothing gets few frames, and every event once it does', async () => {
  page.drawing = false;
  const running = page.run('local t = {} for i = 1, 400000 do t[i] = {i} end');
  await running;
  page.drawing = true;
  const { frames } = page;
  assert.ok(frames.length <= 4, `${frames.length} frames`);
  const grown = frames.flatMap((f) => f.events).filter((e) => e.type === 'grow');
  assert.equal(frames.at(-1).stats.growth.grows, grown.length);
  assert.equal(
    frames.reduce((n, f) => n + f.missed, 0),
    0,
  );
  page.send({ type: 'ack', seq: frames.at(-1).seq });
});

test('output that nobody reads is cut, not kept', async () => {
  page.drawing = false;
  await page.run('for i = 1, 200000 do print("line " .. i) end');
  page.drawing = true;
  page.send({ type: 'ack', seq: page.frames.at(-1).seq });
  const dropped = page.of('output').reduce((n, o) => n + o.dropped, 0);
  assert.ok(dropped > 0);
  assert.ok(page.text.endsWith('line 200000\n'));
});

test('what Lua lacks in a page fails with words', async () => {
  await page.run(`print(io.read()) print(io.open("x")) print(os.execute()) print(debug.sethook)
    print(pcall(require, "x") == false, os.getenv("HOME"))`);
  assert.match(page.text, /^nil\nnil\tx: .*\nfalse\nnil\ntrue\t/);
});

test('Lua that is not there is one typed error', async () => {
  const { type, error } = await new Page().open({ ...LUA, base: `${LUA.base}nowhere/` });
  assert.deepEqual([type, error.code], ['refused', 'FETCH']);
});

const listed = JSON.parse(readFileSync(new URL('index.json', PROGRAMS), 'utf8')).map(
  ({ file }) => file,
);

for (const file of listed.filter((name) => name.endsWith('.lua'))) {
  // Python's: tests/browser
  test(`the program ${file} runs, and allocates`, async () => {
    const running = page.run(readFileSync(new URL(file, PROGRAMS), 'utf8'), { name: file });
    for (let n = 0; n < 3; n++) await Promise.race([page.next('frame'), running]);
    page.send({ type: 'stop' });
    const ended = await running;
    assert.ok(['done', 'stopped'].includes(ended.result), ended.message);
    assert.ok(page.frames.at(-1).stats.domains.object.totalBytes > 100000);
  });
}

test('every program in the folder is in the list', () => {
  assert.deepEqual(
    [...listed].sort(),
    readdirSync(PROGRAMS)
      .filter((name) => name !== 'index.json')
      .sort(),
  );
});

const LEAK = `local kept = {}
local function leak(i) kept[i] = { i, i, i, i } end
local function come_and_go() return ("x"):rep(100) end
for i = 1, 40000 do leak(i) come_and_go() end
print("done")`;
const textOf = ({ frames }, numbers) => numbers.map((n) => frames[n].name).join(' > ');

test('a run says who holds its memory, who did at the peak and who ever allocated', async () => {
  await page.run(LEAK, { every: 4096 });
  const live = page.ask('allocations', { when: 'live' });
  assert.equal(live.every, 4096);
  const [most] = live.stacks;
  assert.match(textOf(live, most.frames), /leak( >|$)/);
  const frame = most.frames.map((n) => live.frames[n]).find(({ name }) => /leak/.test(name));
  assert.deepEqual([frame.file, frame.line, frame.language], ['prog.lua', 2, 'lua']);
  const { stats } = page.frames.at(-1);
  assert.ok(Math.abs(live.bytes / total(stats) - 1) < 0.2, `${live.bytes} of ${total(stats)}`);
  const ever = page.ask('allocations', { when: 'ever' });
  assert.ok(ever.stacks.some(({ frames }) => /come_and_go/.test(textOf(ever, frames))));
  assert.ok(ever.bytes > live.bytes);
  assert.ok(page.ask('allocations', { when: 'peak' }).bytes >= live.bytes);
  // Each sampled block that lives is of one of the stacks.
  const { address, size, stack } = live.sampled;
  assert.ok(address.length > 100 && size.every((n) => n > 0));
  assert.ok(stack.every((n) => n >= 0 && n < live.stacks.length));
});

test('without samples the page is told why there are none', async () => {
  await page.run('print(1)');
  const { every, note, stacks } = page.ask('allocations', { when: 'live' });
  assert.deepEqual([every, stacks], [0, []]);
  assert.match(note, /no samples were taken/);
});

test('a run that keeps the instance has a profile of its own', async () => {
  await page.run(LEAK, { every: 4096 });
  const before = page.ask('allocations', { when: 'ever' }).bytes;
  await page.run('print(1)', { every: 4096, keep: true });
  assert.ok(page.ask('allocations', { when: 'ever' }).bytes < before / 4);
});

test('beside a refusal stands who held most', async () => {
  const ended = await page.run(
    'local kept = {}\nlocal function leak(i) kept[i] = { i, i } end\nfor i = 1, math.huge do leak(i) end',
    { every: 4096, limits: { heap: { hard: 2 << 20 } } },
  );
  assert.equal(ended.result, 'memory');
  const { holder } = page.frames.findLast((f) => f.events.some((e) => e.limit === 'hard'));
  assert.deepEqual([holder.file, holder.line], ['prog.lua', 2]);
  assert.ok(holder.bytes > holder.of / 2, `${holder.bytes} of ${holder.of}`);
  assert.ok(page.frames.every((f) => f.events.some((e) => e.limit === 'hard') || !f.holder));
});

test('a sample program says the classes that it uses most', async () => {
  const source = readFileSync(new URL('trees.lua', PROGRAMS), 'utf8');
  const [, named] = /pools of (\d+) bytes/.exec(source);
  await page.run(source);
  const { classes } = page.frames.at(-1).stats;
  const [most] = [...classes].sort((a, b) => b.peakPools - a.peakPools);
  assert.equal(most.blockSize, Number(named));
});
