import { load } from './lib.mjs';
import { attach } from '../../js/src/pyodide.node.js';
const p = await load();
const heap = await attach(p);
let polls = 0, slice = 0, turns = 0, can = false;
console.log(heap.limits);
const buffer = { get 0() { polls++; const now = performance.now(); if (can && now > slice) { slice = now + 8; return 2; } return 0; }, set 0(v) {} };
const ns = p.toPy({});
ns.set('turn', async () => { turns++; await new Promise((r) => setImmediate(r)); slice = performance.now() + 8; return false; });
ns.set('show', (b) => console.log('can', b));
p.runPython(`
import signal
from pyodide.ffi import run_sync, can_run_sync
from pyodide.code import eval_code_async
def handler(signum, frame):
    if can_run_sync():
        if run_sync(turn()):
            raise KeyboardInterrupt
signal.signal(signal.SIGINT, handler)
async def run(source, name):
    show(can_run_sync())
    await eval_code_async(source, {}, filename=name)
`, { globals: ns });
const run = ns.get('run');
p.setInterruptBuffer(buffer);
const loop = `
x=[]
for i in range(3000000): x=[i]
sorted(range(300000), key=lambda v: -v)
`;
for (let c of [false, true, false, true]) { can = c; polls = 0; turns=0; const t = performance.now(); await run(loop, 'a.py'); console.log(c, performance.now() - t, {polls, turns}); }
try { const t = performance.now(); can = true; turns = 0; await p.runPythonAsync('show(can_run_sync())\n' + loop, { globals: ns }); console.log(performance.now() - t, turns); } catch (e) { console.log(e); }
