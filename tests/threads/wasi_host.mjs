/** A host of wasi-threads: thread-spawn makes a worker with an instance of the module of its own. */
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

/** @param {WebAssembly.Module} module
 *  @param {WebAssembly.Memory} memory  shared
 *  @param {Int32Array} ids  one number that all threads share: the last id
 *  @returns {WebAssembly.Instance} */
export function instantiate(module, memory, ids) {
  const spawn = (start) => {
    const id = Atomics.add(ids, 0, 1) + 1;
    new Worker(fileURLToPath(import.meta.url), { workerData: { module, memory, ids, id, start } });
    return id;
  };
  return new WebAssembly.Instance(module, { env: { memory }, wasi: { 'thread-spawn': spawn } });
}

if (!isMainThread && workerData?.start) {
  const { module, memory, ids, id, start } = workerData;
  instantiate(module, memory, ids).exports.wasi_thread_start(id, start);
}
