/** The program that every host runs: it loads Pyodide, attaches, and tells what Python says. */

/** @param {() => Promise<any>} loadPyodide  @param {(pyodide: any) => Promise<any>} attach */
export async function run(loadPyodide, attach) {
  const pyodide = await loadPyodide();
  const heap = await attach(pyodide);
  const result = pyodide.runPython(`
    import json, pymalloc
    rows = [{"id": i, "name": f"row {i}"} for i in range(5000)]
    assert json.loads(json.dumps(rows)) == rows
    pymalloc.check()
    pymalloc.stats()["domains"]["object"]["live_blocks"] > 15000 and len(rows)`);
  const { domains } = heap.stats();
  return { result, ours: domains.object.totalBlocks > 20000, sound: heap.check().sound };
}
export const EXPECTED = { result: 5000, ours: true, sound: true };
