/** The script of a page, in both browsers: packages as they are, watched and capped. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BROWSERS, launch, open } from '../browser/lib/browser.mjs';
import { serve } from '../browser/lib/server.mjs';

const AT = '/tests/observe/node_modules';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const page = (script, body) =>
  `<!doctype html><link rel=icon href=data:,><script ${script}></script>${body}`;
const classic = (query, body) => page(`src=/js/dist/observe.js${query}`, body);
const module = (query, body) => page(`type=module src=/js/src/observe/script.js${query}`, body);

const SQL = `initSqlJs({ locateFile: (name) => '${AT}/sql.js/dist/' + name }).then((SQL) => {
    const db = new SQL.Database();
    db.run('CREATE TABLE t (a)');
    for (let i = 0; i < 500; i++) db.run('INSERT INTO t VALUES (?)', [i]);
    done(db.exec('SELECT sum(a) FROM t')[0].values[0][0]); });`;
const LUA = `<script src=${AT}/wasmoon/dist/index.js></script><script>(async () => {
    const lua = await new wasmoon.LuaFactory('${AT}/wasmoon/dist/glue.wasm').createEngine();
    try { lua.doStringSync('local t = {} while true do t[#t + 1] = { #t } end'); } catch (error) {
      lua.doStringSync('collectgarbage()');
      document.title = error.message + ' ' + lua.doStringSync('return 6 * 7'); } })();</script>`;
const TREE = `<script type=module>
    import { Language, Parser } from '${AT}/web-tree-sitter/web-tree-sitter.js';
    await Parser.init({ locateFile: (name) => '${AT}/web-tree-sitter/' + name });
    const parser = new Parser();
    parser.setLanguage(await Language.load('${AT}/tree-sitter-javascript/tree-sitter-javascript.wasm'));
    document.title = parser.parse('let x = 1').rootNode.childCount;</script>`;

/** Each ends with a title.  The script of sql.html begins while the page is still read. */
const FILES = {
  'sql.html': classic(
    '',
    `<script src=${AT}/sql.js/dist/sql-wasm-browser.js></script><script>
    const done = (sum) => { document.title = sum; };
    if (document.readyState !== 'loading') throw new Error('the page is read already');
    ${SQL}</script>`,
  ),
  'lua.html': classic('?limit=8M', LUA),
  'tree.html': classic('', TREE),
  'module.html': module('?limit=8M', TREE),
  'worker.html': `<!doctype html><link rel=icon href=data:,><script>
    new Worker('worker.js').onmessage = ({ data: { sum, stats } }) => {
      globalThis.wasmPymalloc = { watches: () => stats.map((one) => ({ watch: { stats: () => one } })) };
      document.title = sum; };</script>`,
  'worker.js': `globalThis.PYM_OBSERVE = 'limit=32M';
    importScripts('/js/dist/observe.js', '${AT}/sql.js/dist/sql-wasm-browser.js');
    const done = (sum) =>
      postMessage({ sum, stats: wasmPymalloc.watches().map(({ watch }) => watch.stats()) });
    ${SQL}`,
};
const EXPECTED = {
  'sql.html': '124750',
  'lua.html': 'not enough memory 42',
  'tree.html': '1',
  'module.html': '1',
  'worker.html': '124750',
};
const LIMITS = { 'lua.html': 8 << 20, 'module.html': 8 << 20, 'worker.html': 32 << 20 };

execFileSync(process.execPath, [`${ROOT}js/tools/script.mjs`]);

for (const name of BROWSERS) {
  describe(name, () => {
    let browser, server;
    before(async () => {
      [browser, server] = await Promise.all([launch(name), serve(ROOT, { files: FILES })]);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    for (const [file, title] of Object.entries(EXPECTED)) {
      test(`${file} shows the same, and its figures are exact`, async () => {
        const { page: tab, problems } = await open(browser, server.url + file);
        await tab.waitForFunction(() => document.title !== '');
        assert.equal(await tab.title(), title);
        const stats = await tab.evaluate(() =>
          globalThis.wasmPymalloc.watches().map(({ watch }) => watch.stats()),
        );
        assert.equal(stats.length, 1);
        assert.equal(stats[0].complete, true);
        assert.equal(stats[0].hardLimit, LIMITS[file] ?? null);
        assert.ok(stats[0].domains.malloc.totalBlocks > 5);
        if (file === 'lua.html') {
          assert.ok(
            stats[0].domains.malloc.peakBytes <= 8 << 20 && stats[0].domains.malloc.failures > 0,
          );
        }
        assert.deepEqual(problems, []);
        await tab.close();
      });
    }
  });
}
