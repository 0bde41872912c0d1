/** Twenty tenants, each with an allocator, a quota and its own numbers; /metrics tells Prometheus.
 *
 *    node examples/metrics/tenants.mjs --port 9464      # until Ctrl-C
 *    node examples/metrics/tenants.mjs --once           # the text once, on standard output */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { compileModule, createAllocatorSync } from 'wasm-pymalloc';
import { HeapMetrics, publishEvents } from 'wasm-pymalloc/metrics';

const TENANTS = 20;
const QUOTA = 1 << 20;
const { values } = parseArgs({ options: { port: { type: 'string' }, once: { type: 'boolean' } } });

const wasm = await compileModule();
const metrics = new HeapMetrics();
const refused = new Map();
subscribe('pymalloc:limit', ({ attributes: { tenant } }) => {
  refused.set(tenant, (refused.get(tenant) ?? 0) + 1);
});

const tenants = Array.from({ length: TENANTS }, (_, i) => {
  const tenant = `tenant-${String(i + 1).padStart(2, '0')}`;
  const allocator = createAllocatorSync({ wasm, limit: QUOTA });
  metrics.add(allocator.heap, { tenant });
  publishEvents(allocator.heap, { tenant });
  return { tenant, allocator, blocks: [] };
});

/** A tenant's work: the higher its number, the more it keeps; the last ones meet their quota. */
function work({ allocator, blocks }, i) {
  for (let n = 0; n < 200; n++) {
    const p = allocator.malloc(32 + ((n * 37) % 4000));
    if (p === 0) break;
    blocks.push(p);
  }
  while (blocks.length > (i + 1) * 40) allocator.free(blocks.shift());
  allocator.heap.poll();
}

const round = () => tenants.forEach(work);
if (values.once) {
  for (let i = 0; i < 5; i++) round();
  process.stdout.write(metrics.prometheus());
  console.error(`${refused.size} tenants were refused memory by their quota`);
} else {
  setInterval(round, 1000);
  const port = Number(values.port ?? 9464);
  createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(metrics.prometheus());
  }).listen(port, () => console.log(`http://localhost:${port}/metrics`));
}
