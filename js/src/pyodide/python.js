/** The Python module `pymalloc` in a Pyodide that was attached to: the same functions as the
 *  built-in module of examples/cpython has. */

/** @typedef {import('../heap.js').Heap} Heap */
/** @typedef {import('./attach.js').SideModule} SideModule */
/** @typedef {import('./guest.js').Pyodide} Pyodide */

const VERSION = '0.1.0';
const UNLIMITED = 2 ** 32 - 1;
const ITEM_BYTES = 12;
const DOMAINS = Object.freeze(['raw', 'mem', 'object']);
/** enum pym_what */
const WHAT = Object.freeze({ segment: 0, pool: 1, chunk: 3, free: 4 });

const SOURCE = `
import sys
import time
import types


class module(types.ModuleType):
    """The allocator that serves this Python: counters, limits, damage."""

    __version__ = version

    @property
    def limit(self):
        "bytes that live blocks may have at most, or None"
        return get_limit("hard")

    @limit.setter
    def limit(self, value):
        _set_limit("hard", value)

    @property
    def soft_limit(self):
        "bytes above which hosts are told, or None"
        return get_limit("soft")

    @soft_limit.setter
    def soft_limit(self, value):
        _set_limit("soft", value)

    @staticmethod
    def stats():
        "Counters of the domains, of the size classes that were used, of linear memory."
        return read_stats()

    @staticmethod
    def dump(file=None):
        "Print a report in the manner of sys._debugmallocstats(), on sys.stderr if not told."
        file = sys.stderr if file is None else file
        if file is not None:
            file.write(read_dump())

    @staticmethod
    def check():
        "Look at every block and list.  RuntimeError says what is damaged."
        message = find_damage()
        if message is not None:
            raise RuntimeError(message)

    @staticmethod
    def snapshot():
        "The counters, and where segments, pools, blocks above 512 bytes and free memory are."
        items = read_items()
        if items is None:
            raise MemoryError
        return {"version": 1, "time": time.time(), "stats": read_stats(),
                "map": {key: [tuple(item) for item in items[key]] for key in items}}


def _set_limit(which, value):
    if value is not None:
        if not isinstance(value, int):
            raise TypeError("a limit is a number of bytes or None, not " + type(value).__name__)
        if not 0 <= value < unlimited:
            raise ValueError("a limit is from 0 to 4294967294 bytes, or None")
    set_limit(which, value)


sys.modules["pymalloc"] = module("pymalloc", module.__doc__)
`;

/** @param {Pyodide} pyodide  @param {Heap} heap  @param {SideModule} exports
 *  @param {(fn: () => void) => string} textOf  what the library writes meanwhile */
export function installPython(pyodide, heap, exports, textOf) {
  const globals = pyodide.toPy({ version: VERSION, unlimited: UNLIMITED });
  const functions = {
    get_limit: (/** @type {'hard' | 'soft'} */ which) => heap.limits.heap[which] ?? undefined,
    set_limit: (/** @type {'hard' | 'soft'} */ which, /** @type {number | undefined} */ bytes) => {
      heap.setLimits({ heap: { [which]: bytes ?? null } });
    },
    read_stats: () => pyodide.toPy(statsOf(heap)),
    read_dump: () => textOf(() => exports.pym_dump_stderr(heap.address)),
    find_damage: () => {
      const { sound, message } = heap.check();
      return sound ? undefined : message;
    },
    read_items: () => {
      const items = itemsOf(pyodide, exports);
      return items && pyodide.toPy(items);
    },
  };
  for (const [name, fn] of Object.entries(functions)) globals.set(name, fn);
  pyodide.runPython(SOURCE, { globals });
  globals.destroy();
}

/** As the C module has it.  @param {Heap} heap */
function statsOf(heap) {
  const { domains, classes, growth, pages, softLimit, hardLimit } = heap.stats();
  const { pools, totals } = heap.map();
  const room = new Map();                                 // block size -> blocks, used or not
  pools.blockSize.forEach((size, i) => {
    room.set(size, (room.get(size) ?? 0) + (pools.capacity[i] ?? 0));
  });
  const used = classes.filter((c) => c.totalBlocks > 0 || c.peakPools > 0).map((c) => ({
    blockSize: c.blockSize, liveBlocks: c.liveBlocks,
    freeBlocks: (room.get(c.blockSize) ?? 0) - c.liveBlocks,
    totalBlocks: c.totalBlocks, pools: c.pools, peakPools: c.peakPools,
  }));
  const { pool, free, arenas } = totals;
  return pythonic({ domains, classes: used, growth, softLimit, hardLimit,
    pages: { memory: pages.memory, owned: pages.owned, pool, free, arenas,
      raw: Math.max(pages.owned - pool - free, 0) } });
}

/** Names as Python writes them; None, which toPy makes of undefined, for null.
 *  @param {unknown} value  @returns {unknown} */
function pythonic(value) {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(pythonic);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [
    name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), pythonic(field),
  ]));
}

/** @param {Pyodide} pyodide  @param {SideModule} exports
 *  @returns {Record<string, (number | string)[][]> | undefined} undefined: no memory */
function itemsOf(pyodide, exports) {
  const at = exports.pym_pyodide_items() >>> 0;
  if (at === 0) return undefined;
  const view = new DataView(pyodide._module.HEAPU8.buffer);
  /** @type {Record<string, (number | string)[][]>} */
  const found = { segments: [], pools: [], blocks: [], free: [] };
  for (let i = 0, o = at + 8; i < view.getUint32(at, true); i++, o += ITEM_BYTES) {
    const where = [view.getUint32(o, true), view.getUint32(o + 4, true)];
    switch (view.getUint8(o + 10)) {
      case WHAT.segment: found['segments']?.push(where); break;
      case WHAT.pool: found['pools']?.push([...where, view.getUint16(o + 8, true)]); break;
      case WHAT.chunk:
        found['blocks']?.push([...where, DOMAINS[view.getUint8(o + 11)] ?? 'other']); break;
      case WHAT.free: found['free']?.push(where); break;
    }
  }
  exports.pym_pyodide_forget(at);
  return found;
}
