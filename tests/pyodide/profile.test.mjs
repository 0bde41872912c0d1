/** heap.profile() and pymalloc.profile() in a stock Pyodide: Python's frames, walked in its memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attach, detach } from '../../js/src/pyodide.node.js';
import { load } from './lib.mjs';

const LEAK = `
import json

CACHE = {}

class Handler:
    def handle(self, i):
        doc = json.dumps({"id": i, "rows": list(range(50))})
        CACHE[i] = json.loads(doc)          # the leak

def größe(n):
    return [str(i) * 3 for i in range(n)]

def main():
    handler = Handler()
    for i in range(3000):
        handler.handle(i)
    größe(40000)

main()
`;
const lineOf = (text) => LEAK.split('\n').findIndex((line) => line.includes(text)) + 1;

test('a leak in Python is named by function, file and line', async () => {
  const pyodide = await load();
  const heap = await attach(pyodide);
  const profile = heap.profile({ every: 16384 });
  pyodide.runPython(LEAK, { filename: 'leak.py' });
  profile.stop();
  assert.ok(heap.check().sound);
  const names = ({ frames }) => frames.map(({ name, file, line }) => `${name} ${file}:${line}`);
  const leak = `Handler.handle leak.py:${lineOf('json.loads')}`;
  const live = profile.live();
  const held = live.sites.filter((site) => names(site).includes(leak));
  const bytes = held.reduce((n, site) => n + site.bytes, 0);
  assert.ok(bytes > 0.6 * live.bytes, `${bytes} of ${live.bytes}`);
  assert.ok(names(held[0]).includes(`main leak.py:${lineOf('handler.handle')}`));
  // What was freed is in the peak or ever, not in what lives; letters beyond ASCII are read.
  const [size] = profile.top(1, 'ever').filter(({ name }) => name === 'größe');
  const found = size ?? profile.top(20, 'ever').find(({ name }) => name === 'größe');
  assert.deepEqual([found.file, found.line], ['leak.py', lineOf('str(i)')]);
  assert.ok(!profile.top(100).some(({ name, bytes: n }) => name === 'größe' && n > 100000));
  assert.equal(profile.note, '');
});

test('Python code starts and reads a profile', async () => {
  const pyodide = await load();
  await attach(pyodide);
  const rows = pyodide
    .runPython(
      `
import pymalloc
with pymalloc.profile(every=1024) as p:
    def fill():
        return [bytearray(1000) for _ in range(500)]
    kept = fill()
assert p.samples > 50
first = p.top(1)[0]
assert "fill (rows.py:5) " in p.folded()
for wrong in (0, -1, 2 ** 32):
    try:
        pymalloc.profile(wrong)
    except ValueError as error:
        assert "1 to 4294967295" in str(error)
    else:
        raise AssertionError(wrong)
try:
    p.top(1, "now")
except ValueError:
    pass
(first["name"], first["file"], first["line"], first["bytes"])
`,
      { filename: 'rows.py' },
    )
    .toJs();
  const [name, file, line, bytes] = rows;
  assert.deepEqual([file, line], ['rows.py', 5]);
  assert.match(name, /^fill/);
  // 320 samples: six standard errors.
  assert.ok(Math.abs(bytes - 500 * 1060) < 0.35 * 500 * 1060, String(bytes));
});

test('detach ends a profile', async () => {
  const pyodide = await load();
  const heap = await attach(pyodide);
  const profile = heap.profile({ every: 1024 });
  pyodide.runPython('a = [str(i) for i in range(1000)]');
  const { samples } = profile;
  assert.ok(samples > 10);
  detach(pyodide);
  pyodide.runPython('b = [str(i) for i in range(1000)]');
  assert.equal(profile.samples, samples);
  profile.stop();
});
