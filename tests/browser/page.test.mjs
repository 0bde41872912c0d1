/** The page in real browsers: what it shows must be what the guest says, whatever the guest does.
 *  BROWSER=firefox: in that alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { snapshotFromJSON } from '../../js/src/index.js';
import { Image } from '../js/lib/image.js';
import { assemble, commandOver, op, print, printImports } from '../js/lib/guest.js';
import { BROWSERS, launch, screenshot } from './lib/browser.mjs';
import { HeapPage, eventually, figuresOfDump, servePage } from './lib/page.mjs';

const built = (path) =>
  readFileSync(fileURLToPath(new URL(`../../build/${path}`, import.meta.url)));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const scratch = mkdtempSync(join(tmpdir(), 'page-'));
after(() => rmSync(scratch, { recursive: true }));

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

const TABLES =
  'keep = {} for i = 1, 60000 do keep[i] = {i} end print(#keep) big = ("x"):rep(300000)';
const GROWS = `keep = {}
for i = 1, 150 do
  for k = 1, 2000 do keep[#keep + 1] = {i, k} end
  local until_ = os.clock() + 0.016
  while os.clock() < until_ do end
end
print("grown")`;
/** Allocates all the time and keeps little of it. */
/** Who holds its memory is known: leak, at line 2, nearly all of it. */
const LEAK = `local kept = {}
local function leak(i) kept[i] = {i, i, i, i} end
for i = 1, 60000 do leak(i) end
print("kept")`;
const HUNGRY = `keep = {}
for i = 1, math.huge do
  for k = 1, 100 do local t = {k} end
  if i % 100 == 0 then keep[#keep + 1] = ("x"):rep(2000) .. i end
end`;

/** @param {HeapPage} page  the page shows what pym_dump prints in its guest, at this moment */
const showsTheDump = (page) =>
  eventually(async () =>
    assert.deepEqual(await page.figures(), figuresOfDump(await page.ask('dump'))),
  );

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
      await page.fill('#limit-heap-hard', '4M');
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
      assert.ok(live <= 4 << 20, `${live} bytes live`);
      assert.ok(peak > (4 << 20) - 16384 && peak <= 4 << 20, `${peak} bytes at the peak`);
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

    test('growths are one line that unfolds', async () => {
      await page.run(GROWS);
      await eventually(async () =>
        assert.match(await page.text('#log'), /\d+ times, by \d+ pages to/),
      );
      const [lines, inside] = await page.page.$eval('#log', (log) => [
        log.children.length,
        log.querySelectorAll('details div').length,
      ]);
      assert.ok(lines <= 4 && inside >= 3, `${lines} lines, ${inside} growths in them`);
    });

    test('a line of the chart goes and comes by its entry in the legend', async () => {
      const entry = '#chart-legend button[aria-pressed]';
      const pressed = () => page.page.$eval(entry, (button) => button.getAttribute('aria-pressed'));
      assert.equal(await pressed(), 'true');
      const colour = () => page.page.$eval('#chart canvas', (canvas) => canvas.toDataURL().length);
      const before = await colour();
      await page.click(entry);
      assert.equal(await pressed(), 'false');
      await eventually(async () => assert.notEqual(await colour(), before));
      await page.click(entry);
      assert.equal(await pressed(), 'true');
    });

    test('the tab Allocations says who holds the memory, and a click shows it on the map', async () => {
      await page.click('#tab-allocations');
      await page.page.select('#alloc-every', '8192');
      assert.equal((await page.run(LEAK)).kind, 'good');
      await eventually(async () =>
        assert.match(await page.text('#alloc-table tbody'), /^leak\w+:2\d\d/),
      );
      const [most, all] = await Promise.all([
        page.page.$eval('#alloc-table tbody td:nth-child(3)', (cell) => Number(cell.dataset.value)),
        page.figures().then(({ live }) => live),
      ]);
      assert.ok(most > 0.7 * all && most < 1.2 * all, `${most} of ${all}`);
      const box = '#icicle [title^="leak"]';
      assert.match(
        await page.page.$eval('#icicle', (icicle) => icicle.textContent),
        /all.*main chunk.*leak/,
      );
      await page.click(box);
      await eventually(async () =>
        assert.match(await page.text('#map-detail'), /^what leak holds now$/),
      );
      assert.match(await page.text('#legend'), /by its part of this size/);
      assert.equal(await page.page.$eval(box, (b) => b.getAttribute('aria-pressed')), 'true');
      await page.page.focus(box);
      await page.page.keyboard.press('ArrowUp');
      assert.match(
        await page.page.evaluate(() => document.activeElement.textContent),
        /^main chunk/,
      );
      await page.click('#alloc-all');
      await eventually(async () =>
        assert.match(await page.text('#map-detail'), /^a square|^pools/),
      );
      await page.click('#alloc-table tbody button');
      await eventually(async () =>
        assert.match(await page.text('#map-detail'), /^what leak holds now$/),
      );
      await page.click('#alloc-ever');
      await eventually(async () => assert.match(await page.text('#alloc-note'), /estimated from/));
      await page.click('#alloc-live');
    });

    test('without samples the tab says so', async () => {
      await page.page.select('#alloc-every', '0');
      await page.run(LEAK);
      await eventually(async () =>
        assert.match(await page.text('#alloc-note'), /^No samples were taken/),
      );
      await page.page.select('#alloc-every', '524288');
      await page.page.focus('#tab-allocations');
      await page.page.keyboard.press('ArrowLeft');
      assert.equal(await page.page.$eval('#figures', (panel) => panel.hidden), false);
    });

    test('what was written is there after a reload, and can be undone', async () => {
      const other = await HeapPage.open(browser, server.url);
      await other.fill('#source', 'print("mine")');
      await other.page.reload();
      await other.ready();
      await eventually(async () =>
        assert.equal(await other.page.$eval('#source', (field) => field.value), 'print("mine")'),
      );
      await other.click('#restore');
      assert.match(await other.page.$eval('#source', (field) => field.value), /^-- Binary trees/);
      assert.equal(await other.page.$eval('#restore', (button) => button.hidden), true);
      await other.page.close();
    });

    test('a link carries the program, and one that is damaged is a message', async () => {
      const other = await HeapPage.open(browser, server.url);
      await other.fill('#source', 'print("from a link, ü")');
      await other.click('#link');
      await other.page.waitForFunction(() => location.hash.startsWith('#lua='));
      const url = await other.page.evaluate(() => location.href);
      await other.click('#restore');
      const third = await HeapPage.open(browser, url);
      assert.equal(await third.text('#sample-text'), 'from the address of this page');
      await third.run();
      assert.equal(await third.text('#output'), 'from a link, ü');
      await third.page.close();
      const fourth = await HeapPage.open(browser, `${url.slice(0, -6)}`);
      await eventually(async () =>
        assert.match(await fourth.text('#error-text'), /missing or wrong/),
      );
      await fourth.page.close();
      await other.page.close();
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

    test('the difference of two snapshots is what was allocated between them', async () => {
      await page.run('keep = {} for i = 1, 1000 do keep[i] = {} end');
      await page.click('#snap');
      await page.page.waitForSelector('#difference:not([hidden]) tbody tr');
      await page.run('keep = {} for i = 1, 3000 do keep[i] = {} end');
      await page.click('#snap');
      await page.page.waitForFunction(
        () => document.querySelectorAll('#snap-from option').length === 2,
      );
      const rows = await page.page.$$eval('#difference tbody tr', (lines) =>
        lines.map(({ cells }) => [...cells].map((cell) => cell.textContent)),
      );
      const [, from, to] = rows
        .find(([what]) => what === 'live blocks')
        .map((text) => Number(text.replace(/\D/g, '')));
      assert.ok(to - from > 1990 && to - from < 2100, `${from} blocks, then ${to}`);
    });

    test('a snapshot is saved to a file, opened again, and shown on the map', async () => {
      await page.page.evaluate(() => {
        URL.createObjectURL = (blob) => {
          window.saved = blob.text();
          return '#';
        };
      });
      await page.click('#snap-save');
      const text = await page.page.evaluate(() => window.saved);
      const { stats } = snapshotFromJSON(JSON.parse(text));
      assert.ok(stats.domains.object.liveBlocks > 1000);
      const files = ['snapshot.json', 'other.json'].map((name) => join(scratch, name));
      writeFileSync(files[0], text);
      writeFileSync(files[1], '{"version": 1}');
      const input = await page.page.$('#snap-file');
      await input.uploadFile(files[0]);
      await page.page.waitForFunction(
        () => document.querySelectorAll('#snap-from option').length === 3,
      );
      await page.page.select('#snap-overlay', 'to');
      await eventually(async () =>
        assert.match(await page.text('#map-detail'), /^the snapshot #1/),
      );
      await page.page.select('#snap-overlay', '');
      await input.uploadFile(files[1]);
      await page.page.waitForFunction(() => !document.querySelector('#error').hidden);
      assert.match(await page.text('#error-title'), /BAD_SNAPSHOT/);
      await page.click('#error-close');
    });

    test('keys run the program, walk over the map and zoom', async () => {
      await page.fill('#source', TABLES);
      await page.page.focus('#source');
      await page.page.$eval('#result', (result) => {
        result.hidden = true;
      });
      await page.page.keyboard.down('Control');
      await page.page.keyboard.press('Enter');
      await page.page.keyboard.up('Control');
      assert.equal((await page.end()).kind, 'good');
      await page.page.focus('#map');
      await page.page.keyboard.press('Home');
      await eventually(async () => assert.match(await page.text('#look'), /^Page 0 of/));
      for (let i = 0; i < 4; i++) await page.page.keyboard.press('ArrowRight'); // by pools or pages
      await eventually(async () => assert.match(await page.text('#look'), /^Page [14] of/));
      for (let i = 0; i < 8; i++) await page.page.keyboard.press('+');
      await eventually(async () => assert.match(await page.text('#map-detail'), /pools|blocks/));
      await page.page.keyboard.press('Escape');
      await eventually(async () =>
        assert.equal(await page.page.$eval('#zoom-fit', (button) => button.disabled), true),
      );
      await eventually(async () => assert.match(await page.text('#live'), /^Page [14] of/));
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

    test('the totals of the map are there in words', async () => {
      await page.run(TABLES);
      await showsTheDump(page);
      const { linear } = await page.figures();
      await eventually(async () =>
        assert.match(await page.text('#map-summary'), new RegExp(`\\b${linear / 65536} pages`)),
      );
    });

    test('axe finds nothing, light and dark', async () => {
      for (const theme of ['light', 'dark']) {
        while ((await page.page.$eval('html', (html) => html.dataset.theme)) !== theme) {
          await page.click('#theme');
        }
        await page.page.evaluate(axe);
        for (const tab of ['#tab-allocations', '#tab-figures']) {
          await page.click(tab);
          const { violations } = await page.page.evaluate('axe.run()');
          assert.deepEqual(
            violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html)}`),
            [],
          );
        }
      }
      await page.click('#theme'); // as the system says, again
      assert.equal(await page.page.$eval('html', (html) => html.dataset.theme), undefined);
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

    if (name !== 'chromium') return;

    test('screen readers find the map, its totals, the limits and the buttons', async () => {
      await page.page.bringToFront();
      await page.run(TABLES);
      const nodes = [await page.page.accessibility.snapshot()];
      for (const node of nodes) nodes.push(...(node.children ?? []));
      const has = (role, label) =>
        assert.ok(
          nodes.some((node) => node.role === role && label.test(node.name)),
          `a ${role} called ${label}`,
        );
      has('application', /^Map of linear memory$/);
      has('button', /Run$/);
      has('textbox', /^hard limit of the heap$/);
      await showsTheDump(page);
      const { linear } = await page.figures();
      await eventually(async () =>
        assert.match(
          await page.page.$eval('#map', (map) =>
            map
              .getAttribute('aria-describedby')
              .split(' ')
              .map((id) => document.getElementById(id).textContent)
              .join(' '),
          ),
          new RegExp(`\\b${linear / 65536} pages`),
        ),
      );
    });

    for (const [look, scheme, width] of [
      ['light', 'light', 1400],
      ['dark', 'dark', 1400],
      ['narrow', 'light', 360],
    ]) {
      test(`the ${look} page needs no scrolling sideways (screenshot)`, async () => {
        const other = await HeapPage.open(browser, server.url, {
          viewport: { width, height: 900 },
          scheme,
        });
        await other.page.select('#alloc-every', '65536');
        await other.run(TABLES);
        await showsTheDump(other);
        await screenshot(other.page, `page-${look}`);
        await other.click('#tab-allocations');
        await other.click('#alloc-table tbody button');
        await eventually(async () => assert.match(await other.text('#map-detail'), /holds now/));
        await screenshot(other.page, `page-allocations-${look}`);
        const wide = await other.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} pixels in a window of ${width}`);
        assert.match(await other.page.$eval('#run', (button) => button.innerText), /Run$/);
        assert.match(
          await other.page.$eval('h1', (heading) => heading.innerText),
          /^wasm-pymalloc/,
        );
        await other.page.close();
      });
    }
  });
}
