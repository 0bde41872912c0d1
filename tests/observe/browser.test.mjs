/** The script of a page, in both browsers: packages as they are, watched and capped. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BROWSERS, launch, open } from '../browser/lib/browser.mjs';
import { serve } from '../browser/lib/server.mjs';

const AT = '/tests/observe/node_modules';
const page = (query, body) => `<!doctype html><link rel=icon href=data:,>
<script type=module src=/js/src/observe/script.js${query}></script>${body}`;

/** Each ends with a title. */
const FILES = {
  'sql.html': page('', `<script src=${AT}/sql.js/dist/sql-wasm-browser.js></script><script type=module>
    const SQL = await initSqlJs({ locateFile: (name) => '${AT}/sql.js/dist/' + name });
    const db = new SQL.Database();
    db.run('CREATE TABLE t (a)');
    for (let i = 0; i < 500; i++) db.run('INSERT INTO t VALUES (?)', [i]);
    document.title = db.exec('SELECT sum(a) FROM t')[0].values[0][0];</script>`),
  'lua.html': page('?limit=8M', `<script src=${AT}/wasmoon/dist/index.js></script><script type=module>
    const lua = await new wasmoon.LuaFactory('${AT}/wasmoon/dist/glue.wasm').createEngine();
    try { lua.doStringSync('local t = {} while true do t[#t + 1] = { #t } end'); } catch (error) {
      lua.doStringSync('collectgarbage()');
      document.title = error.message + ' ' + lua.doStringSync('return 6 * 7'); }</script>`),
  'tree.html': page('', `<script type=module>
    import { Language, Parser } from '${AT}/web-tree-sitter/web-tree-sitter.js';
    await Parser.init({ locateFile: (name) => '${AT}/web-tree-sitter/' + name });
    const parser = new Parser();
    parser.setLanguage(await Language.load('${AT}/tree-sitter-javascript/tree-sitter-javascript.wasm'));
    document.title = parser.parse('let x = 1').rootNode.childCount;</script>`),
};
const EXPECTED = { 'sql.html': '124750', 'lua.html': 'not enough memory 42', 'tree.html': '1' };

for (const name of BROWSERS) {
  describe(name, () => {
    let browser, server;
    before(async () => {
      [browser, server] = await Promise.all([launch(name),
        serve(fileURLToPath(new URL('../../', import.meta.url)), { files: FILES })]);
    });
    after(() => Promise.all([browser?.close(), server?.close()]));

    for (const [file, title] of Object.entries(EXPECTED)) {
      test(`${file} shows the same, and its figures are exact`, async () => {
        const { page: tab, problems } = await open(browser, server.url + file);
        await tab.waitForFunction(() => document.title !== '');
        assert.equal(await tab.title(), title);
        const stats = await tab.evaluate(() => globalThis.wasmPymalloc.watches()
          .map(({ watch }) => watch.stats()));
        assert.equal(stats.length, 1);
        assert.equal(stats[0].complete, true);
        assert.ok(stats[0].domains.malloc.totalBlocks > 5);
        if (file === 'lua.html') {
          assert.ok(stats[0].domains.malloc.peakBytes <= 8 << 20 && stats[0].domains.malloc.failures > 0);
        }
        assert.deepEqual(problems, []);
        await tab.close();
      });
    }
  });
}
