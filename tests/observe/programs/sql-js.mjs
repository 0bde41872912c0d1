/** SQLite of sql.js. */
import initSqlJs from 'sql.js';

const SQL = await initSqlJs();
const db = new SQL.Database();
db.run('CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT, price REAL)');
const rounds = Number(process.env.ROUNDS ?? 1);
db.run('BEGIN');
for (let i = 0; i < 20000 * rounds; i++) {
  db.run('INSERT INTO shop (name, price) VALUES (?, ?)', [`thing ${i % 997}`, i % 100]);
}
db.run('COMMIT');
db.run('CREATE INDEX by_name ON shop (name)');
const [{ values }] = db.exec('SELECT count(*), sum(price) FROM shop WHERE name LIKE "thing 9%"');
console.log(values[0].map((n) => Math.round(n / rounds)).join(' '));
db.close();
