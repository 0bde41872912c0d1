/** The page's side: a guest behind a worker that answers, refuses, fails or says nothing; and the
 *  sampler and the output buffer behind it, with clocks of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Guest } from '../../js/page/src/client.js';
import { packed } from '../../js/page/src/packed.js';
import { OutputBuffer } from '../../js/page/src/output.js';
import { createHeap } from '../../js/src/index.node.js';
import { Sampler, buffersOf } from '../../js/page/src/sampler.js';

const READY = {
  type: 'ready',
  guest: { kind: 'lua', name: 'Lua', language: 'Lua' },
  controls: { live: true },
};
const spec = { kind: 'lua', base: 'nowhere' };

/** Workers that the test speaks for. */
function setUp(controls = { live: true }) {
  const workers = [];
  const told = [];
  const guest = new Guest(
    () => {
      const worker = {
        sent: [],
        ended: false,
        onmessage: null,
        onerror: null,
        postMessage: (message, transfer) =>
          worker.sent.push(structuredClone(message, { transfer })),
        terminate: () => {
          worker.ended = true;
        },
        say: (message) => worker.onmessage({ data: message }),
      };
      workers.push(worker);
      return worker;
    },
    {
      ended: (e) => told.push(e),
      failed: (e) => told.push(e),
      state: (s) => told.push(s),
      frame: (f) => told.push(f),
    },
  );
  const open = async () => {
    const opened = guest.open(spec);
    workers.at(-1).say({ ...READY, controls });
    await opened;
  };
  return { guest, workers, told, open };
}

test('a program that comes to a halt keeps its worker', async () => {
  const { guest, workers, open } = setUp();
  await open();
  workers[0].say({ type: 'state', state: 'running' });
  const stopped = guest.stop();
  assert.equal(workers[0].sent.at(-1).type, 'stop');
  workers[0].say({ type: 'state', state: 'idle' });
  assert.equal(await stopped, 'halted');
  assert.deepEqual([workers.length, await guest.stop()], [1, 'halted']);
});

test('a worker that does not come to a halt is ended, told as stopped, and replaced', async () => {
  const { guest, workers, told, open } = setUp();
  guest.watch({ fps: 10, map: false, heap: 1 });
  await open();
  workers[0].say({ type: 'state', state: 'running' });
  workers[0].say(packed({ type: 'frame', seq: 1, run: 4, time: 70, stats: { classes: [] } }));
  const stopped = guest.stop();
  while (workers.length < 2)
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  workers[1].say(READY);
  assert.equal(await stopped, 'replaced');
  assert.equal(workers[0].ended, true);
  const { result, run, time } = told.find((m) => m.type === 'ended');
  assert.deepEqual([result, run, time], ['stopped', 4, 70]);
  assert.deepEqual(
    workers[1].sent.map((m) => m.type),
    ['open', 'watch'],
  );
  assert.equal(guest.state, 'idle');
});

test('a guest that looks at no messages is not waited for', async () => {
  const { guest, workers, open } = setUp({ live: false });
  await open();
  workers[0].say({ type: 'state', state: 'running' });
  const stopped = guest.stop();
  assert.equal(workers[0].ended, true);
  workers[1].say(READY);
  assert.equal(await stopped, 'replaced');
});

test('limits set since a program was started, met or not, outlive its worker', async () => {
  const { guest, workers, open } = setUp({ live: false });
  await open();
  guest.request('limits', 'of the one before').catch(() => {}); // it is never answered
  guest.run(null);
  workers[0].say({ type: 'state', state: 'running' });
  const [look, met, waits] = [
    guest.request('look'),
    guest.request('limits', 'a'),
    guest.request('limits', 'b'),
  ];
  workers[0].say({ type: 'reply', id: workers[0].sent.at(-2).id, value: 'set' });
  assert.equal(await met, 'set');
  const stopped = guest.stop();
  await assert.rejects(look, { code: 'WORKER' });
  const asked = workers[1].sent.filter(({ name }) => name === 'limits');
  assert.deepEqual(
    asked.map(({ params }) => params),
    ['a', 'b'],
  );
  workers[1].say(READY);
  for (const { id } of asked) workers[1].say({ type: 'reply', id, value: id });
  assert.deepEqual([await stopped, await waits], ['replaced', asked[1].id]);
});

test('a spec that is refused rejects with its code, and the worker is ended', async () => {
  const { guest, workers } = setUp();
  const opened = guest.open(spec);
  workers[0].say({ type: 'refused', error: { code: 'NOT_WASM', message: 'words' } });
  await assert.rejects(opened, { code: 'NOT_WASM', message: 'words' });
  assert.equal(workers[0].ended, true);
});

test('a worker that fails ends the program and every request, with one error', async () => {
  const { guest, workers, told, open } = setUp();
  await open();
  workers[0].say({ type: 'state', state: 'running' });
  const request = guest.request('look', { address: 8 });
  workers[0].onerror({ message: 'out of memory' });
  await assert.rejects(request, { code: 'WORKER' });
  assert.equal(told.find((m) => m.type === 'ended').result, 'trap');
  assert.match(told.find((m) => m.code).message, /out of memory/);
  assert.throws(() => guest.run(null), { code: 'NOT_RUNNING' });
  const opened = guest.reopen();
  assert.deepEqual(
    workers[1].sent.map((m) => m.spec),
    [spec],
  );
  workers[1].say(READY);
  await opened;
  guest.run(null);
  guest.drawn(1); // a frame that came before
});

test('what a worker says that was replaced is not heard', async () => {
  const { guest, workers, told, open } = setUp();
  await open();
  await open();
  workers[0].say({ type: 'state', state: 'running' });
  assert.deepEqual([guest.state, told], ['idle', []]);
});

test('a frame arrives as it was, its map with it', async () => {
  const { workers, told, open } = setUp();
  await open();
  const heap = (await createHeap()).heap;
  const frame = { type: 'frame', seq: 3, run: 1, time: 2, stats: heap.stats(), map: heap.map() };
  workers[0].say(structuredClone(packed(frame)));
  const { classes } = told.at(-1).stats;
  assert.ok(
    classes.length > 50
      && classes.every(({ blockSize }, i) => blockSize > (classes[i - 1]?.blockSize ?? 0)),
  );
  assert.deepEqual(told.at(-1), { ...frame, stats: { ...heap.stats() } });
});

test('the memory of a map that was drawn goes back with the acknowledgement', async () => {
  const { guest, workers, open } = setUp();
  await open();
  const buffer = new ArrayBuffer(64);
  guest.drawn(7, buffer);
  assert.equal(buffer.byteLength, 0);
  const { type, seq, buffer: sent } = workers[0].sent.at(-1);
  assert.deepEqual([type, seq, sent.byteLength], ['ack', 7, 64]);
});

test('replies settle the requests that they belong to', async () => {
  const { guest, workers, open } = setUp();
  await open();
  const [a, b] = [guest.request('look'), guest.request('dump')];
  const [first, second] = workers[0].sent.slice(-2);
  workers[0].say({ type: 'reply', id: second.id, value: 'b' });
  workers[0].say({ type: 'failed', id: first.id, error: { code: 'BAD_MEMORY', message: 'm' } });
  assert.equal(await b, 'b');
  await assert.rejects(a, { code: 'BAD_MEMORY' });
});

/** A heap whose map takes `mapMs` on a clock that the test moves. */
function watched({ mapMs = 0, statsMs = 0 } = {}) {
  const clock = { now: 0 };
  const frames = [];
  const events = [];
  const heap = {
    id: 1,
    address: 8,
    heaps: () => [heap],
    limits: {},
    poll: () => {
      // a ring of 32, as the library's
      const missed = Math.max(events.length - 32, 0);
      return { events: events.splice(0).slice(missed), missed };
    },
    stats: () => {
      clock.now += statsMs;
      return {};
    },
    map: ({ into } = {}) => {
      clock.now += mapMs;
      return { pages: new Uint8Array(into ?? 4), reused: into };
    },
  };
  const sampler = new Sampler((frame) => frames.push(frame), { now: () => clock.now });
  const forMs = (ms, ack = true) => {
    for (const end = clock.now + ms; clock.now < end; clock.now += 0.25) {
      if (sampler.tick(clock.now) && ack) sampler.ack(frames.at(-1).seq);
    }
  };
  sampler.begin(heap, 1);
  sampler.ack(1);
  return { sampler, frames, events, clock, forMs };
}

test('frames come 60 a second, with a map each while that is cheap', () => {
  const { frames, forMs } = watched();
  forMs(1000);
  assert.ok(frames.length >= 55 && frames.length <= 62, `${frames.length} frames`);
  assert.ok(frames.filter((f) => f.map).length >= 55);
});

test('a dear map is rare: watching takes about 2 % of the time', () => {
  const { frames, forMs } = watched({ mapMs: 5, statsMs: 0.1 });
  forMs(10000);
  const maps = frames.filter((f) => f.map).length;
  assert.ok(maps >= 8 && maps <= 12, `${maps} maps`);
  assert.ok(frames.length > 500, `${frames.length} frames`);
  assert.ok(frames.at(-1).cost.share < 0.025, `${frames.at(-1).cost.share}`);
});

test('a map is written into memory that came back, once', () => {
  const { frames, sampler } = watched();
  const buffer = new ArrayBuffer(16);
  sampler.ack(1, buffer);
  sampler.frame();
  sampler.frame();
  assert.deepEqual(
    frames.slice(-2).map(({ map }) => map.reused),
    [buffer, undefined],
  );
});

test('a map that takes longest still comes every two seconds', () => {
  const { frames, forMs } = watched({ mapMs: 100 });
  forMs(10000);
  assert.ok(frames.filter((f) => f.map).length >= 4);
});

test('a program that lets no acknowledgement in is seen ten times a second', () => {
  const { frames, forMs } = watched();
  forMs(5000, false);
  assert.ok(frames.length >= 48 && frames.length <= 53, `${frames.length} frames`);
});

test('a page that does not answer gets two frames, then one a second', () => {
  const { frames, forMs, events, sampler } = watched();
  for (let i = 0; i < 500; i++) {
    sampler.turned();
    forMs(10, false);
  }
  assert.ok(frames.length >= 5 && frames.length <= 8, `${frames.length} frames`);
  events.push({ seq: 1 });
  sampler.turned();
  forMs(1100, false);
  assert.equal(frames.flatMap((f) => f.events).length, 1);
});

test('events are looked for more often than frames are sent', () => {
  const { frames, forMs, events, sampler } = watched();
  sampler.watch({ fps: 1, map: false, heap: 1 });
  for (let i = 0; i < 100; i++) {
    events.push({ seq: i });
    forMs(20);
  }
  assert.ok(frames.length < 5);
  sampler.frame();
  assert.deepEqual(
    frames.flatMap((f) => f.events).map((e) => e.seq),
    [...Array(100).keys()],
  );
});

test('more events than a log needs are left out, and counted', () => {
  const { frames, events, forMs, sampler } = watched();
  sampler.watch({ fps: 0, map: false, heap: 1 });
  for (let i = 0; i < 1500; i++) {
    events.push({ seq: i });
    if (i % 30 === 29) forMs(2);
  }
  sampler.frame();
  assert.deepEqual(
    [frames.at(-1).events.length, frames.at(-1).missed, frames.at(-1).events[0].seq],
    [1000, 500, 500],
  );
});

test('a program that is paused does not grow older', () => {
  const { sampler, clock } = watched();
  clock.now += 10;
  sampler.pause(true);
  clock.now += 500;
  assert.equal(sampler.time, 10);
  sampler.pause(false);
  clock.now += 5;
  assert.equal(sampler.time, 15);
});

test('arrays of a value are transferred once, however deep', () => {
  const { buffer } = new Uint32Array(4);
  const value = {
    a: new Uint8Array(buffer),
    deep: { b: new Uint16Array(buffer), c: new Uint8Array(2) },
    n: 1,
    none: null,
  };
  assert.deepEqual(buffersOf(value), [buffer, value.deep.c.buffer]);
});

test('output is joined by stream, and characters may come in pieces', () => {
  const output = new OutputBuffer();
  const bytes = new TextEncoder().encode('größer');
  output.write('stdout', bytes.subarray(0, 3));
  output.write('stdout', bytes.subarray(3));
  output.write('stderr', new Uint8Array([33]));
  assert.deepEqual(output.take(), [
    { type: 'output', stream: 'stdout', text: 'größer', dropped: 0 },
    { type: 'output', stream: 'stderr', text: '!', dropped: 0 },
  ]);
  assert.deepEqual([output.take(), output.empty], [[], true]);
});

test('output keeps its end when it is cut', () => {
  const output = new OutputBuffer();
  for (let i = 0; i < 100000; i++) output.add('stdout', `line ${i}\n`);
  const parts = output.take();
  const text = parts.map((p) => p.text).join('');
  assert.ok(text.length <= 128 * 1024 && text.endsWith('line 99999\n'));
  assert.equal(
    parts[0].dropped + text.length,
    Array.from({ length: 100000 }, (_, i) => `line ${i}\n`.length).reduce((a, b) => a + b),
  );
});
