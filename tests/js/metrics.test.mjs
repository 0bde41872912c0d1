/** Metrics, read by those who are to read them: OpenTelemetry's SDK, a parser of Prometheus' text. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import parsePrometheus from 'parse-prometheus-text-format';

import { createAllocatorSync } from '../../js/src/index.node.js';
import { HeapMetrics, METRICS, publishEvents } from '../../js/src/metrics.js';
import { code } from './lib/heaps.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Two heaps with something in them. */
function two() {
  const metrics = new HeapMetrics();
  const allocators = ['a', 'b "quoted"\\'].map((tenant) => {
    const allocator = createAllocatorSync({ limit: 1 << 20 });
    metrics.add(allocator.heap, { tenant });
    allocator.malloc(100);
    allocator.raw.malloc(5000);
    allocator.malloc(2 << 20);
    return allocator;
  });
  return { metrics, allocators };
}

test('the Prometheus text is read by a parser, and says what stats() says', () => {
  const {
    metrics,
    allocators: [a],
  } = two();
  const families = parsePrometheus(metrics.prometheus());
  const byName = new Map(families.map((family) => [family.name, family]));
  const value = (name, wanted) =>
    Number(
      byName
        .get(name)
        ?.metrics.find(({ labels = {} }) =>
          Object.entries(wanted).every(([key, text]) => labels[key] === text),
        )?.value,
    );
  const { domains, pages } = a.heap.stats();
  const live = { tenant: 'a', wasm_memory_domain: 'object' };
  assert.equal(value('wasm_memory_live_bytes', live), domains.object.liveBytes);
  assert.equal(value('wasm_memory_refusals_total', live), 1);
  assert.equal(value('wasm_memory_linear_bytes', { tenant: 'a' }), pages.memory * 65536);
  assert.equal(value('wasm_memory_limit_bytes', { tenant: 'a' }), 1 << 20);
  assert.equal(byName.get('wasm_memory_allocated_bytes_total').type, 'COUNTER');
  assert.equal(byName.get('wasm_memory_live_bytes').type, 'GAUGE');
  for (const family of families) assert.equal(family.metrics.length % 2, 0, family.name);
});

test('a label keeps quotes and backslashes', () => {
  assert.match(two().metrics.prometheus(), /tenant="b \\"quoted\\"\\\\"/);
});

test("OpenTelemetry's SDK exports every metric with its unit, kind and points", async () => {
  const {
    metrics,
    allocators: [a],
  } = two();
  const exporter = new InMemoryMetricExporter(1);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3600000 });
  const provider = new MeterProvider({ readers: [reader] });
  const off = metrics.instruments(provider.getMeter('test'));
  await reader.forceFlush();
  const [
    {
      scopeMetrics: [{ metrics: found }],
    },
  ] = exporter.getMetrics();
  assert.deepEqual(
    found.map(({ descriptor: { name, unit } }) => [name, unit]),
    METRICS.filter(({ name }) => name !== 'wasm.memory.domain.limit').map(({ name, unit }) => [
      name,
      unit,
    ]),
  );
  const point = (name) =>
    found
      .find(({ descriptor }) => descriptor.name === name)
      .dataPoints.find(
        ({ attributes }) =>
          attributes.tenant === 'a'
          && [undefined, 'object'].includes(attributes['wasm.memory.domain']),
      );
  assert.equal(point('wasm.memory.live').value, a.heap.stats().domains.object.liveBytes);
  assert.equal(point('wasm.memory.limit').value, 1 << 20);
  const kinds = new Map(found.map((m) => [m.descriptor.name, [m.dataPointType, m.isMonotonic]]));
  assert.deepEqual(kinds.get('wasm.memory.allocated'), [3, true]);
  assert.deepEqual(kinds.get('wasm.memory.live'), [3, false]);
  off();
  a.malloc(100);
  exporter.reset();
  await reader.forceFlush();
  const after = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics: left }) => left)
    .find((m) => m.descriptor.name === 'wasm.memory.live');
  const last = after?.dataPoints.find(
    ({ attributes }) => attributes.tenant === 'a' && attributes['wasm.memory.domain'] === 'object',
  );
  assert.ok(
    !last || last.value < a.heap.stats().domains.object.liveBytes,
    'it is observed no more',
  );
  await provider.shutdown();
});

test('names follow the conventions: lower case, dots, UCUM units, no unit in the name', () => {
  for (const { name, unit, description } of METRICS) {
    assert.match(name, /^wasm\.memory(\.[a-z][a-z_]*)+$/);
    assert.match(unit, /^(By|\{[a-z]+\})$/);
    assert.doesNotMatch(name, /bytes|total/);
    assert.match(description, /\.$/);
  }
});

test('events reach node:diagnostics_channel with the attributes of their heap', () => {
  const allocator = createAllocatorSync({ limit: 100000 });
  const off = publishEvents(allocator.heap, { tenant: 'x' });
  const seen = [];
  const listen = (message) => seen.push(message);
  subscribe('pymalloc:limit', listen);
  assert.equal(allocator.malloc(200000), 0);
  allocator.heap.poll();
  off();
  allocator.malloc(200000);
  allocator.heap.poll();
  unsubscribe('pymalloc:limit', listen);
  assert.equal(seen.length, 1);
  assert.deepEqual(
    [seen[0].attributes, seen[0].event.type, seen[0].event.bytes],
    [{ tenant: 'x' }, 'limit', 200008],
  );
  assert.equal(seen[0].heap, allocator.heap);
});

test('a heap that is gone has no points, and harms no other', () => {
  const {
    metrics,
    allocators: [a],
  } = two();
  const before = metrics.prometheus().split('\n').length;
  a.dispose();
  const { memory } = createAllocatorSync();
  assert.ok(memory);
  assert.ok(metrics.prometheus().split('\n').length <= before);
  metrics.add(
    {
      stats: () => {
        throw new Error('gone');
      },
    },
    { tenant: 'z' },
  );
  assert.doesNotMatch(metrics.prometheus(), /tenant="z"/);
});

test('what is no heap, meter or attribute is refused with a sentence', () => {
  const metrics = new HeapMetrics();
  assert.throws(() => metrics.add({}), code('BAD_ARGUMENT', /Heap or a Watch, not an object/));
  assert.throws(
    () => metrics.add(two().allocators[0].heap, { 'a b': 'c' }),
    code('BAD_ARGUMENT', /"a b"/),
  );
  assert.throws(
    () => metrics.add(two().allocators[0].heap, { a: 1 }),
    code('BAD_ARGUMENT', /not 1/),
  );
  assert.throws(() => metrics.instruments({}), code('BAD_ARGUMENT', /Meter/));
  assert.throws(() => publishEvents({}), code('BAD_ARGUMENT', /takes a Heap/));
});

test('the example of twenty tenants: a parser reads its text, the dashboard asks for names it has', () => {
  const folder = mkdtempSync(`${tmpdir()}/pymalloc-metrics-`);
  try {
    mkdirSync(`${folder}/node_modules`);
    symlinkSync(`${root}js`, `${folder}/node_modules/wasm-pymalloc`);
    cpSync(`${root}examples/metrics/tenants.mjs`, `${folder}/tenants.mjs`);
    const text = execFileSync(process.execPath, ['--preserve-symlinks', 'tenants.mjs', '--once'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const families = parsePrometheus(text);
    const names = new Set(families.map(({ name }) => name));
    const linear = families.find(({ name }) => name === 'wasm_memory_linear_bytes');
    assert.equal(linear.metrics.length, 20);
    const dashboard = JSON.parse(readFileSync(`${root}examples/metrics/dashboard.json`, 'utf8'));
    const asked = new Set(JSON.stringify(dashboard).match(/\bwasm_memory_\w+(?=[{,])/g));
    assert.ok(asked.size >= 5);
    for (const name of asked) assert.ok(names.has(name), `${name} is asked for and not there`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
