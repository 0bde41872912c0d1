-- Notes with words and labels: text functions, LIKE, JSON, group_concat, an index kept by triggers.
CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, title TEXT, body TEXT, labels TEXT);
CREATE TABLE IF NOT EXISTS word(word TEXT, note INT, PRIMARY KEY(word, note)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history(note INT, what TEXT, at INT);
CREATE TRIGGER IF NOT EXISTS note_added AFTER INSERT ON note BEGIN
  INSERT OR IGNORE INTO word
    WITH RECURSIVE cut(one, rest) AS (
      SELECT '', new.body || ' '
      UNION ALL SELECT substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)
        FROM cut WHERE rest <> '')
    SELECT lower(one), new.id FROM cut WHERE one <> '';
  INSERT INTO history
    VALUES (new.id, json_object('added', new.title, 'labels', json(new.labels)), 1);
END;
CREATE TRIGGER IF NOT EXISTS note_gone AFTER DELETE ON note BEGIN
  DELETE FROM word WHERE note = old.id;
  INSERT INTO history VALUES (old.id, json_object('gone', old.title), 0);
END;

INSERT INTO note(title, body, labels)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
  SELECT printf('Note %d.%d', :round, i),
    printf('On day %d the %s met %s near the %s and %s spoke of word%d until %s', i,
      trim(substr('fox owl carpdeer', 1 + 4 * (i % 4), 4)), 'someone' || (i * :round % 29),
      replace(hex(i * 977 * :round), '0', 'o'), upper('they'), (i * 31 + :round * 7) % 211,
      printf('%.*c', 1 + i % 9, 'z')),
    json_array('label' || (i % 5), json_object('n', i, 'round', :round))
  FROM n;

UPDATE note SET body = replace(body, 'spoke of', 'talked about'), title = trim(title || '  ')
  WHERE body LIKE '%someone1%';
UPDATE note SET labels = json_insert(labels, '$[#]', json_object('seen', :round))
  WHERE id % 7 = :round % 7;
DELETE FROM note WHERE id <= :round * 12 - 600;
DELETE FROM history WHERE rowid <= (SELECT max(rowid) - 800 FROM history);

CREATE TEMP TABLE top AS
  SELECT word, count(*) AS notes, group_concat(note, ',') AS list FROM word
  WHERE length(word) > 3 GROUP BY word ORDER BY notes DESC, word LIMIT 40;
SELECT word, notes, length(list) FROM top WHERE :round = :rounds LIMIT 5;
DROP TABLE top;
SELECT key, value FROM (SELECT j.key AS key, group_concat(j.value, ' ') AS value
    FROM note, json_each(note.labels) j WHERE j.type = 'text'
      AND note.id % 40 = 1 GROUP BY j.key, j.value)
  WHERE :round = :rounds ORDER BY length(value), value LIMIT 3;
SELECT 'left', (SELECT count(*) FROM note), (SELECT sum(length(body)) FROM note),
  (SELECT count(*) FROM word), (SELECT count(*) FROM history) WHERE :round = :rounds;
