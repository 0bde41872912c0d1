/** Python of the stock Pyodide, the release of tests/pyodide. */
import { createRequire } from 'node:module';

const from = createRequire(new URL('../../pyodide/package.json', import.meta.url));
const { loadPyodide } = await import(from.resolve('pyodide-314/pyodide.mjs'));
const pyodide = await loadPyodide();
console.log(
  pyodide.runPython(
    `
import json
rows = []
for round in range(ROUNDS):
    rows = [{"id": i, "name": f"row {i}", "tags": [str(j) for j in range(i % 5)]} for i in range(20000)]
    text = json.dumps(rows)
f"{len(rows)} {len(json.loads(text))} {len(text)}"`.replace('ROUNDS', process.env.ROUNDS ?? '1'),
  ),
);
