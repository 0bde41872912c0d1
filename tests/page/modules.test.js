/** Any module in the page's worker: WASI commands, Emscripten programs, bad ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { assemble, commandOver, op, print } from '../js/lib/guest.js';
import { Image } from '../js/lib/image.js';
import { built } from '../js/lib/run.js';
import { Page, moduleSpec } from './lib/session.js';

const lua = readFileSync(built('lua/lua.wasm'));

/** @param {Uint8Array} wasm  @param {object} [more]  of the spec
 *  @param {object} [options]  of run */
async function run(wasm, more, options) {
  const page = new Page();
  const ready = await page.open(moduleSpec(wasm, more));
  assert.equal(ready.type, 'ready', ready.error?.message);
  const ended = await page.run(null, options);
  return { page, ready, ended };
}

test('a WASI command gets arguments, environment and input, and its exit code is told', async () => {
  const { page, ready, ended } = await run(lua, {
    stdin: 'first line\nrest',
    env: { PLACE: 'page' },
    args: [
      '-e',
      'print(io.read(), os.getenv("PLACE"), arg[0]) io.stderr:write("!\\n") os.exit(3)',
      'more',
    ],
  });
  assert.deepEqual([ended.result, ended.exitCode], ['exit', 3]);
  assert.equal(
    page
      .of('output')
      .filter((o) => o.stream === 'stdout')
      .map((o) => o.text)
      .join(''),
    'first line\tpage\tmore\n',
  );
  assert.deepEqual(page.of('output').findLast((o) => o.stream === 'stderr').text, '!\n');
  const { limits, dump, check, programs } = ready.controls;
  assert.deepEqual(
    [ready.guest.kind, limits, dump, check, programs],
    ['wasi', true, true, true, false],
  );
});

test('a command that links the profiler says who holds its memory', async () => {
  const page = new Page();
  const args = ['-e', 'kept = {} for i = 1, 20000 do kept[i] = { i } end'];
  const { controls } = await page.open(moduleSpec(lua, { args }));
  assert.equal(controls.profile, true);
  assert.equal((await page.run(null, { every: 4096 })).result, 'done');
  const { stacks, frames, bytes } = page.ask('allocations', { when: 'peak' });
  assert.ok(bytes > 500_000, `${bytes} bytes`);
  assert.ok(stacks[0].frames.some((n) => frames[n].language === 'lua' && frames[n].line === 1));
});

test('a command is watched when it calls the host, and its dump says what the last frame says', async () => {
  const { page, ended } = await run(lua, {
    args: [
      '-e',
      'keep = {} for i = 1, 100000 do '
        + 'keep[i] = {i} if i % 100 == 0 then io.write(".") io.flush() end end os.exit(true)',
    ],
  });
  assert.equal(ended.result, 'done');
  assert.ok(page.frames.length >= 2, `${page.frames.length} frames`);
  const { liveBytes } = page.frames.at(-1).stats.domains.object;
  assert.ok(liveBytes > 5e6);
  assert.match(await page.dump(), new RegExp(`^object +\\d+ +${liveBytes} `, 'm'));
});

test('limits given with the start hold from the first instruction', async () => {
  const { page, ended } = await run(
    lua,
    { args: ['-e', 'local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end'] },
    { limits: { heap: { hard: 3 << 20 } } },
  );
  assert.equal(ended.exitCode, 1);
  assert.match(page.text, /not enough memory/);
  assert.equal(page.frames[0].limits.heap.hard, 3 << 20);
});

test('each run of a module begins anew', async () => {
  const { page } = await run(lua, { args: ['-e', 'x = ("x"):rep(1000000) os.exit(true)'] });
  const first = page.frames.at(-1).stats.domains.object.totalBlocks;
  await page.run(null);
  assert.equal(page.frames.at(-1).stats.domains.object.totalBlocks, first);
});

test('a module without a start shows the heap that its initialisation left', async () => {
  const image = new Image();
  const module = commandOver(image, [], { imports: [], functions: [['_initialize', 'none', []]] });
  const plain = Buffer.from(module);
  plain.write('_begin', plain.indexOf('_start'));
  const { page, ready, ended } = await run(plain);
  assert.deepEqual([ready.guest.kind, ended.result], ['plain', 'done']);
  assert.match(ended.message, /no start/);
  assert.equal(page.frames.at(-1).stats.heap, 1);
});

test('a program that traps says what the engine said, and what the library found', async () => {
  const image = new Image();
  assert.match(
    (await run(commandOver(image, op.unreachable))).ended.message,
    /^RuntimeError: unreachable$/,
  );
  image.set('space', image.root, { fault: 6, fault_at: 0x1234 });
  const { ended } = await run(commandOver(image, op.unreachable));
  assert.equal(ended.result, 'trap');
  assert.match(
    ended.message,
    /unreachable. The library had found: double free .*block, at 0x1234$/,
  );
});

test('memory that lies is told once, and the program goes on', async () => {
  const image = new Image();
  image.set('space', image.root, { pages_owned: 1000 });
  const { code, data } = print(1, 'still here\n');
  const { page, ended } = await run(commandOver(image, [...code, ...code], { data }));
  assert.equal(page.text, 'still here\nstill here\n');
  assert.deepEqual(
    page.of('failed').map((f) => [f.id, f.error.code]),
    [[null, 'BAD_MEMORY']],
  );
  assert.equal(ended.result, 'done');
});

test("a program whose root is none ends with the library's words", async () => {
  const image = new Image();
  image.set('space', image.root, { magic: 1 });
  const { ended } = await run(commandOver(image, []));
  assert.equal(ended.result, 'trap');
  assert.match(ended.message, /no root structure/);
});

const image = new Image();
const refused = {
  'bytes that are no module': [Buffer.from('<!doctype html>'), 'NOT_WASM'],
  'no bytes at all': [Buffer.alloc(0), /NOT_WASM|TRUNCATED/],
  'a module that is cut short': [lua.subarray(0, lua.length >> 1), 'TRUNCATED'],
  'a module without the library': [
    assemble({ functions: [['_start', 'none', []]] }),
    'NO_DESCRIPTOR',
  ],
  'a module with another descriptor': [
    assemble({ functions: [['_start', 'none', []]], descriptor: new Uint8Array(40) }),
    'BAD_DESCRIPTOR',
  ],
  'imports that nobody has': [
    commandOver(image, [], { imports: [['env', 'magic', 'none']] }),
    'IMPORTS',
  ],
  'a WASI function that does not exist': [
    commandOver(image, [], { imports: [['wasi_snapshot_preview1', 'fd_magic', 'none']] }),
    'IMPORTS',
  ],
};
for (const [what, [bytes, code]] of Object.entries(refused)) {
  test(`${what}: one typed error that says what to do`, async () => {
    const page = new Page();
    const { type, error } = await page.open(moduleSpec(bytes));
    assert.equal(type, 'refused');
    assert.match(error.code, code instanceof RegExp ? code : new RegExp(`^${code}$`));
    assert.match(error.message, /[a-z]{3,}.* [a-z]{3,}/);
    assert.equal(page.messages.length, 1);
  });
}

const glue = () => readFileSync(built('emscripten/tests/hosts/guest_emscripten.mjs'), 'utf8');
const glued = () => readFileSync(built('emscripten/tests/hosts/guest_emscripten.wasm'));

test('an Emscripten program runs with its .js', async () => {
  const { page, ready, ended } = await run(glued(), { glue: glue() });
  assert.equal(ready.guest.kind, 'emscripten');
  assert.deepEqual([ended.result, ended.message], ['done', '']);
  assert.equal(page.frames.at(-1).stats.heap, 1);
});

test('an Emscripten .wasm alone says that its .js is wanted', async () => {
  const { type, error } = await new Page().open(moduleSpec(glued()));
  assert.deepEqual([type, error.code], ['refused', 'IMPORTS']);
  assert.match(error.message, /\.js/);
});

for (const [what, text] of Object.entries({
  'a .js that does not parse': 'export default (',
  'a .js that exports a number': 'export default 7;',
})) {
  test(`${what} is refused`, async () => {
    const { type, error } = await new Page().open(moduleSpec(glued(), { glue: text }));
    assert.deepEqual([type, error.code], ['refused', 'GLUE']);
  });
}

test('a .js that throws ends the program with its words', async () => {
  const text = 'export default () => { throw new Error("no such luck"); };';
  const { ended } = await run(glued(), { glue: text });
  assert.deepEqual([ended.result, ended.message], ['trap', 'Error: no such luck']);
});

test('requests before a program ran fail with words', async () => {
  const page = new Page();
  assert.throws(() => page.ask('look', { address: 8 }), { code: 'NOT_RUNNING' });
  await page.open(moduleSpec(lua));
  assert.throws(() => page.ask('collect'), { code: 'NOT_RUNNING' });
  await page.run(null);
  assert.throws(() => page.ask('collect'), { code: 'UNKNOWN' });
  assert.throws(() => page.ask('look', { address: -1 }), { code: 'BAD_ARGUMENT' });
});
