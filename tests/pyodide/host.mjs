/** app.mjs in Node.js, Bun or Deno: host.mjs [worker], the result on standard output. */
import { parentPort, Worker } from 'node:worker_threads';

import { loadPyodide } from 'pyodide-314';

import { attach } from '../../js/src/pyodide.node.js';
import { run } from './app.mjs';

if (process.argv[2] === 'worker') {
  const worker = new Worker(new URL(import.meta.url));
  worker.on('message', (result) => {
    console.log(JSON.stringify(result));
    worker.terminate();
  });
} else {
  const result = await run(loadPyodide, attach);
  if (parentPort) parentPort.postMessage(result);
  else console.log(JSON.stringify(result));
}
