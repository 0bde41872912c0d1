/** The program of the package's API: the same file on every host, with the package as it is packed.
 *  Uses nothing of any host; `run` gets the modules compiled. */
import {
  Heap,
  PageKind,
  PoolState,
  PymallocError,
  compileModule,
  createHeap,
  createHeapSync,
} from 'wasm-pymalloc';
import { memoryReport } from 'wasm-pymalloc/report';

const KIB = 1024;
const RAW = 0;
const MEM = 1;
const OBJECT = 2;

/** @typedef {object} Modules
 *  @property {WebAssembly.Module} guest     guest.c, exports its memory
 *  @property {Uint8Array} bytes             the file of it
 *  @property {WebAssembly.Module} importer  the same, imports its memory
 *  @property {WebAssembly.Module} bare      does not link the library
 *  @property {(options: object) => Promise<any>} factory  guest.c as an Emscripten program
 *  @property {WebAssembly.Module} [emscripten]  its wasm file, where the glue cannot get it by itself
 */

function equal(found, expected, what = 'value') {
  if (!Object.is(found, expected)) throw new Error(`${what}: ${found}, expected ${expected}`);
}

function ok(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** @param {string} code  @param {() => unknown} fn */
async function fails(code, fn) {
  try {
    await fn();
  } catch (error) {
    if (!(error instanceof PymallocError)) throw error;
    equal(error.code, code, 'code');
    ok(error.message.length > 20, `"${error.message}" says what to do`);
    return error;
  }
  throw new Error(`nothing was thrown, expected ${code}`);
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** @type {[name: string, test: (modules: Modules, guest: Guest) => unknown][]} */
const tests = [
  [
    'a heap that was never used reads as empty',
    (_, { heap }) => {
      const { domains, pools } = heap.stats();
      equal(domains.raw.totalBlocks + domains.mem.totalBlocks + domains.object.totalBlocks, 0);
      equal(pools, 0);
      equal(heap.map().pools.address.length, 0);
    },
  ],

  [
    'statistics are what the program holds, by domain',
    (_, { heap, grab, drop }) => {
      grab(RAW, 3000, 3);
      grab(MEM, 40, 500);
      grab(OBJECT, 20, 10000);
      grab(OBJECT, 64 * KIB, 1);
      const { raw, mem, object } = heap.stats().domains;
      equal(raw.liveBlocks, 3);
      ok(raw.liveBytes >= 9000 && raw.liveBytes < 9100, raw.liveBytes);
      equal(mem.liveBytes, 20000);
      equal(object.liveBlocks, 10001);
      drop(OBJECT);
      const after = heap.stats().domains.object;
      equal(after.liveBlocks, 0);
      equal(after.liveBytes, 0);
      equal(after.totalBlocks, 10001);
      equal(after.peakBytes, object.liveBytes, 'peak');
    },
  ],

  [
    'the map agrees with the statistics',
    (_, { heap, grab }) => {
      grab(OBJECT, 24, 5000);
      grab(RAW, 100 * KIB, 10);
      const stats = heap.stats();
      const { pages, pools, totals, damage } = heap.map();
      equal(pages.length, stats.pages.memory);
      equal(totals.free + totals.raw + totals.pool, stats.pages.owned);
      equal(damage.length, 0);
      equal(pools.address.length, stats.pools);
      ok(pages.includes(PageKind.POOL) && pages.includes(PageKind.RAW), 'pages of both kinds');
      ok(pools.state.includes(PoolState.FULL), 'a pool is full');
      equal(Math.max(...pools.blockSize), 24);
      ok(sum([...pools.blocks]) >= 5000, 'all blocks are in pools');
    },
  ],

  [
    'a snapshot does not change and a new one sees memory that grew',
    (_, { heap, grab, memory }) => {
      grab(RAW, 64, 1); // the library takes its first pages
      const before = heap.stats();
      const pages = before.pages.memory;
      memory.grow(2);
      grab(RAW, 1024 * KIB, 1);
      equal(before.pages.memory, pages);
      const { memory: now, foreign } = heap.stats().pages;
      ok(now >= pages + 18, `${now} pages`);
      ok(foreign >= before.pages.foreign + 2, 'pages that the host took are foreign');
    },
  ],

  [
    'growth is an event',
    (_, { heap, grab }) => {
      const heard = [];
      const off = heap.on('grow', (event) => heard.push(event));
      grab(OBJECT, 1024 * KIB, 1);
      heap.poll();
      equal(heard.length, 1);
      equal(heard[0].domain, 'object');
      ok(heard[0].bytes >= 1024 * KIB && heard[0].bytes < 1025 * KIB, heard[0].bytes);
      ok(heard[0].pagesAfter > heard[0].pagesBefore, 'it has more pages');
      off();
      grab(OBJECT, 1024 * KIB, 1);
      equal(heap.poll().events.length, 1);
      equal(heard.length, 1);
    },
  ],

  [
    'watch() hears of events without being asked',
    async (_, { heap, grab }) => {
      const stop = heap.watch(1);
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('nothing heard within 5 s')), 5000);
        heap.on('grow', () => {
          clearTimeout(late);
          resolve(undefined);
        });
        grab(RAW, 1024 * KIB, 1);
      });
      stop();
    },
  ],

  [
    'a hard limit refuses, is told, and can be lifted',
    (_, { heap, grab }) => {
      heap.setLimits({ object: { hard: 64 * KIB, soft: 32 * KIB } });
      equal(heap.limits.object.hard, 64 * KIB);
      const before = grab(OBJECT, 64, 4096);
      equal(before, KIB, 'blocks below the limit');
      equal(heap.stats().domains.object.liveBytes, 64 * KIB);
      equal(
        heap
          .poll()
          .events.map((e) => e.limit ?? e.type)
          .filter((e) => e !== 'grow')
          .join(),
        'soft,hard',
      );
      equal(grab(MEM, 64, 4096), 4096, 'blocks of another domain');
      heap.setLimits({ object: { hard: null } });
      equal(grab(OBJECT, 64, 10), 10, 'blocks without the limit');
    },
  ],

  [
    "the guest's recount finds the heap sound",
    (_, { heap, grab }) => {
      grab(OBJECT, 100, 1000);
      equal(heap.check().sound, true);
    },
  ],

  [
    'every heap of the program is found, and known as gone',
    async (_, { heap, exports }) => {
      const address = exports.pym_heap_new();
      equal(heap.heaps().length, 2);
      const second = heap.heaps()[1];
      equal(second.address, address >>> 0);
      equal(second.stats().heap, 2);
      exports.pym_heap_destroy(address);
      equal(heap.heaps().length, 1);
      await fails('HEAP_GONE', () => second.stats());
    },
  ],

  [
    'a memory that the module imports is read',
    async ({ importer }) => {
      const memory = new WebAssembly.Memory({ initial: 16 });
      const instance = await WebAssembly.instantiate(importer, { env: { memory } });
      await fails('NO_MEMORY', () => Heap.from(importer, instance));
      const heap = Heap.from(importer, instance, { memory });
      equal(instance.exports.grab(MEM, 2048, 100), 100);
      equal(heap.stats().domains.mem.liveBlocks, 100);
    },
  ],

  [
    'an Emscripten program is read through its Module',
    async ({ factory, emscripten }) => {
      await fails('LOADING', () => Heap.from(factory({ instantiateWasm: () => ({}) })));
      const module = await factory(
        emscripten
          ? {
              instantiateWasm(imports, done) {
                WebAssembly.instantiate(emscripten, imports).then((instance) =>
                  done(instance, emscripten),
                );
                return {};
              },
            }
          : {},
      );
      const heap = Heap.from(module);
      const before = heap.stats().pages.memory;
      equal(module._grab(OBJECT, 32, 100000), 100000);
      equal(heap.stats().domains.object.liveBytes, 3200000);
      ok(heap.stats().pages.memory > before, 'its memory grew');
      equal(heap.check().sound, true);
      heap.setLimits({ heap: { hard: 3200000 } });
      equal(module._grab(OBJECT, 32, 1), 0, 'blocks above the limit');
      equal(module._drop(OBJECT), 100000);
      equal(heap.stats().domains.object.liveBlocks, 0);
    },
  ],

  [
    'blocks above 2 GiB are seen',
    (_, { heap, grab }) => {
      equal(grab(RAW, 0x7fff0000, 1), 1, 'blocks of 2 GiB');
      grab(OBJECT, 32, 10000);
      const { address } = heap.map().pools;
      ok(
        address[address.length - 1] > 2 ** 31,
        `the last pool is at ${address[address.length - 1]}`,
      );
      equal(heap.stats().domains.object.liveBytes, 320000);
      equal(heap.check().sound, true);
    },
  ],

  [
    'a module without the library gets a typed error',
    async ({ bare }) => {
      const instance = await WebAssembly.instantiate(bare);
      const error = await fails('NO_DESCRIPTOR', () => Heap.from(bare, instance));
      ok(error instanceof TypeError, 'it is a TypeError');
    },
  ],

  [
    'a lie in memory gets a typed error',
    async (_, { heap, memory, exports, grab }) => {
      grab(OBJECT, 32, 10);
      new Uint8Array(memory.buffer, exports.pym_root() >>> 0, 4352).fill(0xff); // leaves, and what follows
      const error = await fails('BAD_MEMORY', () => heap.stats());
      ok(error instanceof RangeError, 'it is a RangeError');
      await fails('BAD_MEMORY', () => heap.map());
    },
  ],

  [
    'createHeap() finds the allocator by itself',
    async () => {
      const heap = await createHeap();
      const p = heap.malloc(1000);
      heap.u8.fill(7, p, p + 1000);
      const q = heap.realloc(p, 100 * KIB);
      equal(heap.u8[q + 999], 7);
      const live = () => sum(Object.values(heap.heap.stats().domains).map((d) => d.liveBlocks));
      equal(live(), 1);
      heap.free(q);
      equal(live(), 0);
      heap.dispose();
      await fails('DISPOSED', () => heap.malloc(1));
    },
  ],

  [
    'createHeap() works in a memory that is in use, below a limit',
    async () => {
      const memory = new WebAssembly.Memory({ initial: 3 });
      new Uint8Array(memory.buffer).fill(0xa5);
      const heap = createHeapSync({ wasm: await compileModule(), memory, limit: 20000 });
      equal(heap.malloc(20001), 0, 'a block above the limit');
      const p = heap.calloc(100, 100);
      ok(p >= 3 * 64 * KIB, `a block at ${p} is behind what was there`);
      ok(
        new Uint8Array(memory.buffer, 0, 3 * 64 * KIB).every((byte) => byte === 0xa5),
        'it is kept',
      );
    },
  ],

  [
    'the entry is the one of this host',
    async () => {
      if (globalThis.document) await fails('BAD_ARGUMENT', () => createHeapSync());
      else ok(createHeapSync().malloc(1) > 0, 'the file is at hand without waiting');
    },
  ],

  [
    'wasm bytes compile, or the error says that the host forbids it',
    async ({ bytes }) => {
      let module;
      try {
        module = await compileModule(bytes);
      } catch (error) {
        if (globalThis.navigator?.userAgent !== 'Cloudflare-Workers') throw error;
        equal(error.code, 'BLOCKED');
        return;
      }
      ok(module instanceof WebAssembly.Module, 'a module');
      await fails('TRUNCATED', () => compileModule(bytes.subarray(0, bytes.length - 100)));
      await fails('NOT_WASM', () => compileModule(new TextEncoder().encode('<!doctype html>')));
    },
  ],

  [
    'the report shows the domains',
    (_, { heap, grab }) => {
      grab(MEM, 16, 1000);
      ok(/mem +15\.6 KiB +1,000/.test(memoryReport(heap.stats())), memoryReport(heap.stats()));
    },
  ],
];

/** @typedef {Awaited<ReturnType<typeof guestOf>>} Guest */

/** @param {WebAssembly.Module} module */
async function guestOf(module) {
  const { exports } = await WebAssembly.instantiate(module);
  return {
    heap: Heap.from(module, { exports }),
    exports,
    memory: exports.memory,
    grab: exports.grab,
    drop: exports.drop,
  };
}

/** @param {Modules} modules
 *  @returns {Promise<{name: string, error: string | null}[]>} one for each test */
export async function run(modules) {
  const results = [];
  for (const [name, test] of tests) {
    let error = null;
    try {
      await test(modules, await guestOf(modules.guest));
    } catch (thrown) {
      error = `${thrown}\n${thrown?.stack ?? ''}`;
    }
    results.push({ name, error });
  }
  return results;
}
