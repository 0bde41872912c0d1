/** Python on the page, a stock Pyodide that lies beside it, in both browsers: what is shown must be
 *  what the guest says.  BROWSER=firefox: in that alone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BROWSERS, launch, open } from './lib/browser.mjs';
import { HeapPage, eventually, showsTheDump } from './lib/page.mjs';
import { serve } from './lib/server.mjs';

const FOLDER = '/tests/pyodide/node_modules/pyodide-314/';

const OTHER = { 'other/pyodide.mjs': 'export const version = "1";' };

/** Ends with what its allocator says. */
const TABLES = `import json, pymalloc
keep = [{"id": i} for i in range(20000)]
big = bytes(300000)
print(json.dumps(pymalloc.stats()["domains"]["object"]))`;
const GROWS = `import time
print("begun")
keep = []
end = time.monotonic() + 3
while time.monotonic() < end:
    keep.extend([k] for k in range(500))
    time.sleep(0.002)
print("grown")`;
/** What is left at a limit is room for a traceback: it asks for much at a time. */
const HUNGRY = `print("begun")
keep = []
while True:
    for k in range(200_000):
        t = [k]
    keep.append("x" * 200_000 + str(len(keep)))`;

let server;
before(async () => {
  server = await serve(fileURLToPath(new URL('../../', import.meta.url)), { files: OTHER });
});
after(() => server?.close());
const address = (query) => `${server.url}js/page/index.html?pyodide=${query}`;

const STUBBORN = `print("begun")
while True:
    try:
        while True: pass
    except BaseException: pass`;
const asked = (name) => (process.env.BROWSER ?? name) === name;

/** Are about so many MiB live?  What Python does for the page afterwards has no limit; what was set
 *  aside for errors, 256 KiB, is not live any more.
 *  @param {number} live  @param {number} limit */
const isNear = (live, limit) => Math.abs(live - (limit << 20)) < 3 << 18;

/** Starts a program, and waits until it runs: Python may have to be loaded first.
 *  @param {HeapPage} page  @param {string} source  that prints "begun" */
async function begin(page, source) {
  await page.start(source);
  await page.page.waitForFunction(() =>
    document.querySelector('#output').textContent.includes('begun'),
  );
}

/** The numbers of live bytes that the page shows until the program ends.
 *  @param {HeapPage} page  @returns {Promise<Set<number>>} */
async function liveWhileItRuns(page) {
  const seen = new Set();
  await eventually(async () => {
    seen.add((await page.figures()).live);
    assert.match(await page.text('#status'), /ended/);
  });
  return seen;
}

for (const name of BROWSERS.filter(asked))
  describe(`Python in ${name}`, () => {
    let browser;
    /** @type {HeapPage} */
    let page;
    /** What does not depend on the browser, and takes most of the time of this file, is tested in one. */
    const inOne = name === 'chromium' ? test : () => {};
    before(async () => {
      browser = await launch(name);
      page = await HeapPage.open(browser, address(FOLDER));
    });
    after(() => browser?.close());

    test('?pyodide= of a folder opens it, with programs in Python', async () => {
      assert.equal(await page.text('#error-text'), '');
      assert.match(await page.text('#guest-name'), /^Python \(Pyodide 314\./);
      const files = await page.page.$$eval('#sample option', (options) =>
        options.map((o) => o.value),
      );
      assert.ok(files.length > 2 && files.every((file) => file.endsWith('.py')), files.join());
      assert.match(await page.text('#module-text'), /Watched all the time/);
    });

    test('a program runs, and the figures shown are those of pymalloc.stats() and of pym_dump', async () => {
      const { kind, text } = await page.run(TABLES);
      assert.equal(kind, 'good', text);
      await showsTheDump(page);
      const said = JSON.parse(await page.text('#output'));
      const {
        domains: { object },
      } = await page.figures();
      assert.ok(said.live_blocks > 20000);
      // What print and the end of the program take and give back comes after.
      assert.ok(
        Math.abs(object.blocks - said.live_blocks) < 200,
        `${object.blocks}, ${said.live_blocks}`,
      );
      assert.ok(
        Math.abs(object.live - said.live_bytes) < 65536,
        `${object.live}, ${said.live_bytes}`,
      );
    });

    inOne('it is told how much of Python has come', async () => {
      const { page: other } = await open(browser, address(FOLDER));
      await other.waitForFunction(
        () => /^loading: [\d.]+ [KM]iB of/.test(document.querySelector('#status').textContent),
        { polling: 'mutation' },
      );
      await other.waitForFunction(() => !document.querySelector('#run').disabled);
      assert.equal(await other.$eval('#loading', (bar) => bar.hidden), true);
      await other.close();
    });

    inOne('the tab Allocations names the line of Python that holds most', async () => {
      await page.click('#tab-allocations');
      await page.page.select('#alloc-every', '65536');
      const { kind, text } = await page.run(
        'kept = []\ndef leak(i):\n    kept.append([i] * 20)\nfor i in range(30000): leak(i)',
      );
      assert.equal(kind, 'good', text);
      await eventually(async () =>
        assert.match(await page.text('#alloc-table tbody'), /^leak\w+\.py:3\d\d/),
      );
      await page.click('#tab-figures');
    });

    inOne('a long run of pages that are not the allocator’s is one bar that unfolds', async () => {
      await page.run('print(1)');
      await page.page.focus('#map');
      await page.page.keyboard.press('Home');
      await eventually(async () =>
        assert.match(await page.text('#look'), /^Pages 0 to \d{2,}, not the allocator’s/),
      );
      await page.page.keyboard.press('ArrowRight');
      await eventually(async () => assert.match(await page.text('#look'), /^Page \d{2,} of/));
      await page.page.keyboard.press('Home');
      await page.page.keyboard.press('Enter');
      await eventually(async () => assert.match(await page.text('#look'), /^Page 0 of/));
      await page.click('#fold');
      assert.equal(await page.page.$eval('#fold', (button) => button.hidden), true);
      await eventually(async () => assert.match(await page.text('#look'), /^Pages 0 to/));
    });

    test('memory grows while the map is drawn', async () => {
      await page.start(GROWS);
      const seen = await liveWhileItRuns(page);
      assert.equal((await page.end()).kind, 'good');
      assert.ok(seen.size > 3, `live bytes were seen at ${[...seen].join(', ')}`);
      await showsTheDump(page);
    });

    test('paused, it answers; a limit set meanwhile is a MemoryError at its line', async () => {
      await begin(page, HUNGRY);
      await page.page.waitForFunction(
        () => Number(document.querySelector('#total-live').dataset.value) > 1_500_000,
      );
      await page.click('#pause');
      await page.page.waitForFunction(
        () => document.querySelector('#status').dataset.state === 'paused',
      );
      await showsTheDump(page);
      assert.ok((await page.ask('collect')) >= 0);
      assert.deepEqual(await page.ask('check'), { sound: true, message: '' });
      await page.fill('#limit-heap-hard', '12M');
      await page.click('#pause');
      const { kind, text } = await page.end();
      assert.equal(kind, 'bad');
      assert.match(text, /^Out of memory.*hard limit of the heap refused/);
      assert.match(text, /Traceback[^]*File "[\w.]+", line [3-6][^]*MemoryError/);
      assert.doesNotMatch(text, /<exec>|_pyodide/);
      await showsTheDump(page);
      const { live, domains } = await page.figures();
      assert.ok(isNear(live, 12), `${live} bytes live`);
      assert.ok(domains.all.refused > 0);
    });

    inOne(
      'small objects at a limit, and a limit below what Python needs, are MemoryErrors',
      async () => {
        await page.fill('#limit-heap-hard', '3M');
        const { text } = await page.run('keep = []\nwhile True:\n    keep.append([len(keep)])');
        assert.match(text, /^Out of memory[^]*MemoryError/); // a traceback takes memory too
        await page.fill('#limit-heap-hard', '1000');
        assert.match((await page.run('print(1)')).text, /^Out of memory/);
        await page.click('#unlimit');
      },
    );

    test('a limit set while Python is loaded again, between two runs, is met', async () => {
      await page.fill('#limit-heap-hard', '40M');
      assert.equal((await page.run('print(1)')).kind, 'good');
      await page.start(HUNGRY);
      assert.equal(await page.text('#output'), ''); // it is loaded now
      await page.fill('#limit-heap-hard', '12M');
      assert.match((await page.end()).text, /^Out of memory/);
      const { live } = await page.figures();
      assert.ok(isNear(live, 12), `${live} bytes live`);
      await page.click('#unlimit');
    });

    inOne('so is one set while it is loaded after it was stopped', async () => {
      await begin(page, STUBBORN);
      await page.click('#stop');
      await page.end();
      await page.fill('#limit-heap-hard', '12M');
      await page.ready();
      assert.equal(await page.text('#limit-error'), '');
      assert.match((await page.run(HUNGRY)).text, /^Out of memory/);
      await page.click('#unlimit');
    });

    inOne(
      'with its memory kept, a limit below what Python needs is a MemoryError, not its end',
      async () => {
        await page.run('import sys\nsys.left = 1');
        await page.page.$eval('#keep', (box) => box.click());
        await page.fill('#limit-heap-hard', '1000');
        assert.match((await page.run('print(1)')).text, /^Out of memory/);
        assert.match((await page.run('print(1)')).text, /^Out of memory/);
        await page.click('#unlimit');
        await page.run('import sys\nprint(sys.left)');
        assert.equal(await page.text('#output'), '1');
        await page.page.$eval('#keep', (box) => box.click());
      },
    );

    inOne('a program that catches MemoryError goes on', async () => {
      const { kind, text } = await page.run(`import pymalloc
pymalloc.limit = 8 << 20
try:
    keep = bytes(20_000_000)
except MemoryError:
    pymalloc.limit = None
    print("too large")`);
      assert.equal(kind, 'good', text);
      assert.equal(await page.text('#output'), 'too large');
    });

    inOne('an error shows its traceback and its line, an exit its code', async () => {
      const { kind, text } = await page.run('def f():\n    raise ValueError("too bad")\nf()');
      assert.equal(kind, 'bad');
      assert.match(text, /line 3[^]*line 2, in f\n.*raise ValueError[^]*ValueError: too bad/);
      assert.match(text, /ValueError: too badGo to line 2/);
      assert.match((await page.run('x = (')).text, /SyntaxError/);
      assert.match((await page.run('raise SystemExit(3)')).text, /exit code 3/);
    });

    test('a program that catches everything is stopped all the same', async () => {
      await begin(page, STUBBORN);
      await page.click('#stop');
      assert.match((await page.end()).text, /^Stopped/);
      await page.ready();
      assert.equal((await page.run('print(6 * 7)')).kind, 'good');
      assert.equal(await page.text('#output'), '42');
    });

    inOne('with its memory kept, the next program finds the same interpreter', async () => {
      await page.run('import sys\nsys.left = 1');
      await page.page.$eval('#keep', (box) => box.click());
      await page.run('import sys\nprint(sys.left)');
      assert.equal(await page.text('#output'), '1');
      await page.page.$eval('#keep', (box) => box.click());
      await page.run('import sys\nprint(hasattr(sys, "left"))');
      assert.equal(await page.text('#output'), 'False');
    });

    inOne('every sample program ends well, or runs until it is stopped', async () => {
      const files = await page.page.$$eval('#sample option', (options) =>
        options.map((o) => o.value),
      );
      for (const file of files) {
        const before = await page.text('#sample-text');
        await page.page.select('#sample', file);
        if (file !== files[0]) {
          await page.page.waitForFunction(
            (text) => document.querySelector('#sample-text').textContent.trim() !== text,
            {},
            before,
          );
        }
        await page.start();
        if (file === 'growing.py') {
          await page.page.waitForFunction(() =>
            document.querySelector('#output').textContent.includes('500 lists'),
          );
          await page.click('#stop');
        }
        const { kind, text } = await page.end();
        assert.equal(kind, file === 'growing.py' ? 'warn' : 'good', `${file}: ${text}`);
      }
    });

    test('nothing went wrong that was not shown', () => assert.deepEqual(page.problems, []));

    inOne('the dialog opens a folder too, and Lua comes back', async () => {
      await page.click('#back-to-lua');
      await page.opened(/^Lua/);
      assert.equal((await page.run('print(1)')).kind, 'good');
      await page.fill('#url', new URL(`${FOLDER}pyodide.mjs`, server.url).href);
      await page.click('#open-go');
      await page.opened(/^Python/);
      assert.equal((await page.run('print(2)')).kind, 'good');
    });

    test('Pyodide comes from another site if that allows it, and is FETCH if not', async () => {
      const there = fileURLToPath(new URL(`../..${FOLDER}`, import.meta.url));
      for (const headers of [{ 'access-control-allow-origin': '*' }, {}]) {
        const site = await serve(there, { headers });
        const other = await HeapPage.open(browser, address(site.url));
        if (headers['access-control-allow-origin']) {
          assert.equal((await other.run('print(1)')).kind, 'good');
          assert.equal(await other.text('#output'), '1');
        } else {
          assert.match(await other.text('#error-title'), /FETCH/);
          assert.match(await other.text('#error-text'), /does not allow .*CORS/);
        }
        await other.page.close();
        await site.close();
      }
    });

    for (const [what, folder, code] of [
      ['an address with nothing', '/nothing/', 'FETCH'],
      ['a folder with another pyodide.mjs', '/other/', 'NOT_PYODIDE'],
    ]) {
      test(`${what} is ${code}, and the page is alive`, async () => {
        const other = await HeapPage.open(browser, address(folder));
        await other.page.waitForFunction(() => !document.querySelector('#error').hidden);
        assert.match(await other.text('#error-title'), new RegExp(`Pyodide.*\\(${code}\\)`));
        assert.match(await other.text('#error-text'), new RegExp(`${folder}pyodide\\.mjs`));
        assert.doesNotMatch(await other.text('#error-text'), /CORS/);
        if (folder === '/nothing/') assert.match(await other.text('#error-text'), /answers 404/);
        await other.opened(/^Lua/);
        assert.equal((await other.run('print(1)')).kind, 'good');
        await other.page.close();
      });
    }
  });

// What Firefox had until it could suspend wasm, and Safari has.
if (asked('firefox'))
  describe('Python in firefox without JSPI', () => {
    let browser;
    /** @type {HeapPage} */
    let page;
    before(async () => {
      browser = await launch('firefox', {
        prefs: { 'javascript.options.wasm_js_promise_integration': false },
      });
      page = await HeapPage.open(browser, address(FOLDER));
    });
    after(() => browser?.close());

    test('a program is watched while it runs, and cannot be paused; the page says so', async () => {
      assert.match(
        await page.text('#module-text'),
        /cannot suspend wasm[^]*limits wait for the next run/,
      );
      await page.start(GROWS);
      assert.equal(await page.page.$eval('#pause', (button) => button.disabled), true);
      const seen = await liveWhileItRuns(page);
      const { kind, text } = await page.end();
      assert.equal(kind, 'good', text);
      assert.ok(seen.size > 3, `live bytes were seen at ${[...seen].join(', ')}`);
      await showsTheDump(page);
    });

    test('a limit set while a program runs is that of the next', async () => {
      await begin(page, GROWS);
      await page.fill('#limit-heap-hard', '1M');
      assert.equal((await page.end()).kind, 'good');
      assert.equal(await page.text('#limit-error'), '');
      await eventually(async () =>
        assert.equal(await page.page.$eval('#limit-heap-hard', (field) => field.value), '1M'),
      );
      assert.match((await page.run(HUNGRY)).text, /^Out of memory/);
    });

    test('a program that is stopped loads Python anew, which meets a limit set before', async () => {
      await page.click('#unlimit');
      await begin(page, STUBBORN);
      await page.fill('#limit-heap-hard', '12M');
      await page.click('#stop');
      assert.match((await page.end()).text, /^Stopped/);
      await page.ready();
      assert.match((await page.run(HUNGRY)).text, /^Out of memory/);
      const { live } = await page.figures();
      assert.ok(isNear(live, 12), `${live} bytes live`);
      assert.deepEqual(page.problems, []);
    });

    test('stopped while Python is loaded, it still meets the limit that was set', async () => {
      await page.click('#unlimit');
      await page.start(HUNGRY);
      await page.fill('#limit-heap-hard', '9M');
      await page.click('#stop');
      assert.match((await page.end()).text, /^Stopped/);
      await page.ready();
      assert.match((await page.run(HUNGRY)).text, /^Out of memory/);
      const { live } = await page.figures();
      assert.ok(isNear(live, 9), `${live} bytes live`);
    });
  });
