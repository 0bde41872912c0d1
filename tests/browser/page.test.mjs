/** The page in real browsers, and the programs that it runs: what it shows must be what the guest says,
 *  whatever the guest does.  BROWSER=firefox: in that alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Image } from '../js/lib/image.js';
import { assemble, commandOver, op, print, printImports } from '../js/lib/guest.js';
import { BROWSERS, launch } from './lib/browser.mjs';
import { HeapPage, eventually, servePage, showsTheDump } from './lib/page.mjs';
import { GROWS, TABLES } from './lib/programs.mjs';

const built = (path) =>
  readFileSync(fileURLToPath(new URL(`../../build/${path}`, import.meta.url)));

const LUA = { name: 'lua.wasm', bytes: built('lua/lua.wasm') };
const PAIR = ['command.js', 'command.wasm'].map((name) => ({
  name,
  bytes: built(`emscripten/tests/hosts/${name}`),
}));

/** Programs that were never sound: each must be one message, and the page go on. */
const image = new Image();
const { code: hello, data } = print(1, 'hello');
const store = (address, value) => [...op.i32(address), ...op.i32(value), 0x36, 2, 0];
const NOT_OPENED = {
  'no wasm at all': [Buffer.from('<!doctype html><title>404'), 'NOT_WASM'],
  'a file that is cut short': [LUA.bytes.subarray(0, LUA.bytes.length >> 1), 'TRUNCATED'],
  'a module without the library': [
    assemble({ functions: [['_start', 'none', []]] }),
    'NO_DESCRIPTOR',
  ],
  'a damaged descriptor': [
    assemble({ functions: [['_start', 'none', []]], descriptor: new Uint8Array(100).fill(0xff) }),
    'BAD_DESCRIPTOR',
  ],
};
/** Overwrites its own root, then calls the host, which looks. */
const LIAR = commandOver(
  image,
  [...Array.from({ length: 40 }, (_, i) => store(image.root + 4 * i, -1)).flat(), ...hello],
  { data },
);
const FOREVER = commandOver(image, [...hello, ...op.forever], { data, imports: printImports });

/** Allocates all the time and keeps little of it. */
const HUNGRY = `keep = {}
for i = 1, math.huge do
  for k = 1, 100 do local t = {k} end
  if i % 100 == 0 then keep[#keep + 1] = ("x"):rep(2000) .. i end
end`;

for (const name of BROWSERS.filter((one) => (process.env.BROWSER ?? one) === one)) {
  describe(name, () => {
    let browser;
    let server;
    /** @type {HeapPage} */
    let page;
    before(async () => {
      [browser, server] = await Promise.all([launch(name), servePage({ 'lua.wasm': LUA.bytes })]);
      page = await HeapPage.open(browser, server.url);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    test('a program runs, and the figures shown are those of pym_dump', async () => {
      const { kind, text } = await page.run(TABLES);
      assert.equal(kind, 'good', text);
      assert.equal(await page.text('#output'), '60000');
      await showsTheDump(page);
      assert.ok((await page.figures()).domains.object.blocks > 60000);
    });

    test('every sample program ends well or says why', async () => {
      const files = await page.page.$$eval('#sample option', (options) =>
        options.map((o) => o.value),
      );
      assert.ok(files.length > 3, `${files.length} programs`);
      for (const file of files) {
        const source = await page.text('#sample-text');
        await page.page.select('#sample', file);
        if (file !== files[0]) {
          await page.page.waitForFunction(
            (before) => document.querySelector('#sample-text').textContent.trim() !== before,
            {},
            source,
          );
        }
        await page.start();
        await new Promise((resolve) => {
          setTimeout(resolve, 400);
        });
        await page.click('#stop');
        const { kind, text } = await page.end();
        assert.match(kind, /good|warn/, `${file}: ${text}`);
      }
    });

    test('memory grows while the map is drawn, and each growth is told', async () => {
      await page.start(GROWS);
      const seen = new Set();
      await eventually(async () => {
        seen.add((await page.figures()).linear);
        assert.notEqual(await page.text('#status'), 'running');
      });
      assert.equal((await page.end()).kind, 'good');
      assert.ok(seen.size > 2, `linear memory was seen at ${[...seen].join(', ')} bytes`);
      await showsTheDump(page);
      const growths = Number(/# growths\W+(\d+)$/m.exec(await page.ask('dump'))[1]);
      assert.ok(growths > 5);
      assert.match(await page.text('#log-note'), new RegExp(`^${growths} growths$`));
    });

    test('while it is paused the figures are those of pym_dump', async () => {
      await page.start(HUNGRY);
      await page.page.waitForFunction(
        () => Number(document.querySelector('#total-live').dataset.value) > 500_000,
      );
      await page.click('#pause');
      await page.page.waitForFunction(
        () => document.querySelector('#status').dataset.state === 'paused',
      );
      await showsTheDump(page);
      const { live } = await page.figures();
      await page.click('#pause');
      await page.page.waitForFunction(
        (before) => Number(document.querySelector('#total-live').dataset.value) > before + 500_000,
        {},
        live,
      );
    });

    test('a limit set while it runs ends it out of memory', async () => {
      assert.equal(await page.text('#status'), 'running');
      await page.fill('#limit-heap-hard', '8M');
      const { kind, text } = await page.end();
      assert.equal(kind, 'bad');
      assert.match(text, /^Out of memory/);
      assert.match(text, /hard limit of the heap refused/);
      assert.match(text, /Most is held by main chunk \(\w+:[34]\): /);
      await showsTheDump(page);
      const { live, peak, domains } = await page.figures();
      // The limit is met: the last request, for 2000 bytes, did not fit (tests/page/lua.test.js has it
      // to the byte).  What lives in the end may be half of that: Lua's traceback needs memory too,
      // and so collects the garbage.
      assert.ok(live <= 8 << 20, `${live} bytes live`);
      assert.ok(peak > (8 << 20) - 16384 && peak <= 8 << 20, `${peak} bytes at the peak`);
      assert.ok(domains.all.refused > 0);
      assert.equal(await page.page.$eval('#log .badge', (badge) => badge.dataset.type), 'hard');
    });

    test('a limit that is no size is refused in words', async () => {
      await page.fill('#limit-heap-hard', 'much');
      assert.match(await page.text('#limit-error'), /much/);
      await page.click('#unlimit');
      await page.fill('#limit-heap-hard', '');
      assert.equal(await page.text('#limit-error'), '');
    });

    test('a program with an error shows its line', async () => {
      const { kind, text } = await page.run('local x = 1\nerror("too bad")');
      assert.equal(kind, 'bad');
      assert.match(
        text,
        /^Ended with an error after .*? s\w+:2: too bad ?Go to line 2.*stack traceback/s,
      );
    });

    test('a dropped WASI command runs with its arguments', async () => {
      await page.fill(
        '#args',
        '-e "keep = {} for i = 1, 5000 do keep[i] = {} end print(6 * 7) os.exit(0, false)"',
      );
      await page.page.select('#alloc-every', '8192');
      await page.drop([LUA]);
      await page.page.waitForFunction(() => !document.querySelector('#module-card').hidden);
      assert.match(await page.text('#module-text'), /^lua\.wasm, .*: a WASI command/);
      assert.equal((await page.run()).kind, 'good');
      assert.equal(await page.text('#output'), '42');
      await showsTheDump(page);
      assert.ok((await page.figures()).domains.object.blocks > 5000);
      await page.click('#tab-allocations');
      await eventually(async () =>
        assert.match(await page.text('#alloc-table tbody'), /^main chunk\(-e\):1\d/),
      );
      await page.click('#tab-figures');
    });

    test('a dropped Emscripten pair runs with its arguments', async () => {
      await page.fill('#args', 'one two');
      await page.drop(PAIR);
      await page.opened(/^command\.wasm$/);
      const { kind, text } = await page.run();
      assert.equal(kind, 'good', text);
      assert.equal(await page.text('#output'), '2 arguments, the last is two');
      await showsTheDump(page);
      assert.equal((await page.figures()).domains.mem.blocks, 1000);
    });

    for (const [what, [bytes, code]] of Object.entries(NOT_OPENED)) {
      test(`${what} is ${code}, and the page is alive`, async () => {
        const before = await page.text('#guest-name');
        await page.drop([{ name: 'bad.wasm', bytes }]);
        await page.page.waitForFunction(() => !document.querySelector('#error').hidden);
        assert.match(await page.text('#error-title'), new RegExp(`bad\\.wasm.*\\(${code}\\)`));
        assert.ok((await page.text('#error-text')).length > 20);
        await page.click('#error-close');
        assert.equal(await page.text('#guest-name'), before);
        assert.equal((await page.run()).kind, 'good');
      });
    }

    test('a module that lies while it runs is one message, and the page is alive', async () => {
      await page.drop([{ name: 'liar.wasm', bytes: LIAR }]);
      await page.opened(/^liar\.wasm$/);
      await page.start();
      await page.page.waitForFunction(() => !document.querySelector('#error').hidden);
      assert.match(await page.text('#error-title'), /\(BAD_MEMORY\)/);
      await page.click('#error-close');
    });

    test('a module that never ends can be stopped', async () => {
      await page.drop([{ name: 'forever.wasm', bytes: FOREVER }]);
      await page.opened(/^forever\.wasm$/);
      await page.start();
      await page.page.waitForFunction(() => !document.querySelector('#stop').disabled);
      await page.click('#stop');
      assert.match((await page.end()).text, /^Stopped/);
      await page.click('#back-to-lua');
      await page.opened(/^Lua/);
      await page.ready();
      assert.equal((await page.run('print(1)')).kind, 'good');
    });

    test('a worker that fails ends its program with words, and the next run has a new one', async () => {
      await page.start(HUNGRY);
      await page.page.waitForFunction(
        () => document.querySelector('#status').dataset.state === 'running',
      );
      await page.page.evaluate(() =>
        window.workers.at(-1).dispatchEvent(new ErrorEvent('error', { message: 'out of memory' })),
      );
      const { kind, text } = await page.end();
      assert.equal(kind, 'bad');
      assert.match(text, /the worker failed: out of memory\. Run the program again/);
      assert.match(await page.text('#error-title'), /WORKER/);
      assert.equal((await page.run(TABLES)).kind, 'good');
      await showsTheDump(page);
    });

    test('nothing went wrong that was not shown', () => assert.deepEqual(page.problems, []));

    test('?module= opens what is there', async () => {
      const other = await HeapPage.open(
        browser,
        `${server.url}?module=lua.wasm&args=-e%20%22print(2%5E10)%22`,
      );
      assert.equal(await other.text('#guest-name'), 'lua.wasm');
      assert.equal((await other.run()).kind, 'good');
      assert.equal(await other.text('#output'), '1024.0');
      assert.deepEqual(other.problems, []);
      await other.page.close();
    });

    test('?module= of nothing says so, and Lua is there', async () => {
      const other = await HeapPage.open(browser, `${server.url}?module=nothing.wasm`);
      assert.match(await other.text('#error-text'), /nothing\.wasm/);
      await other.opened(/^Lua/);
      assert.equal((await other.run('print(1)')).kind, 'good');
      await other.page.close();
    });
  });
}
