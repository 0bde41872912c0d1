/** blocks(), chunks() and look(): what lies in a pool, between two addresses, at one address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BlockState, ChunkKind, Heap, createHeapSync } from '../../js/src/index.node.js';
import { Image, KEY } from './lib/image.js';

const PAGE = 65536;
const { FREE, LIVE, CACHED } = BlockState;

/** A segment of a raw block, a pool for 48 bytes and free memory; a second heap in a raw block. */
function sample({ gap } = {}) {
  const image = new Image({ gap });
  image.chunks = image.addSegment(8 * PAGE, 10 * PAGE, [
    [4064, 'raw'],
    [4096, 'pool'],
    [2032, 'free'],
    [512, 'own'],
    [16384, 'raw'],
  ]);
  image.pool48 = image.addPool(8 * PAGE + 4096, { size: 48, used: 84 });
  image.first = image.pool48 + 16;
  image.second = image.end + 16384;
  image.addHeap(image.second, 2);
  image.set('heap', image.heap, { next: image.second });
  image.nested = image.chunks[4] + 8;
  image.addSegment(image.nested, image.nested + 8192, [[1024, 'raw']], image.second);
  image.read = () => Heap.from(image.module, image.instance);
  image.block = (i) => image.first + i * 48;
  return image;
}

test('a block is free, cached, or live', () => {
  const image = sample();
  image.setFree(image.pool48, [5, 3].map(image.block));
  image.setCached('obj', image.pool48, [0, 83].map(image.block));
  image.setCached('mem', image.pool48, [image.block(7)]);
  const { address, owner, first, blockSize, states } = image.read().blocks(image.pool48 + 77);
  assert.deepEqual([address, owner, first, blockSize], [image.pool48, image.heap, image.first, 48]);
  assert.equal(states.length, 84);
  const of = (state) => [...states.keys()].filter((i) => states[i] === state);
  assert.deepEqual(of(FREE), [3, 5]);
  assert.deepEqual(of(CACHED), [0, 7, 83]);
  assert.equal(of(LIVE).length, states.length - 5);
});

test('where no pool lies there are no blocks', () => {
  const image = sample();
  const heap = image.read();
  for (const address of [0, 8 * PAGE, 8 * PAGE + 8192, 16 * PAGE, 2 ** 32]) {
    assert.equal(heap.blocks(address), null);
  }
});

const damages = {
  'a free list that leaves its pool': (i) => i.setLink(i.block(2), i.block(2) - 4096),
  'a free list into the pool behind it': (i) => i.setLink(i.block(2), i.pool48 + 4096 + 16),
  'a free list into what lies before the first block': (i) => i.setLink(i.block(2), i.pool48 + 8),
  'a free list into the middle of a block': (i) => i.setLink(i.block(2), i.block(3) + 8),
  'a free list into what is too short for a block': (i) => i.setLink(i.block(2), i.block(84)),
  'a free list that is a loop': (i) => i.setLink(i.block(3), i.block(2)),
  'a free list shorter than the pool says': (i) => i.setLink(i.block(2), i.pool48),
  'a free list longer than the pool says': (i) => i.setLink(i.block(3), i.block(4)),
  'a free block whose link was overwritten': (i) => i.view.setBigUint64(i.block(2), 1n, true),
  'a free block whose link has a bit more': (i) =>
    i.view.setBigUint64(i.block(2), (BigInt(i.block(3)) & 0xffffn) ^ KEY.link ^ (1n << 16n), true),
  'a free block whose upper half was overwritten': (i) => i.view.setUint32(i.block(2) + 4, 0, true),
  'a first free block out of the pool': (i) => i.set('pool', i.entry(i.pool48), { free: 0 }),
  'a first free block that is none': (i) =>
    i.set('pool', i.entry(i.pool48), { free: (i.block(2) + 8) & 0xffff }),
  'a block that is free and cached': (i) =>
    i.setCached('obj', i.pool48, [i.block(2)]) ?? i.setLink(i.block(2), i.block(3)),
  'a block in two lists': (i) => {
    i.setCached('obj', i.pool48, [i.block(7)]);
    i.setCached('mem', i.pool48, [i.block(7)]);
  },
  'a list of cached blocks that begins elsewhere': (i) =>
    i.setCached('mem', i.pool48, [i.block(7) - 4096]),
  'a list of cached blocks that begins behind the memory': (i) => {
    i.setCached('mem', i.pool48, [i.block(7)]);
    i.set('list', i.list('mem', 6), { block: i.block(7) + 16 * PAGE });
  },
  'a list of cached blocks shorter than its count': (i) => {
    i.setCached('mem', i.pool48, [i.block(7)]);
    i.set('list', i.list('mem', 6), { count: 2 });
  },
  'a list of cached blocks longer than its count': (i) => {
    i.setCached('mem', i.pool48, [i.block(7), i.block(8)]);
    i.set('list', i.list('mem', 6), { count: 1 });
  },
  'a list of cached blocks that is a loop': (i) => {
    i.setCached('obj', i.pool48, [i.block(7), i.block(8)]);
    i.setLink(i.block(8), i.block(7));
    i.set('list', i.list('obj', 6), { count: 2 ** 32 - 1 });
  },
  'an empty list of cached blocks that leads somewhere': (i) => {
    i.setCached('obj', i.pool48, []);
    i.set('list', i.list('obj', 6), { block: i.block(7) });
  },
  'a size that is no class': (i) => i.set('pool', i.entry(i.pool48), { size: 47 }),
  'a size above all classes': (i) => i.set('pool', i.entry(i.pool48), { size: 520 }),
  'a pool with more blocks in use than room': (i) => i.set('pool', i.entry(i.pool48), { left: 85 }),
  'a pool of no heap': (i) => i.set('pool', i.entry(i.pool48), { heap: 77 }),
};
test('before any damage the blocks are read', () => {
  const image = sample();
  image.setFree(image.pool48, [2, 3].map(image.block));
  assert.deepEqual(
    [...image.read().blocks(image.pool48).states.slice(1, 5)],
    [LIVE, FREE, FREE, LIVE],
  );
});
for (const [what, damage] of Object.entries(damages)) {
  test(`${what} is damage`, () => {
    const image = sample();
    image.setFree(image.pool48, [2, 3].map(image.block));
    damage(image);
    assert.throws(() => image.read().blocks(image.pool48), { code: 'BAD_MEMORY' });
  });
}

test('chunks come by address, those of a heap behind the one that holds it', () => {
  const image = sample();
  const { address, bytes, kind, domain, owner } = image.read().chunks(0, 16 * PAGE);
  const { FREE: free, RAW: raw, POOL: pool, CACHED: cached } = ChunkKind;
  assert.deepEqual([...kind], [raw, pool, free, cached, raw, raw, free, free]);
  const inner = image.nested + image.layout.constants.segment_header;
  assert.deepEqual(
    [...address],
    [...image.chunks.slice(0, 5), inner, inner + 1024, image.chunks[5]],
  );
  assert.deepEqual([...bytes].slice(0, 6), [4064, 4096, 2032, 512, 16384, 1024]);
  assert.deepEqual(
    [...owner],
    [...Array(5).fill(image.heap), image.second, image.second, image.heap],
  );
  assert.deepEqual([domain[0], domain[3]], [0, 3]);
});

test('only chunks with a byte in between are told', () => {
  const image = sample();
  const heap = image.read();
  const from = image.chunks[2];
  assert.deepEqual([...heap.chunks(from, from + 1).address], [from]);
  assert.deepEqual([...heap.chunks(from - 1, from).address], [image.chunks[1]]);
  assert.deepEqual([...heap.chunks(from, from).address], []);
  const pool = image.chunks[1]; // its base is no address that was asked for
  assert.deepEqual([...heap.chunks(pool, pool + 8).kind], [ChunkKind.POOL]);
  assert.deepEqual([...heap.chunks(0, 8 * PAGE).address], []);
});

test('behind a header that was overwritten the segment is damaged', () => {
  const image = sample();
  image.view.setUint32(image.chunks[2], 1, true);
  const { address, kind, bytes } = image.read().chunks(8 * PAGE, 10 * PAGE);
  assert.equal(kind[2], ChunkKind.DAMAGED);
  assert.equal(address[2] + bytes[2], 10 * PAGE);
});

test('a look says what lies at an address', () => {
  const image = sample();
  image.setFree(image.pool48, [image.block(1)]);
  image.setCached('obj', image.pool48, [image.block(2)]);
  const heap = image.read();
  const at = (address) => heap.look(address);
  assert.deepEqual(
    [at(image.block(0) + 5).kind, at(image.block(0) + 5).text],
    ['block', 'Block 1 of 84 in a pool for 48 bytes: live.'],
  );
  assert.match(at(image.block(1)).text, /Block 2 of 84 .* free\.$/);
  assert.match(at(image.block(2)).text, /Block 3 of 84 .* free, in the list that/);
  assert.deepEqual([at(image.block(1)).start, at(image.block(1)).bytes], [image.block(1), 48]);
  const kinds = [
    [8, 'foreign'],
    [8 * PAGE, 'segment'],
    [image.chunks[0] + 100, 'raw'],
    [image.pool48, 'pool'],
    [image.pool48 + 4090, 'pool'],
    [image.chunks[2] + 8, 'free'],
    [image.chunks[3] + 8, 'cached'],
    [image.nested + 30, 'raw'],
    [10 * PAGE - 8, 'segment'],
    [16 * PAGE, 'outside'],
    [2 ** 32, 'outside'],
  ];
  for (const [address, kind] of kinds) assert.equal(at(address).kind, kind, `at ${address}`);
});

test('the content of a look is a copy, of 64 bytes at the most', () => {
  const image = sample();
  const heap = image.read();
  image.view.setUint8(image.block(4) + 3, 77);
  const { content } = heap.look(image.block(4) + 9);
  assert.deepEqual([content.length, content[3]], [48, 77]);
  assert.equal(heap.look(image.chunks[0] + 500).content.length, 64);
  image.view.setUint8(image.block(4) + 3, 1);
  assert.equal(content[3], 77);
});

test('what is no address is refused', () => {
  const heap = sample().read();
  for (const bad of [-1, 1.5, NaN, 2 ** 32 + 1, '8', undefined]) {
    assert.throws(() => heap.blocks(bad), { code: 'BAD_ARGUMENT' });
    assert.throws(() => heap.look(bad), { code: 'BAD_ARGUMENT' });
    assert.throws(() => heap.chunks(0, bad), { code: 'BAD_ARGUMENT' });
  }
});

test('no offset is known by heart', () => {
  const image = sample({ gap: (name) => (name.length % 3) * 8 });
  image.setFree(image.pool48, [image.block(1)]);
  image.setCached('obj', image.pool48, [image.block(2)]);
  const { states } = image.read().blocks(image.pool48);
  assert.deepEqual([...states.slice(0, 4)], [LIVE, FREE, CACHED, LIVE]);
});

test('in a real heap the blocks of all pools and the raw chunks are what the counters say', () => {
  const { heap, object, memory } = createHeapSync();
  const held = [];
  for (let i = 0; i < 20000; i++) held.push(object.malloc(1 + ((i * 7) % 700)));
  held.forEach((p, i) => {
    if (i % 3 === 0) object.free(p);
  });
  const { classes, domains, raw } = heap.stats();
  const live = new Map();
  const { address, blocks } = heap.map().pools;
  for (const [k, base] of address.entries()) {
    const { blockSize, states } = heap.blocks(base);
    const n = states.reduce((sum, state) => sum + (state === LIVE), 0);
    assert.equal(n, blocks[k], `live blocks of the pool at ${base}`);
    live.set(blockSize, (live.get(blockSize) ?? 0) + n);
  }
  for (const { blockSize, liveBlocks } of classes) {
    assert.equal(live.get(blockSize) ?? 0, liveBlocks, `of ${blockSize} bytes`);
  }
  const { kind, bytes } = heap.chunks(0, memory.buffer.byteLength);
  const sum = (wanted) => bytes.reduce((n, b, i) => n + (wanted.includes(kind[i]) ? b : 0), 0);
  const inPools = classes.reduce((n, c) => n + c.liveBlocks * c.blockSize, 0);
  const n = kind.reduce((count, k) => count + (k === ChunkKind.RAW), 0);
  assert.equal(sum([ChunkKind.RAW]) - n * 8, domains.object.liveBytes - inPools);
  assert.equal(sum([ChunkKind.FREE, ChunkKind.CACHED]), raw.freeBytes + raw.cachedBytes);
});
