/** Threads that are ended from outside lose none of their figures. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './lib/run.mjs';

const folder = mkdtempSync(join(tmpdir(), 'pymalloc-threads-'));
after(() => rmSync(folder, { recursive: true }));

const WASM = fileURLToPath(new URL('node_modules/quickjs-wasi/quickjs.wasm', import.meta.url));
/** A program whose worker asks for 1,234 bytes, and then does as `worker` says. */
const program = (name, main, worker) => {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { Worker, isMainThread, parentPort } from 'node:worker_threads';
    import { readFileSync } from 'node:fs';
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url));
      await new Promise((resolve) => worker.once('message', resolve));
      ${main}
    } else {
      const module = new WebAssembly.Module(readFileSync(${JSON.stringify(WASM)}));
      const imports = {};
      for (const { module: from, name } of WebAssembly.Module.imports(module)) {
        (imports[from] ??= {})[name] = () => 0;
      }
      const { malloc, free } = new WebAssembly.Instance(module, imports).exports;
      malloc(1234);
      parentPort.postMessage('ready');
      ${worker}
    }`,
  );
  return file;
};
const IDLE = 'setInterval(() => {}, 1000)';
const BUSY = 'for (;;) free(malloc(64))';
const reports = (stderr) => stderr.match(/memory report: .* in thread \d+\n/g)?.length ?? 0;

test('a worker that is terminated reports first, exactly and once', () => {
  const file = program('idle', 'console.log(await worker.terminate())', IDLE);
  const { stdout, stderr, status } = run(file, { preload: true });
  assert.deepEqual([stdout, status, reports(stderr)], ['1\n', 0, 1]);
  assert.match(stderr, /malloc +1\.21 KiB +1 /);
  assert.doesNotMatch(stderr, /ended inside of a call/);
});

test('a worker that runs when the program ends reports first, exactly and once', () => {
  const { stderr, status } = run(program('exit', 'process.exit(7)', IDLE), { preload: true });
  assert.deepEqual([status, reports(stderr)], [7, 1]);
  assert.match(stderr, /malloc +1\.21 KiB +1 /);
});

test('a worker that ends by itself reports once, whoever terminates it then', () => {
  const main = `await new Promise((resolve) => worker.once('exit', resolve));
    await worker.terminate();`;
  const { stderr, status } = run(program('self', main, 'process.exit(0)'), { preload: true });
  assert.deepEqual([status, reports(stderr)], [0, 1]);
});

test('a worker that is terminated inside of a call has told its figures before, and the report says so', () => {
  const main = `await new Promise((resolve) => setTimeout(resolve, 800));
    await worker.terminate();`;
  const json = join(folder, 'report.json');
  const file = program('busy', main, BUSY);
  const { stderr, status } = run(file, { preload: true, observe: `json=${json}` });
  assert.deepEqual([status, reports(stderr)], [0, 1]);
  assert.match(stderr, /ended inside of a call: its latest calls are not among these/);
  const { modules } = JSON.parse(readFileSync(join(folder, 'report.thread1.json'), 'utf8'));
  const [{ stats }] = modules;
  assert.equal(stats.complete, true);
  assert.ok(stats.domains.malloc.totalBlocks > 10_000, `${stats.domains.malloc.totalBlocks}`);
  assert.equal(stats.domains.malloc.liveBytes, 1234 + 64 * (stats.domains.malloc.liveBlocks - 1));
});

test('with quiet nothing is printed for a thread either, and its files are written', () => {
  const json = join(folder, 'quiet.json');
  const file = program('quiet', 'await worker.terminate()', IDLE);
  const { stderr } = run(file, { preload: true, observe: `quiet,json=${json}` });
  assert.equal(stderr, '');
  assert.ok(existsSync(join(folder, 'quiet.thread1.json')));
});

test('a worker that watches nothing is not asked', () => {
  const file = join(folder, 'none.mjs');
  writeFileSync(
    file,
    `import { BroadcastChannel, Worker } from 'node:worker_threads';
    const heard = [];
    const channel = new BroadcastChannel('wasm-pymalloc.observe');
    channel.onmessage = ({ data }) => heard.push(data.type);
    const code = 'require("node:worker_threads").parentPort.postMessage(1); for (;;);';
    const worker = new Worker(code, { eval: true });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(heard.join());
    channel.close();`,
  );
  const { stdout, stderr } = run(file, { preload: true });
  assert.deepEqual([stdout, reports(stderr)], ['\n', 0]);
});
