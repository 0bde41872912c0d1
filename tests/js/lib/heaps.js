/** What the tests of Heap share: images of a heap with something in it. */

import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';

import { Heap, PymallocError } from '../../../js/src/index.js';
import { Image } from './image.js';

export const open = (image, options) => Heap.from(image.module, image.instance, options);
export const code =
  (expected, text = /./) =>
  (error) => {
    assert.ok(error instanceof PymallocError, `${error}`);
    assert.equal(error.code, expected);
    assert.match(error.message, text);
    return true;
  };

/** What fn returns or throws; an error if it goes on for ever. */
export const ended = (fn) => runInNewContext('fn()', { fn }, { timeout: 20000 });

/** An image with numbers in it that a sound heap could have. */
export function lively(options) {
  const image = new Image(options);
  // Blocks in use: two of the raw domain, one of object, one of the library's.
  image.set('space', image.root, { pages_owned: 10, grows: 5, grow_failures: 1 });
  image.set('heap', image.heap, {
    pools_used: 6,
    raw_segments: 2,
    raw_free: 70000,
    raw_cached: 3000,
    raw_bytes: 30000 + 1000 + 552 + 4 * 8 + 6 * 4096 + 73000 + 2 * 32,
    soft: 1000000,
    pools: { 2: 5, 64: 1 },
    sampled: { 2: 4 },
    sampled_bytes: { 2: 50 },
  });
  image.setClass('mem', 2, { mallocs: 100, live: 60, cached: 7 });
  image.setClass('obj', 2, { mallocs: 2n ** 40n, live: 10, cached: 20, reused: 2n ** 39n });
  image.setClass('obj', 64, { mallocs: 3, live: 2 });
  image.set('heap', image.heap, { pools_peak: { 2: 9, 64: 1 } });
  image.set('domain', image.domain(0), {
    peak: 20000,
    raw_mallocs: 9,
    raw_frees: 7,
    raw_bytes: 2n ** 40n + 99000n,
    raw_freed: 2n ** 40n + 69000n,
    failures: 2,
  });
  image.set('domain', image.domain(1), { peak: 5000, hard: 8000 });
  image.set('domain', image.domain(2), { raw_mallocs: 1, raw_bytes: 1000 });
  image.set('domain', image.domain(3), { raw_mallocs: 1, raw_bytes: 552 });
  return image;
}

const P = 65536;

/** Pages 4 to 9 are a segment: a raw block, a pool at 4 * P + 4096 and one behind it, free memory,
 *  from 8 * P - 1024 a raw block to the end.
 *  @returns {{image: Image, chunks: number[]}} chunks: as addSegment tells */
export function segmented(options) {
  const image = lively(options);
  const first = 8 + image.layout.constants.segment_header;
  const chunks = image.addSegment(4 * P, 10 * P, [
    [4096 - first, 'raw'],
    [4096, 'pool'],
    [4096, 'pool'],
    [4 * P - 1024 - 3 * 4096, 'free'],
    [2 * P + 1024, 'raw'],
  ]);
  image.addPool(4 * P + 4096, { size: 32, used: 5 });
  image.addPool(4 * P + 8192, { size: 512, used: 7 });
  return { image, chunks };
}
