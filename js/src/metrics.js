/** The memory of wasm modules as metrics: Prometheus text, OpenTelemetry instruments, and events for
 *  node:diagnostics_channel.  Names and units follow OpenTelemetry's conventions: lower case with dots,
 *  UCUM units, and what is counted in the singular. */

import { badArgument } from './errors.js';
import { EVENT_TYPES } from './events.js';
import { Heap } from './heap.js';

/** @typedef {import('./stats.js').HeapStats} HeapStats */
/** @typedef {import('./observe/watch.js').Watch} Watch */
/** @typedef {import('./observe/watch.js').ObservedStats} ObservedStats */
/** @typedef {Heap | Watch} Source */

/** One value of one metric.
 *  @typedef {{value: number, attributes: Readonly<Record<string, string>>}} Point */

/** @typedef {object} Metric
 *  @property {string} name  OpenTelemetry's
 *  @property {'counter' | 'updowncounter' | 'gauge'} kind
 *  @property {string} unit  UCUM: By is bytes; {page}: a count of pages
 *  @property {string} description
 *  @property {(stats: HeapStats | ObservedStats) => Point[]} points */

const DOMAIN = 'wasm.memory.domain';

/** @param {(d: import('./stats.js').DomainStats) => number | null} of
 *  @returns {Metric['points']} a point for each domain that has a value */
const byDomain =
  (of) =>
  ({ domains }) =>
    Object.entries(domains).flatMap(([name, domain]) => {
      const value = of(domain);
      return value === null ? [] : [{ value, attributes: { [DOMAIN]: name } }];
    });

/** @param {(stats: any) => number | null | undefined} of  @returns {Metric['points']} */
const single = (of) => (stats) => {
  const value = of(stats);
  return value === null || value === undefined ? [] : [{ value, attributes: {} }];
};

/** Every metric that there is.  Those that a module does not have give no points.
 *  @type {readonly Readonly<Metric>[]} */
export const METRICS = Object.freeze([
  {
    name: 'wasm.memory.live',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Bytes of live blocks.',
    points: byDomain((d) => d.liveBytes),
  },
  {
    name: 'wasm.memory.block.count',
    kind: 'updowncounter',
    unit: '{block}',
    description: 'Live blocks.',
    points: byDomain((d) => d.liveBlocks),
  },
  {
    name: 'wasm.memory.peak',
    kind: 'gauge',
    unit: 'By',
    description: 'Most bytes that were live.',
    points: byDomain((d) => d.peakBytes),
  },
  {
    name: 'wasm.memory.allocated',
    kind: 'counter',
    unit: 'By',
    description: 'Bytes ever allocated.',
    points: byDomain((d) => d.totalBytes),
  },
  {
    name: 'wasm.memory.allocations',
    kind: 'counter',
    unit: '{block}',
    description: 'Blocks ever allocated.',
    points: byDomain((d) => d.totalBlocks),
  },
  {
    name: 'wasm.memory.refusals',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests that were refused.',
    points: byDomain((d) => d.failures),
  },
  {
    name: 'wasm.memory.domain.limit',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Hard limit of a domain.',
    points: byDomain((d) => d.hardLimit),
  },
  {
    name: 'wasm.memory.limit',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Hard limit of the whole heap.',
    points: single((s) => s.hardLimit),
  },
  {
    name: 'wasm.memory.linear',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Linear memory.',
    points: single((s) => s.pages.memory * s.pageBytes),
  },
  {
    name: 'wasm.memory.owned',
    kind: 'updowncounter',
    unit: 'By',
    description: "Linear memory that holds something of the allocator's.",
    points: single((s) => s.pages.owned * s.pageBytes || null),
  },
  {
    name: 'wasm.memory.growths',
    kind: 'counter',
    unit: '{growth}',
    description: 'Growths of linear memory.',
    points: single((s) => s.growth?.grows),
  },
  {
    name: 'wasm.memory.growth_failures',
    kind: 'counter',
    unit: '{growth}',
    description: 'Growths that were refused.',
    points: single((s) => s.growth?.failures),
  },
]);

/** A heap, and what distinguishes it from others.
 *  @typedef {{source: Source, attributes: Readonly<Record<string, string>>}} Entry */

/** The heaps of a program that are told of.
 *
 *  @example
 *  const metrics = new HeapMetrics();
 *  metrics.add(heap, { tenant: 'a' });
 *  console.log(metrics.prometheus());
 */
export class HeapMetrics {
  /** @type {Set<Entry>} */
  #entries = new Set();

  /** Tells of one more heap.
   *
   *  @example
   *  const metrics = new HeapMetrics();
   *  const off = metrics.add(heap, { tenant: 'a' });
   *  off();
   *
   *  @param {Source} source  a Heap, or a Watch of wasm-pymalloc/observe
   *  @param {Record<string, string>} [attributes]  of each of its points, such as { tenant: 'a' }
   *  @returns {() => void} takes it off again
   *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
  add(source, attributes = {}) {
    if (typeof source?.stats !== 'function') {
      throw badArgument('metrics are of a Heap or a Watch', source);
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (!/^[a-zA-Z_][\w.]*$/.test(name) || typeof value !== 'string') {
        throw badArgument(
          `the attribute "${name}" must have a name of letters, digits, _ and dots, `
            + 'and text for its value',
          value,
        );
      }
    }
    const entry = { source, attributes: { ...attributes } };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** The points of all heaps, as they are now.  A heap that cannot be read has none.
   *
   *  @example
   *  const metrics = new HeapMetrics();
   *  metrics.add(heap);
   *  for (const [{ name, unit }, points] of metrics.collect()) console.log(name, unit, points.length);
   *
   *  @returns {Map<Readonly<Metric>, Point[]>} */
  collect() {
    /** @type {Map<Readonly<Metric>, Point[]>} */
    const found = new Map(METRICS.map((metric) => [metric, []]));
    for (const { source, attributes } of this.#entries) {
      const stats = statsOf(source);
      if (!stats) continue;
      for (const [metric, points] of found) {
        for (const point of metric.points(stats)) {
          points.push({ value: point.value, attributes: { ...attributes, ...point.attributes } });
        }
      }
    }
    return found;
  }

  /** Prometheus' text format, version 0.0.4: what a /metrics address answers with, as
   *  `text/plain; version=0.0.4`.
   *
   *  @example
   *  const metrics = new HeapMetrics();
   *  metrics.add(heap);
   *  assert.match(metrics.prometheus(), /^wasm_memory_linear_bytes \d+$/m);
   *
   *  @returns {string} */
  prometheus() {
    const lines = [];
    for (const [metric, points] of this.collect()) {
      if (points.length === 0) continue;
      const name = prometheusName(metric);
      lines.push(
        `# HELP ${name} ${metric.description}`,
        `# TYPE ${name} ${metric.kind === 'counter' ? 'counter' : 'gauge'}`,
        ...points.map(({ value, attributes }) => `${name}${labels(attributes)} ${value}`),
      );
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  /** Makes OpenTelemetry instruments, which are observed whenever the SDK exports.
   *
   *  @example
   *  const meter = api.getMeter('my-service');            // of `metrics` in @opentelemetry/api
   *  const metrics = new HeapMetrics();
   *  metrics.add(heap);
   *  const off = metrics.instruments(meter);
   *  off();
   *
   *  @param {Meter} meter  of @opentelemetry/api
   *  @returns {() => void} ends the observation */
  instruments(meter) {
    if (typeof meter?.addBatchObservableCallback !== 'function') {
      throw badArgument('instruments takes a Meter of @opentelemetry/api', meter);
    }
    const made = METRICS.map((metric) => ({ metric, instrument: instrumentOf(meter, metric) }));
    const all = made.map(({ instrument }) => instrument);
    const observe = (/** @type {{observe: Function}} */ result) => {
      const found = this.collect();
      for (const { metric, instrument } of made) {
        for (const { value, attributes } of found.get(metric) ?? []) {
          result.observe(instrument, value, attributes);
        }
      }
    };
    meter.addBatchObservableCallback(observe, all);
    return () => meter.removeBatchObservableCallback(observe, all);
  }
}

/** What is used of OpenTelemetry's Meter.
 *  @typedef {object} Meter
 *  @property {Function} createObservableCounter
 *  @property {Function} createObservableUpDownCounter
 *  @property {Function} createObservableGauge
 *  @property {(fn: any, instruments: any[]) => void} addBatchObservableCallback
 *  @property {(fn: any, instruments: any[]) => void} removeBatchObservableCallback */

/** @param {Meter} meter  @param {Readonly<Metric>} metric  @returns {object} */
function instrumentOf(meter, { name, kind, unit, description }) {
  const options = { unit, description };
  if (kind === 'counter') return meter.createObservableCounter(name, options);
  if (kind === 'gauge') return meter.createObservableGauge(name, options);
  return meter.createObservableUpDownCounter(name, options);
}

/** As OpenTelemetry's exporter translates names and units.
 *  @param {Readonly<Metric>} metric  @returns {string} */
function prometheusName({ name, kind, unit }) {
  return (
    `${name.replaceAll('.', '_')}${unit === 'By' ? '_bytes' : ''}`
    + `${kind === 'counter' ? '_total' : ''}`
  );
}

/** @param {Readonly<Record<string, string>>} attributes  @returns {string} */
function labels(attributes) {
  const pairs = Object.entries(attributes).map(
    ([name, value]) =>
      `${name.replaceAll('.', '_')}="${value
        .replaceAll('\\', '\\\\')
        .replaceAll('"', '\\"')
        .replaceAll('\n', '\\n')}"`,
  );
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

/** @param {Source} source  @returns {HeapStats | ObservedStats | null} */
function statsOf(source) {
  try {
    return source.stats();
  } catch {
    return null; // destroyed, or its allocator was disposed of
  }
}

/** Publishes the events of a heap to the channels `pymalloc:grow`, `pymalloc:limit` and
 *  `pymalloc:oom` of node:diagnostics_channel, from within its polls.  A message is
 *  { heap, event, attributes }.  Where nobody subscribes nothing is made.
 *
 *  @example
 *  // subscribe is of node:diagnostics_channel
 *  subscribe('pymalloc:limit', ({ event, attributes }) => console.log(attributes, event.bytes));
 *  const off = publishEvents(heap, { tenant: 'a' });
 *  heap.poll();
 *  off();
 *
 *  @param {Heap} heap
 *  @param {Record<string, string>} [attributes]  of each message
 *  @returns {() => void} ends it
 *  @throws {import('./errors.js').PymallocError} BAD_ARGUMENT */
export function publishEvents(heap, attributes = {}) {
  if (!(heap instanceof Heap)) throw badArgument('publishEvents takes a Heap', heap);
  const channelOf = channels();
  const offs = EVENT_TYPES.map((type) =>
    heap.on(type, (event) => {
      const channel = channelOf(`pymalloc:${type}`);
      if (channel?.hasSubscribers) channel.publish({ heap, event, attributes });
    }),
  );
  return () => {
    for (const off of offs) off();
  };
}

/** @returns {(name: string) => {hasSubscribers: boolean, publish: (message: object) => void} | null}
 *    null: this host has no such channels */
function channels() {
  const builtin = /** @type {any} */ (globalThis).process?.getBuiltinModule?.(
    'node:diagnostics_channel',
  );
  return (name) => builtin?.channel(name) ?? null;
}
