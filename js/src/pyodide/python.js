/** The Python module `pymalloc` in a Pyodide that was attached to: the same functions as the
 *  built-in module of examples/cpython has. */

import { DOMAINS, UNLIMITED } from '../constants.js';
import { toFolded } from '../profile/folded.js';

/** @typedef {import('../heap.js').Heap} Heap */
/** @typedef {import('./attach.js').SideModule} SideModule */
/** @typedef {import('./guest.js').Pyodide} Pyodide */

const VERSION = '0.1.0';
const ITEM_BYTES = 12;
/** enum pym_what */
const WHAT = Object.freeze({ segment: 0, pool: 1, chunk: 3, free: 4 });

const SOURCE = `
import sys
import time
import types


class module(types.ModuleType):
    """The allocator that serves this Python: counters, limits, damage."""

    __version__ = version
    __all__ = ["check", "dump", "limit", "snapshot", "soft_limit", "stats"]

    def __dir__(self):
        return sorted({*self.__dict__, *self.__all__, "__all__", "__version__"})

    def __setattr__(self, name, value):
        if name not in ("limit", "soft_limit") and not (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"pymalloc has no attribute {name!r} that can be set: "
                                 "there are limit and soft_limit")
        super().__setattr__(name, value)

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
    def profile(every=524288):
        """Sample what is allocated from now on, by whom: one block in so many bytes.

        with pymalloc.profile() as profile: ...
        profile.top(10)    [{"bytes", "blocks", "samples", "name", "file", "line"}, ...]
        """
        if not isinstance(every, int):
            raise TypeError("every is a number of bytes, not " + type(every).__name__)
        if not 0 < every <= unlimited:
            raise ValueError("every is from 1 to 4294967295 bytes")
        return Profile(start_profile(every))

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


class Profile:
    "Who holds the memory.  stop() ends it, and so does the end of a with statement."

    def __init__(self, profile):
        self._profile = profile

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._profile.stop()

    def top(self, n=10, when="live"):
        """The lines that hold most: "live", at the "peak", or "ever"."""
        if when not in ("live", "peak", "ever"):
            raise ValueError("when is 'live', 'peak' or 'ever'")
        return [dict(line) for line in self._profile.top(n, when)]

    def folded(self, when="live"):
        "A line a stack, for flame graphs."
        if when not in ("live", "peak", "ever"):
            raise ValueError("when is 'live', 'peak' or 'ever'")
        return self._profile.folded(when)

    @property
    def samples(self):
        "how many were taken"
        return self._profile.samples()


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
    start_profile: (/** @type {number} */ every) => pythonProfile(pyodide, heap.profile({ every })),
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

/** What Python's own class calls.
 *  @param {Pyodide} pyodide  @param {import('../profile/profile.js').Profile} profile */
function pythonProfile(pyodide, profile) {
  /** @typedef {import('../profile/profile.js').When} When */
  return Object.freeze({
    stop: () => {
      profile.stop();
    },
    samples: () => profile.samples,
    top: (/** @type {number} */ n, /** @type {When} */ when) =>
      pyodide.toPy(
        profile
          .top(n, when)
          .map(({ bytes, blocks, samples, name, file, line }) => ({
            bytes,
            blocks,
            samples,
            name,
            file,
            line,
          })),
      ),
    folded: (/** @type {When} */ when) => toFolded(profile.holdings(when)),
  });
}

/** As the C module has it.  @param {Heap} heap */
function statsOf(heap) {
  const { domains, classes, growth, pages, softLimit, hardLimit } = heap.stats();
  const { pools, totals } = heap.map();
  const room = new Map(); // block size -> blocks, used or not
  pools.blockSize.forEach((size, i) => {
    room.set(size, (room.get(size) ?? 0) + (pools.capacity[i] ?? 0));
  });
  const used = classes
    .filter((c) => c.totalBlocks > 0 || c.peakPools > 0)
    .map((c) => ({
      blockSize: c.blockSize,
      liveBlocks: c.liveBlocks,
      freeBlocks: (room.get(c.blockSize) ?? 0) - c.liveBlocks,
      totalBlocks: c.totalBlocks,
      pools: c.pools,
      peakPools: c.peakPools,
    }));
  const { pool, free, arenas } = totals;
  return pythonic({
    domains,
    classes: used,
    growth,
    softLimit,
    hardLimit,
    pages: {
      memory: pages.memory,
      owned: pages.owned,
      pool,
      free,
      arenas,
      raw: Math.max(pages.owned - pool - free, 0),
    },
  });
}

/** Names as Python writes them; None, which toPy makes of undefined, for null.
 *  @param {unknown} value  @returns {unknown} */
function pythonic(value) {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(pythonic);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      pythonic(field),
    ]),
  );
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
      case WHAT.segment:
        found['segments']?.push(where);
        break;
      case WHAT.pool:
        found['pools']?.push([...where, view.getUint16(o + 8, true)]);
        break;
      case WHAT.chunk:
        found['blocks']?.push([...where, DOMAINS[view.getUint8(o + 11)] ?? 'other']);
        break;
      case WHAT.free:
        found['free']?.push(where);
        break;
    }
  }
  exports.pym_pyodide_forget(at);
  return found;
}
