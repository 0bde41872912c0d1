/** Whatever a module's descriptor and its memory hold, the reader throws typed errors, ends, and
 *  allocates no more than the memory's size justifies.
 *
 *  Replay: SEED=n CASE=m node --test tests/js/hostile.test.js */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { BlockState, Heap, PymallocError, parseDescriptor } from '../../js/src/index.js';
import { layoutOf } from '../../js/src/layout.js';
import { Image, encode, layOut, moduleWith, randomFrom, recordsOf } from './lib/image.js';

const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
const ONLY = process.env.CASE === undefined ? null : Number(process.env.CASE);
const SLOW_MS = 2000;
const PAGE = 65536;

const BOUNDARY = [
  0, 1, 2, 3, 4, 15, 16, 64, 255, 256, 4095, 4096, 65535, 65536, 65537, 0x7fffffff, 0x80000000,
  0xfffffff0, 0xfffffffe, 0xffffffff,
];

/** Runs `count` cases; a case returns what it did, for the message. */
function cases(name, count, run) {
  test(`${name}: ${count} cases (SEED=${SEED})`, () => {
    for (let i = 0; i < count; i++) {
      if (ONLY !== null && i !== ONLY) continue;
      const random = randomFrom(SEED + i * 7919);
      const note = [];
      const started = performance.now();
      try {
        run(random, note, i);
      } catch (error) {
        throw new Error(`SEED=${SEED} CASE=${i}: ${note.join(', ')}: ${error.stack}`);
      }
      const ms = performance.now() - started;
      assert.ok(ms < SLOW_MS, `SEED=${SEED} CASE=${i}: ${note.join(', ')}: ${ms} ms`);
    }
  });
}

/** Every way to read, with a view made now and with one made before the damage. */
function readAll(module, image) {
  const heap = typed(() => Heap.from(module, image.instance));
  if (heap) readWith(heap, image);
  readWith(image.veteran, image);
  readParts(image.veteran, image.memory.buffer.byteLength);
}

/** Each call may throw a PymallocError and nothing else. */
function readWith(heap, image) {
  const pages = image.memory.buffer.byteLength / 65536;
  typed(() => heap.stats());
  typed(() => heap.limits);
  const map = typed(() => heap.map());
  if (map) {
    const { blocks, capacity, blockSize, address } = map.pools;
    assert.equal(map.pages.length, pages);
    assert.equal(map.firstPool[pages], address.length);
    assert.ok(address.length <= (pages * 65536) / map.poolBytes);
    assert.ok(
      address.every(
        (a, k) =>
          a + map.poolBytes <= pages * 65536
          && blocks[k] <= capacity[k]
          && blocks[k] * blockSize[k] <= map.poolBytes,
      ),
    );
    assert.ok(map.rawBytes.every((n) => n <= 65536));
    assert.ok(map.damage.length <= pages * 4096);
    const { foreign, free, raw, pool, damaged } = map.totals;
    assert.equal(foreign + free + raw + pool + damaged, pages);
  }
  const heaps = typed(() => heap.heaps());
  assert.ok((heaps?.length ?? 0) <= image.memory.buffer.byteLength / 4);
  const polled = typed(() => heap.poll());
  assert.ok((polled?.events.length ?? 0) <= 65536);
  const checked = typed(() => heap.check());
  assert.ok((checked?.message.length ?? 0) <= 1024);
}

/** The same for what looks at a part of memory. */
function readParts(heap, bytes) {
  for (const address of [9 * PAGE + 4096, 11 * PAGE + 40]) {
    const found = typed(() => heap.blocks(address));
    assert.ok((found?.states.length ?? 0) <= 512);
    assert.ok((typed(() => heap.look(address))?.content.length ?? 0) <= 64);
  }
  const chunks = typed(() => heap.chunks(9 * PAGE, 14 * PAGE));
  assert.ok((chunks?.address.length ?? 0) <= bytes / 8);
}

function typed(fn) {
  try {
    return fn();
  } catch (error) {
    if (!(error instanceof PymallocError) || !error.code) throw error;
    return null;
  }
}

/** An image with pools, a second heap, events; `poke` remembers what `undo` puts back. */
function victim() {
  const image = new Image();
  image.export('pym_check', () => 1);
  image.export('pym_check_message', () => image.message | 0);
  image.message = image.root;
  image.set('space', image.root, { pages_owned: 6 });
  image.set('heap', image.heap, { pools_used: 3, raw_bytes: 4096 });
  image.chunks = image.addSegment(9 * PAGE, 12 * PAGE, [
    [4064, 'raw'],
    [4096, 'pool'],
    [4096, 'free'],
    [PAGE, 'raw'],
    [PAGE - 3 * 4096, 'raw'],
    [4096, 'pool'],
    [512, 'free'],
    [1024, 'raw'],
  ]);
  image.addSegment(13 * PAGE, 13 * PAGE + 4096, [[1024, 'raw']]);
  const pool = image.addPool(9 * PAGE + 4096, { size: 32, used: 127 });
  image.addPool(11 * PAGE, { size: 512, used: 7 });
  image.blocks = pool + 16;
  image.setFree(
    pool,
    [0, 32, 64].map((n) => image.blocks + n),
  );
  image.setCached(
    'obj',
    pool,
    [96, 128].map((n) => image.blocks + n),
  );
  image.setCached(
    'mem',
    pool,
    [160].map((n) => image.blocks + n),
  );
  image.second = image.end + 16384;
  image.addHeap(image.second, 2);
  image.set('heap', image.heap, { next: image.second });
  image.nested = image.chunks[3] + 8;
  image.addSegment(image.nested, image.nested + 32768, [[4096, 'raw']], image.second);
  for (let seq = 1; seq <= 40; seq++) image.addEvent(seq, {});
  const memory = new Uint8Array(image.memory.buffer);
  const undone = [];
  image.poke = (address, bytes) => {
    undone.push([address, memory.slice(address, address + bytes.length)]);
    memory.set(bytes, address);
  };
  image.vouch = (at, head) => {
    image.poke(at, memory.slice(at, at + 8));
    image.setChunk(at, head);
  };
  image.renew = () => {
    // with twenty events still to be told
    image.set('space', image.root, { event_seq: 20 });
    image.veteran = Heap.from(image.module, image.instance);
    image.set('space', image.root, { event_seq: 40 });
  };
  image.renew();
  image.undo = () => {
    while (undone.length > 0) {
      const [address, bytes] = undone.pop();
      memory.set(bytes, address);
    }
    image.root = 1024;
    image.message = 1024;
    image.calls.length = 0;
    image.renew();
  };
  return image;
}

const image = victim();
const memoryBytes = image.memory.buffer.byteLength;

/** Where every field of every structure of the image lies. */
const targets = [];
for (const [group, base] of [
  ['space', image.root],
  ['heap', image.heap],
  ['heap', image.second],
  ...[0, 1, 2].map((d) => ['domain', image.domain(d)]),
  ...[25, 26].map((i) => ['event', image.element('space', image.root, 'events', i)]),
  ...[9 * PAGE, 13 * PAGE, image.nested].map((at) => ['segment', at]),
  ...['mem', 'obj'].map((of) => ['list', image.list(of, 4)]),
  ...[0, 4096, 9 * PAGE, 9 * PAGE + 4096, 10 * PAGE, 11 * PAGE, 16 * PAGE - 4096].map((at) => [
    'pool',
    image.entry(at),
  ]),
]) {
  for (const [name, f] of Object.entries(image.layout.groups[group])) {
    const size = { u16: 2, u32: 4, u64: 8, struct: 4 }[f.type];
    targets.push({ what: `${group}.${name}`, address: base + f.offset, size, field: f });
  }
}
const poked = (what, address, size) => targets.push({ what, address, size, field: { count: 1 } });
for (const n of [0, 32, 96, 128, 160]) poked(`link of block ${n}`, image.blocks + n, 8);
for (const i of [4, 65 + 4]) {
  poked(`current pool of slot ${i}`, image.element('heap', image.heap, 'current', i), 4);
}
poked('first leaf', image.element('space', image.root, 'leaves', 0), 4);
for (const at of image.chunks) {
  poked(`check of chunk ${at}`, at, 4);
  poked(`head of chunk ${at}`, at + 4, 4);
  poked(`chunk ${at}`, at, 8); // a head that its check word vouches for
}

/** Values near what the memory makes interesting. */
function value(random) {
  switch (random(5)) {
    case 0:
      return [
        image.root,
        image.heap,
        image.second,
        image.table,
        9 * PAGE,
        13 * PAGE,
        image.nested,
        11 * PAGE,
      ][random(8)];
    case 4:
      return BOUNDARY[random(BOUNDARY.length)];
    case 1:
      return (memoryBytes + random(64) - 32) >>> 0;
    case 2:
      return random(memoryBytes);
    default:
      return random(2 ** 32);
  }
}

function pokeTarget(target, random, note, v = value(random)) {
  const address = target.address + random(target.field.count) * (target.field.stride ?? 0);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, v, true);
  new DataView(bytes.buffer).setUint32(4, random(2) ? 0xffffffff : 0, true);
  if (target.what.startsWith('chunk')) image.vouch(address, v);
  else image.poke(address, bytes.subarray(0, target.size));
  note.push(`${target.what} = ${v}`);
}

const sound = image.module;

test('before any damage the image is sound', () => {
  const { pools, damage } = image.veteran.map();
  assert.deepEqual([[...pools.blocks], [...damage]], [[121, 7], []]);
  assert.equal(
    image.veteran.blocks(9 * PAGE + 4096).states.filter((s) => s !== BlockState.LIVE).length,
    6,
  );
});

cases(
  'boundary values in each field of the memory',
  targets.length * BOUNDARY.length,
  (random, note, i) => {
    const target = targets[Math.floor(i / BOUNDARY.length)];
    pokeTarget(target, random, note, BOUNDARY[i % BOUNDARY.length]);
    readAll(sound, image);
    image.undo();
  },
);

cases('random values in several fields of the memory', 45000, (random, note) => {
  for (let n = 1 + random(4); n > 0; n--) pokeTarget(targets[random(targets.length)], random, note);
  if (random(20) === 0) note.push(`root = ${(image.root = value(random))}`);
  if (random(4) === 0) note.push(`message = ${(image.message = value(random))}`);
  readAll(sound, image);
  image.undo();
});

cases('random bytes over the structures', 15000, (random, note) => {
  const start = random(image.end + 20000);
  const length = 1 + random(random(8) ? 64 : 6000);
  note.push(`${length} bytes from ${start}`);
  image.poke(
    start,
    Uint8Array.from({ length: Math.min(length, memoryBytes - start) }, () => random(256)),
  );
  readAll(sound, image);
  image.undo();
});

const records = recordsOf(layOut());
const MEMBERS = ['group', 'type', 'of', 'count', 'stride', 'value'];
const NARROW = { group: 256, type: 256, of: 256, count: 65536, stride: 65536, value: 2 ** 32 };
const NAMES = ['', 'magic', '__proto__', 'constructor', 'x'.repeat(24)];

cases(
  'boundary values in each member of each record of the descriptor',
  records.length * MEMBERS.length * BOUNDARY.length,
  (random, note, i) => {
    const record = records[Math.floor(i / BOUNDARY.length / MEMBERS.length)];
    const member = MEMBERS[Math.floor(i / BOUNDARY.length) % MEMBERS.length];
    const v = BOUNDARY[i % BOUNDARY.length] % NARROW[member];
    note.push(`${record.name}.${member} = ${v}`);
    const before = record[member];
    record[member] = v;
    const section = encode(records);
    record[member] = before;
    if (typed(() => layoutOf(parseDescriptor(section)))) readAll(moduleWith(section), image);
    image.undo();
  },
);

cases('random records in the descriptor', 15000, (random, note) => {
  const list = records.map((r) => ({ ...r }));
  for (let n = 1 + random(3); n > 0; n--) {
    const record = list[random(list.length)];
    const member = MEMBERS[random(MEMBERS.length)];
    if (random(8) === 0) record.name = NAMES[random(NAMES.length)];
    else record[member] = value(random) % NARROW[member];
    note.push(`${record.name}.${member} = ${record[member]}`);
  }
  const section = encode(list);
  if (typed(() => layoutOf(parseDescriptor(section)))) {
    pokeTarget(targets[random(targets.length)], random, note);
    readAll(moduleWith(section), image);
  }
  image.undo();
});

cases('truncated and random bytes as a descriptor', 15000, (random, note) => {
  const section = encode(records);
  const length = random(section.length + 1);
  const flips = random(6);
  note.push(`${length} bytes`);
  for (let n = 0; n < flips; n++) {
    const at = random(4) ? random(section.length) : random(16);
    note.push(`[${at}] = ${(section[at] = random(256))}`);
  }
  const cut = random(2) ? section.subarray(0, length) : section;
  if (typed(() => layoutOf(parseDescriptor(cut)))) readAll(moduleWith(cut), image);
  image.undo();
});

for (const what of ['chunks', 'segments']) {
  test(`64 MiB full of the smallest ${what} are read within 48 MiB of JavaScript's own memory`, async () => {
    const worker = new Worker(new URL('lib/crowded.js', import.meta.url), {
      workerData: what,
      resourceLimits: { maxOldGenerationSizeMb: 48 },
    });
    const found = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (what === 'chunks') assert.ok(found > 4_000_000, `${found} chunks`);
    else assert.equal(found, 'BAD_MEMORY'); // the last of them leads nowhere
  });
}
