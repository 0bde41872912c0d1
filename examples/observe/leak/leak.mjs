/** A leak in a program that uses sql.js: statements that nobody frees. */
import initSqlJs from 'sql.js';
import { watches } from 'wasm-pymalloc/observe';

const SQL = await initSqlJs();
const db = new SQL.Database();
db.run('CREATE TABLE shop (id INTEGER, name TEXT)');

function freed(id) {
  const statement = db.prepare('SELECT name FROM shop WHERE id = ?');
  statement.getAsObject([id]);
  statement.free();
}

function forgotten(id) {
  const statement = db.prepare('SELECT name FROM shop WHERE id > ?');
  statement.getAsObject([id]);
}

const { watch } = watches().find(({ name }) => name.includes('sql.js'));
const mark = watch.mark();
for (let i = 0; i < 200; i++) {
  freed(i);
  forgotten(i);
}
const leaks = watch.leaks({ since: mark, top: 3 });
for (const { bytes, blocks, site } of leaks) {
  console.log(`${bytes} bytes in ${blocks} blocks: ${site.replace(/.*\//, '')}`);
}
