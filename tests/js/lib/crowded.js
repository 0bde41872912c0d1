/** A worker with little memory of its own that reads an image full of the smallest chunks, or of the
 *  smallest segments (workerData); posts how many chunks it found, or the error's code. */
import { parentPort, workerData } from 'node:worker_threads';

import { Heap } from '../../../js/src/index.js';
import { FLAG, Image, KEY, WIDE } from './image.js';

const PAGES = 1024;
const image = new Image({ pages: PAGES });
const heap = Heap.from(image.module, image.instance);
const words = new Uint32Array(image.memory.buffer);
const { segment_header: header } = image.layout.constants;
const start = Math.ceil(image.end / 65536) * 65536;
const end = PAGES * 65536;

if (workerData === 'chunks') {
  const [first] = image.addSegment(start, end);
  const head = 16 | FLAG.inUse;
  for (let at = first; at < end - 24; at += 16) {
    if (WIDE) {
      image.setChunk(at, head);
      continue;
    }
    words[at / 4] = head ^ at ^ image.heap ^ KEY.raw;
    words[at / 4 + 1] = head;
  }
} else {
  const bytes = header + 8;
  const fields = image.layout.groups.segment;
  for (let at = start; at + 2 * bytes <= end; at += bytes) {
    words[(at + fields.next.offset) / 4] = at + bytes;
    words[(at + fields.end.offset) / 4] = at + bytes;
  }
  image.set('heap', image.heap, { segments: start });
}
let found;
try {
  heap.map();
  heap.look(end - 1);
  found = heap.chunks(0, end).address.length;
} catch (error) {
  found = error.code;
}
parentPort.postMessage(found);
