// Results of a run, from its CSV file, for table.mjs and plot.mjs.
import { LONG, LARGE, geomean, readCsv } from './lib.mjs';

export const BASE = 'dlmalloc';

/** In the order of the tables. */
export const ALLOCATORS = {
  pym: 'wasm-pymalloc',
  calls: '... nothing inlined at the calls',
  lto: '... with `-flto`',
  malloc: '... as `malloc`',
  hardened: '... hardened (`PYM_DEBUG=1`)',
  dlmalloc: 'Emscripten 6, dlmalloc',
  emmalloc: 'Emscripten 6, emmalloc',
  mimalloc: 'Emscripten 6, mimalloc 3.4.1',
  libc: 'wasi-libc, dlmalloc',
  obmalloc: "CPython 3.11's own, over wasi-libc",
};

export class Results {
  #cells = new Map();
  #rows;

  constructor(file) {
    this.#rows = readCsv(file);
    for (const r of this.#rows) {
      this.#cells.set([r.metric, r.engine, r.trace, r.allocator].join('|'), Number(r.value));
    }
    this.versions = this.#rows
      .filter((r) => r.metric === 'version')
      .map((r) => [r.allocator, r.value]);
    const distinct = (column, metric) => [
      ...new Set(this.#rows.filter((r) => r.metric === metric).map((r) => r[column])),
    ];
    this.engines = distinct('engine', 'time');
    this.traces = distinct('trace', 'time');
    this.counted = distinct('trace', 'instructions');
    const measured = distinct('allocator', 'net');
    this.allocators = Object.keys(ALLOCATORS).filter((name) => measured.includes(name));
    this.long = this.traces.filter((trace) => this.get('records', '', trace, '') >= LONG);
  }

  get(metric, engine, trace, allocator) {
    return this.#cells.get([metric, engine, trace, allocator].join('|'));
  }

  /** A figure against another allocator's: of one trace, or the mean over the long ones.
   *  Memory is compared where it is more than a few pages. */
  ratio(metric, engine, trace, allocator, base = BASE) {
    const of = (t) => this.get(metric, engine, t, allocator) / this.get(metric, engine, t, base);
    const large = (t) => metric !== 'growth' || this.get(metric, engine, t, base) >= LARGE;
    return trace ? of(trace) : geomean(this.long.filter(large).map(of));
  }
}
