/** createHeap: the allocator in a memory of the caller's, called from JavaScript and from wasm. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createHeap, createHeapSync, compileModule } from '../../js/src/index.node.js';
import { assemble, op } from './lib/guest.js';
import { code } from './lib/heaps.js';
import { randomFrom } from './lib/image.js';

const PAGE = 65536;
const WASM = new URL('../../js/wasm/pymalloc.wasm', import.meta.url);
const wasm = await compileModule();
const make = (options) => createHeapSync({ wasm, ...options });

test('a block holds what was written, until it is freed', () => {
  const heap = make();
  const p = heap.malloc(100);
  assert.ok(p > 0 && p % 16 === 0);
  assert.ok(heap.usableSize(p) >= 100);
  heap.u8.fill(7, p, p + 100);
  const q = heap.realloc(p, 5000);
  assert.deepEqual(heap.u8.slice(q, q + 100), new Uint8Array(100).fill(7));
  heap.free(q);
  assert.equal(heap.heap.stats().domains.object.liveBytes, 0);
  assert.deepEqual({ ...heap.heap.check() }, { sound: true, message: '' });
});

test('calloc zeroes what was used before', () => {
  const heap = make();
  for (let i = 0; i < 100; i++) {
    const p = heap.malloc(200);
    heap.u8.fill(255, p, p + 200);
    heap.free(p);
    const q = heap.calloc(20, 10);
    assert.ok(heap.u8.subarray(q, q + 200).every((byte) => byte === 0));
    heap.free(q);
  }
});

test('each domain counts its own blocks', () => {
  const heap = make();
  heap.raw.malloc(1000);
  heap.mem.calloc(3, 8);
  heap.object.free(heap.object.realloc(heap.object.malloc(8), 80));
  const { raw, mem, object } = heap.heap.stats().domains;
  assert.deepEqual(
    [raw.liveBlocks, mem.liveBlocks, object.liveBlocks, object.totalBlocks],
    [1, 1, 0, 2],
  );
});

test('an aligned block is aligned', () => {
  const heap = make();
  for (let align = 1; align <= 2 ** 31; align *= 2) {
    const p = heap.alignedAlloc(align, 100);
    assert.ok(p > 0 && p % align === 0, `${align}`);
    heap.free(p);
  }
});

test('sizes that no memory has give no block', () => {
  const heap = make();
  for (const n of [2 ** 32 - 65536, 2 ** 32 - 1, 2 ** 32 + 8, 2 ** 53]) {
    assert.equal(heap.malloc(n), 0);
    assert.equal(heap.calloc(1, n), 0);
    assert.equal(heap.calloc(n, 2), 0);
    assert.equal(heap.alignedAlloc(8, n), 0);
    const p = heap.malloc(8);
    assert.equal(heap.realloc(p, n), 0);
    heap.free(p);
  }
  assert.equal(heap.calloc(65536, 65536), 0);
});

for (const [name, use] of Object.entries({
  'malloc of -1': (h) => h.malloc(-1),
  'malloc of a fraction': (h) => h.malloc(1.5),
  'malloc of nothing': (h) => h.malloc(),
  'malloc of NaN': (h) => h.raw.malloc(NaN),
  'calloc of text': (h) => h.calloc('3', 3),
  'calloc of a bigint': (h) => h.calloc(3, 3n),
  'realloc of an object': (h) => h.realloc({}, 3),
  'realloc to -1': (h) => h.realloc(0, -1),
  'free of nothing': (h) => h.free(),
  'free of null': (h) => h.mem.free(null),
  'free above 4 GiB': (h) => h.free(2 ** 32),
  'free below -2 GiB': (h) => h.free(-(2 ** 31) - 1),
  'usableSize of text': (h) => h.usableSize('8'),
  'alignment 0': (h) => h.alignedAlloc(0, 8),
  'alignment 3': (h) => h.alignedAlloc(3, 8),
  'alignment 2^32': (h) => h.alignedAlloc(2 ** 32, 8),
  'alignment 1.5': (h) => h.alignedAlloc(1.5, 8),
})) {
  test(`${name} is refused before the guest sees it`, () => {
    const heap = make();
    assert.throws(() => use(heap), code('BAD_ARGUMENT'));
    assert.equal(heap.heap.stats().fault, null);
    assert.ok(heap.malloc(8) > 0);
  });
}

test('an address that wasm passed on, signed, is taken', () => {
  const heap = make();
  heap.free(heap.malloc(9) | 0);
  assert.equal(heap.usableSize(0), 0);
  heap.free(0);
});

test('one block may be larger than 2 GiB, in the domains not', () => {
  const heap = make();
  const p = heap.malloc(2 ** 31 + 1000);
  assert.ok(p > 0 && heap.usableSize(p) >= 2 ** 31 + 1000);
  assert.equal(heap.object.malloc(2 ** 31), 0);
  heap.free(p);
  assert.equal(heap.heap.stats().domains.object.liveBytes, 0);
});

test('a limit is exact and can be changed', () => {
  const heap = make({ limit: 10000 });
  let live = 0;
  for (let p; (p = heap.raw.malloc(16)) !== 0; ) live += heap.usableSize(p);
  assert.ok(live <= 10000 && live > 10000 - 32, `${live}`);
  heap.heap.setLimits({ heap: { hard: null } });
  assert.ok(heap.malloc(100000) > 0);
});

for (const [name, options, text] of [
  [
    'a shared memory',
    { memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }) },
    /shared/,
  ],
  ['a buffer', { memory: new ArrayBuffer(PAGE) }, /WebAssembly\.Memory/],
  ['a limit of -1', { limit: -1 }, /whole number/],
  ['a limit of 4 GiB', { limit: 2 ** 32 }, /4294967294/],
  ['another option', { maximum: 10 }, /maximum/],
  ['bytes at once', { wasm: readFileSync(WASM) }, /compileModule/],
  ['a module of another kind', { wasm: new WebAssembly.Module(assemble({})) }, /dylink/],
]) {
  test(`createHeap refuses ${name}`, () => {
    assert.throws(() => make(options), code('BAD_ARGUMENT', text));
  });
}

test('createHeap refuses options that are none', async () => {
  await assert.rejects(createHeap(null), code('BAD_ARGUMENT', /object/));
  assert.throws(() => createHeapSync('big'), code('BAD_ARGUMENT', /object/));
});

test('a limit that is none takes no page of the memory', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  for (const limit of [-1, 1.5, 2 ** 32, '64M', NaN]) {
    assert.throws(() => make({ memory, limit }), code('BAD_ARGUMENT', /limit/));
  }
  assert.equal(memory.buffer.byteLength, 65536);
});

test('bytes that were transferred, an address that is none: one typed error each', async () => {
  const [bytes, buffer] = [new Uint8Array(100), new ArrayBuffer(100)];
  structuredClone(0, { transfer: [bytes.buffer, buffer] });
  for (const source of [bytes, bytes.buffer, buffer]) {
    await assert.rejects(compileModule(source), code('DETACHED', /transferred/));
  }
  for (const source of ['file://[', 'file:///nowhere.wasm', new URL('file://elsewhere/x.wasm')]) {
    await assert.rejects(compileModule(source), code('LOAD_FAILED', /Check the address/));
    await assert.rejects(createHeap({ wasm: source }), code('LOAD_FAILED', /Check the address/));
  }
});

test('a 64-bit memory is refused', (t) => {
  let memory;
  try {
    memory = new WebAssembly.Memory({ initial: 1n, address: 'i64' });
  } catch {
    return t.skip(`Node.js ${process.version} has no 64-bit memories`);
  }
  return assert.throws(() => make({ memory }), code('BAD_ARGUMENT', /64-bit/));
});

test('a module that asks for more than this package knows is refused', () => {
  const bytes = new Uint8Array(readFileSync(WASM));
  // Behind the magic: section 0, its length, "dylink.0", 1 (memory), length, then bytes of data.
  const at = new TextDecoder('latin1').decode(bytes).indexOf('dylink.0') + 8;
  const changed = (values) => {
    const copy = bytes.slice();
    copy.set(values, at);
    return new WebAssembly.Module(copy);
  };
  assert.equal(bytes[at], 1);
  assert.throws(
    () => make({ wasm: changed([1, bytes[at + 1], 0xff, 0xff, 0x7f]) }),
    code('BAD_DESCRIPTOR', /dylink\.0/),
  );
  assert.throws(() => make({ wasm: changed([2]) }), code('BAD_ARGUMENT', /memory/));
});

// ---- Every source of the file ----

test('the file is taken as a module, bytes, a Response, a promise of one, an address', async () => {
  const bytes = readFileSync(WASM);
  const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
  for (const source of [
    undefined,
    wasm,
    bytes,
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    new DataView(new Uint8Array(bytes).buffer),
    response(),
    new Response(bytes),
    Promise.resolve(response()),
    WASM,
    WASM.href,
    `data:application/wasm;base64,${bytes.toString('base64')}`,
  ]) {
    const heap = await createHeap({ wasm: source });
    assert.ok(heap.malloc(10) > 0);
  }
});

// ---- Called from wasm ----

test('another module imports malloc and free, and shares the memory', () => {
  const heap = make({ memory: new WebAssembly.Memory({ initial: 1 }) });
  const bytes = assemble({
    imports: [
      ['env', 'malloc', 'one'],
      ['env', 'free', 'exit'],
    ],
    functions: [
      ['take', 'one', [0x20, 0, ...op.call(0)]],
      ['give', 'exit', [0x20, 0, ...op.call(1)]],
    ],
    exportMemory: false,
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: heap.exports,
  });
  const p = exports.take(40) >>> 0;
  assert.ok(heap.usableSize(p) >= 40);
  exports.give(p);
  const { object } = heap.heap.stats().domains;
  assert.deepEqual([object.totalBlocks, object.liveBlocks], [1, 0]);
});

test('exports has the functions, the memory and no tool of the linker', () => {
  const { exports, memory } = make();
  assert.equal(exports.memory, memory);
  for (const name of ['malloc', 'pym_raw_realloc', 'pym_heap_malloc', 'aligned_alloc']) {
    assert.equal(typeof exports[name], 'function');
  }
  assert.deepEqual(
    Object.keys(exports).filter((name) => name.startsWith('__')),
    [],
  );
  assert.ok(Object.isFrozen(exports));
});

// ---- Views ----

test('views are made anew after memory grew', () => {
  const heap = make();
  const { u8 } = heap;
  assert.equal(heap.u8, u8);
  heap.malloc(1 << 20);
  assert.equal(u8.length, 0);
  for (const name of ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'view']) {
    assert.equal(heap[name].byteLength, heap.memory.buffer.byteLength, name);
  }
});

// ---- The end ----

test('a block freed twice is found, told, and ends the allocator', () => {
  const heap = make();
  const p = heap.raw.malloc(20000);
  heap.raw.malloc(8);
  heap.raw.free(p);
  const dead = code('CORRUPTION', /stopped: .*0x[0-9a-f]+.*new allocator/);
  assert.throws(() => heap.raw.free(p), dead);
  for (const use of [
    () => heap.malloc(8),
    () => heap.mem.calloc(1, 8),
    () => heap.object.realloc(0, 8),
    () => heap.free(p),
    () => heap.usableSize(p),
    () => heap.alignedAlloc(8, 8),
    () => heap.u8,
    () => heap.heap,
    () => heap.exports,
    () => heap.memory,
  ]) {
    assert.throws(use, dead);
  }
});

test('a header written over is found when the block is freed', () => {
  const heap = make();
  const [p, q] = [heap.raw.malloc(1000), heap.raw.malloc(1000)];
  heap.u8.fill(65, p, q); // to the header of q
  assert.throws(
    () => heap.raw.free(q),
    (error) => {
      assert.ok(error.cause instanceof WebAssembly.RuntimeError);
      return code('CORRUPTION', /header was overwritten/)(error);
    },
  );
});

test('after dispose() every call says so', () => {
  const heap = make();
  heap.malloc(8);
  heap.dispose();
  heap.dispose();
  const gone = code('DISPOSED', /createAllocator\(\)/);
  for (const use of [
    () => heap.malloc(8),
    () => heap.raw.free(0),
    () => heap.mem.realloc(0, 3),
    () => heap.object.calloc(1, 1),
    () => heap.usableSize(0),
    () => heap.alignedAlloc(8, 8),
    () => heap.view,
    () => heap.heap,
    () => heap.exports,
    () => heap.memory,
  ]) {
    assert.throws(use, gone);
  }
});

test('the memory that createHeap made goes with a disposed allocator', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const heap = make();
  const memory = new WeakRef(heap.memory);
  heap.dispose();
  for (let i = 0; i < 20 && memory.deref(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
  assert.equal(memory.deref(), undefined);
  assert.throws(() => heap.malloc(1), code('DISPOSED'));
});

test('`using` disposes of it', { skip: !('dispose' in Symbol) && 'no Symbol.dispose here' }, () => {
  const heap = make();
  heap[Symbol.dispose]();
  assert.throws(() => heap.malloc(1), code('DISPOSED'));
});

test('the stack that the allocator has is used by less than half', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const heap = make({ memory });
  const stack = () => heap.u8.subarray(PAGE, PAGE + 4096);
  stack().fill(0xa5);
  const e = heap.exports;
  const other = e.pym_heap_new();
  for (let i = 0; i < 3000; i++) {
    e.pym_heap_free(other, 1, e.pym_heap_realloc(other, 1, e.pym_heap_malloc(other, 1, i), 3 * i));
    heap.free(heap.realloc(heap.calloc(3, i), 2 * i));
    heap.free(heap.alignedAlloc(4096, i));
  }
  heap.heap.setLimits({ heap: { hard: 1000 } });
  heap.malloc(5000);
  heap.heap.check();
  e.pym_heap_trim(heap.heap.address);
  e.pym_heap_destroy(other);
  const used = 4096 - stack().findIndex((byte) => byte !== 0xa5);
  assert.ok(used > 0 && used < 2048, `${used} bytes`);
});

// ---- Against a model ----

const SEED = Number(process.env.SEED ?? Date.now() % 1e9);

test(`no two blocks overlap, and each keeps its bytes (SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  const heap = make();
  const live = [];
  const holds = ({ p, n, byte }) => heap.u8.subarray(p, p + n).every((v) => v === byte);
  for (let step = 0; step < 20000; step++) {
    const domain = heap[['raw', 'mem', 'object'][random(3)]];
    const n = random(8) ? random(600) : random(20000);
    const byte = step & 255;
    const choice = random(live.length > 500 ? 3 : 5);
    const index = random(live.length || 1);
    if (choice >= 2 || live.length === 0) {
      const p = domain.malloc(n);
      heap.u8.fill(byte, p, p + n);
      live.push({ p, n, byte, domain });
    } else if (choice === 1) {
      const [block] = live.splice(index, 1);
      assert.ok(holds(block), `SEED=${SEED} step ${step}`);
      block.domain.free(block.p);
    } else {
      const block = live[index];
      const p = block.domain.realloc(block.p, n);
      assert.ok(holds({ ...block, p, n: Math.min(n, block.n) }), `SEED=${SEED} step ${step}`);
      heap.u8.fill(byte, p, p + n);
      live[index] = { ...block, p, n, byte };
    }
  }
  assert.ok(live.every(holds));
  const { raw, mem, object } = heap.heap.stats().domains;
  assert.equal(raw.liveBlocks + mem.liveBlocks + object.liveBlocks, live.length);
  assert.deepEqual({ ...heap.heap.check() }, { sound: true, message: '' });
});

// ---- Keys ----

test("each allocator has keys of its own, and the function that takes them is nobody else's", () => {
  const keys = () => {
    const heap = make();
    const p = heap.object.malloc(24);
    heap.object.free(p);
    assert.ok(!('pym_seed' in heap.exports));
    return `${heap.u32[p / 4 + 1]}`; // upper half of a free block's word: the key's own
  };
  assert.equal(new Set(Array.from({ length: 8 }, keys)).size, 8);
});
