/** The page for any module, in real browsers: modules as they are, their figures, limits and stacks. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { built } from '../js/lib/run.js';
import { BROWSERS, launch, open } from './lib/browser.mjs';
import { eventually, servePage } from './lib/page.mjs';

const SQL = ['js', 'wasm'].map((extension) =>
  fileURLToPath(
    new URL(`../observe/node_modules/sql.js/dist/sql-wasm-browser.${extension}`, import.meta.url),
  ),
);
const SUM = `const db = new module.Database();
db.run('CREATE TABLE t (a)');
for (let i = 0; i < 500; i++) db.run('INSERT INTO t VALUES (?)', [i]);
print(db.exec('SELECT sum(a) FROM t')[0].values[0][0]);`;
const LUA = [built('lua/lua-libc.wasm')];
const folder = mkdtempSync(join(tmpdir(), 'pymalloc-any-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name, contents) => {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
};

for (const name of BROWSERS) {
  describe(name, () => {
    let browser, server;
    before(async () => {
      [browser, server] = await Promise.all([launch(name), servePage()]);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    /** @param {string[]} files  @param {Record<string, string>} fields  @param {boolean} [stacks] */
    async function run(files, fields, stacks = false) {
      const { page, problems } = await open(browser, `${server.url}any.html`);
      await (await page.$('#files')).uploadFile(...files);
      for (const [id, value] of Object.entries(fields)) {
        await page.$eval(`#${id}`, (element, text) => (element.value = text), value);
      }
      if (stacks) await page.click('#stacks');
      const text = (id) => page.$eval(`#${id}`, (element) => element.textContent);
      const figure = async (id) => Number(await page.$eval(`#${id}`, (e) => e.dataset.value));
      const state = () => page.$eval('#status', (element) => element.dataset.state);
      await eventually(async () => {
        assert.equal((await text('status')) || (await text('error-text')), 'ready');
      });
      await page.click('#run');
      const ended = () => eventually(async () => assert.notEqual(await state(), 'running'));
      return { page, problems, text, figure, state, ended };
    }

    test('sql.js with the JavaScript that uses it: its result, and every call recorded', async () => {
      const { page, problems, text, figure, state, ended } = await run(SQL, { code: SUM }, true);
      await ended();
      assert.deepEqual([await state(), await text('error-text')], ['done', '']);
      assert.equal(await text('output'), '124750\n');
      assert.match(await text('found'), /found by .*; every call is recorded\.$/);
      const [live, peak, total] = await Promise.all(['live', 'peak', 'total'].map(figure));
      assert.ok(live > 1000 && peak >= live && total > peak, `${live} ${peak} ${total}`);
      assert.ok((await page.$$('#classes tbody tr')).length > 5);
      assert.match(await text('allocations'), /function|wasm/);
      assert.deepEqual(problems, []);
      await page.close();
    });

    test('a WASI command at its limit runs out of memory, and not a byte more lives', async () => {
      const args = '-e "local t = {} for i = 1, 1e7 do t[i] = {} end"';
      const { page, problems, text, figure, ended } = await run(LUA, { args, limit: '2M' });
      await ended();
      assert.match(await text('output'), /not enough memory/);
      assert.ok((await figure('refused')) > 0);
      assert.ok((await figure('peak')) <= 2 << 20);
      assert.match(await text('refused-by'), /limit 2\.00 MiB/);
      assert.deepEqual(problems, []);
      await page.close();
    });

    test('a program that does not end is watched while it runs, and stopped its figures stay', async () => {
      const { page, figure, state } = await run(LUA, {
        args: '-e "while true do local t = {} end"',
      });
      let first = 0;
      await eventually(async () => assert.ok((first = await figure('total')) > 100_000));
      await eventually(async () => assert.ok((await figure('total')) > first));
      await page.click('#stop');
      assert.equal(await state(), 'idle');
      assert.ok((await figure('total')) > first);
      await page.close();
    });

    test('what cannot be watched runs, and the page says why it is not', async () => {
      const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1]);
      const { page, text, state, ended } = await run([file('memory.wasm', bytes)], {
        code: 'print(typeof module)',
      });
      await ended();
      assert.deepEqual([await state(), await text('output')], ['done', 'object\n']);
      assert.match(await text('found'), /^It ran, and was not watched: no malloc and free/);
      await page.close();
    });

    test('what is no module, no limit or throws is one message', async () => {
      const bad = file('bad.wasm', '<!doctype html>');
      for (const [files, fields, says] of [
        [[bad], {}, /CompileError|magic|expected/i],
        [LUA, { limit: 'much' }, /“much” is no size/],
        [SQL, { code: 'throw new Error("from the code")' }, /from the code/],
      ]) {
        const { page, text } = await run(files, fields);
        await eventually(async () => assert.match(await text('error-text'), says));
        await page.close();
      }
    });
  });
}
