/** SQLite of its own npm package, which tells how much memory it uses. */
import sqlite3InitModule from '@sqlite.org/sqlite-wasm';

import { compare } from './figures.mjs';

const sqlite3 = await sqlite3InitModule({ print: () => {}, printErr: () => {} });
const db = new sqlite3.oo1.DB(':memory:', 'c');
db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)');
const insert = db.prepare('INSERT INTO t (b) VALUES (?)');
const rounds = Number(process.env.ROUNDS ?? 1);
for (let i = 0; i < 20000 * rounds; i++)
  insert.bind(1, `text ${'x'.repeat(i % 80)} ${i}`).stepReset();
insert.finalize();
console.log(
  db.selectValue("SELECT count(*) FROM t WHERE b LIKE '%xxxxx%'") / rounds,
  db.selectValue('SELECT max(length(b)) FROM t') > 80,
);
const { wasm, capi } = sqlite3;
const at = wasm.pstack.alloc(16);
capi.sqlite3_status(capi.SQLITE_STATUS_MEMORY_USED, at, at + 8, 0);
await compare('sqlite-wasm', { said: wasm.peek32(at) });
