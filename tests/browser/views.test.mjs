/** What the page shows of a program's memory besides its figures, and that everybody can use it: the
 *  chart, the allocations, snapshots, links, keys, themes, screen readers.  In real browsers;
 *  BROWSER=firefox: in that alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { snapshotFromJSON } from '../../js/src/index.js';
import { BROWSERS, launch, screenshot } from './lib/browser.mjs';
import { HeapPage, eventually, servePage, showsTheDump } from './lib/page.mjs';
import { GROWS, TABLES } from './lib/programs.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const scratch = mkdtempSync(join(tmpdir(), 'page-'));
after(() => rmSync(scratch, { recursive: true }));

/** Who holds its memory is known: leak, at line 2, nearly all of it. */
const LEAK = `local kept = {}
local function leak(i) kept[i] = {i, i, i, i} end
for i = 1, 60000 do leak(i) end
print("kept")`;

for (const name of BROWSERS.filter((one) => (process.env.BROWSER ?? one) === one)) {
  describe(name, () => {
    let browser;
    let server;
    /** @type {HeapPage} */
    let page;
    before(async () => {
      [browser, server] = await Promise.all([launch(name), servePage()]);
      page = await HeapPage.open(browser, server.url);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

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
