-- A shop that takes orders, round by round: inserts, joins, groups, updates, deletes.
CREATE TABLE IF NOT EXISTS customer(id INTEGER PRIMARY KEY, name TEXT, town TEXT, since INT);
CREATE TABLE IF NOT EXISTS article(id INTEGER PRIMARY KEY, title TEXT, price INT, stock INT);
CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY, customer INT, day INT);
CREATE TABLE IF NOT EXISTS item(orders INT, article INT, n INT, price INT);
CREATE INDEX IF NOT EXISTS customer_town ON customer(town, since);
CREATE INDEX IF NOT EXISTS orders_customer ON orders(customer);
CREATE INDEX IF NOT EXISTS item_orders ON item(orders);
CREATE VIEW IF NOT EXISTS bill AS
  SELECT o.id, o.customer, o.day, sum(i.n * i.price) AS total, count(*) AS lines
  FROM orders o JOIN item i ON i.orders = o.id GROUP BY o.id;

BEGIN;
INSERT INTO customer(name, town, since)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  SELECT printf('customer %d of round %d', i, :round), 'town ' || ((i * 7 + :round) % 23), :round
  FROM n;
INSERT INTO article(title, price, stock)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
  SELECT printf('article %05d', i * 31 + :round), (i * 37 % 91) * 100 + 50, i * 3 FROM n;
INSERT INTO orders(customer, day)
  SELECT id, :round FROM customer WHERE (id * 13 + :round) % 5 = 0 ORDER BY since DESC LIMIT 60;
INSERT INTO item SELECT o.id, a.id, 1 + (o.id + a.id) % 4, a.price
  FROM orders o JOIN article a ON (a.id * 11 + o.id) % 17 = 0 WHERE o.day = :round;
UPDATE article SET stock = stock - (SELECT coalesce(sum(n), 0) FROM item i JOIN orders o
  ON o.id = i.orders WHERE i.article = article.id AND o.day = :round);
UPDATE article SET stock = stock + 100, price = price * 101 / 100 WHERE stock < 0;
COMMIT;

BEGIN;
DELETE FROM item WHERE orders IN (SELECT id FROM orders WHERE day < :round - 12);
DELETE FROM orders WHERE day < :round - 12;
SAVEPOINT change;
UPDATE customer SET town = 'nowhere' WHERE id % 3 = 0;
ROLLBACK TO change;
COMMIT;

-- Reports, printed after the last round only, computed in each.
CREATE TEMP TABLE report AS
  SELECT c.town AS town, count(DISTINCT c.id) AS customers, sum(b.total) AS total
  FROM customer c JOIN bill b ON b.customer = c.id GROUP BY c.town HAVING total > 1000
  ORDER BY total DESC LIMIT 5;
SELECT town, customers, total FROM report WHERE :round = :rounds;
DROP TABLE report;
SELECT name, total, place FROM (SELECT c.name AS name, sum(b.total) AS total,
    rank() OVER (ORDER BY sum(b.total) DESC, c.id) AS place
    FROM bill b JOIN customer c ON c.id = b.customer GROUP BY c.id)
  WHERE place <= 3 AND :round = :rounds;
SELECT 'left', (SELECT count(*) FROM orders), (SELECT count(*) FROM item),
  (SELECT sum(stock) FROM article) WHERE :round = :rounds;
