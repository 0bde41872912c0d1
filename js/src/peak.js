/** stats().atPeak: what lived when most did. */

import { badMemory } from './errors.js';
import { readU64, readWord } from './memory.js';

/** @typedef {import('./layout.js').Layout} Layout */

/** @typedef {object} Held
 *  @property {number} bytes   usable bytes
 *  @property {number} blocks */
/** @typedef {object} HeldOfClass
 *  @property {number} blockSize
 *  @property {number} mem     blocks
 *  @property {number} object  blocks
 *  @property {number} bytes   of both */
/** What lived in a heap when most did, at the peak of its domains together.
 *  @typedef {object} AtPeak
 *  @property {number} bytes   most that was seen
 *  @property {number} atMost  the true peak is not above this: what is taken from pools is summed up
 *    every 4 KiB.  While a soft limit is passed each call is counted, so
 *    `setLimits({ all: { soft: 0 } })` at the start makes it exact
 *  @property {{raw: Held, mem: Held, object: Held}} domains
 *  @property {readonly HeldOfClass[]} classes  those with blocks then, smallest first
 *  @property {Held} large     blocks above 512 bytes, and those of the raw domain */

const [RAW, MEM, OBJECT] = [0, 1, 2];

/** What lives now, in all, and of that in pools.
 *  @typedef {object} Now
 *  @property {Readonly<import('./stats.js').HeapStats['domains']>} domains
 *  @property {import('./stats.js').InPools} inMem
 *  @property {import('./stats.js').InPools} inObject */

/** @typedef {Omit<AtPeak, 'atMost'>} Parts */

/** Reads the peak of one heap.  What it is made of changes only when the peak moves, so it is kept. */
export class PeakReader {
  #bytes = -1;
  /** @type {Parts | null} */ #held = null;
  /** @type {Readonly<HeldOfClass>[]} by class, as they were last */ #classes = [];

  /** @param {DataView} view  @param {number} heap  @param {Layout} layout  @param {Now} now
   *  @returns {Readonly<AtPeak>} */
  read(view, heap, layout, now) {
    const { heap: f } = layout;
    const seen = readWord(view, heap + f.peak, layout.wide);
    const made = bytesAtPeak(view, heap, layout);
    if (made !== seen) throw badMemory(`a peak of ${seen} bytes made of ${made}`);
    const { raw, mem, object } = now.domains;
    const live = raw.liveBytes + mem.liveBytes + object.liveBytes;
    const parts = live > seen ? this.#now(live, now, layout) : this.#kept(view, heap, layout);
    const { bytes, domains, classes, large } = parts;
    const atMost = Math.max(bytes, readU64(view, heap + f.peak_most));
    return Object.freeze({ bytes, atMost, domains, classes, large });
  }

  /** @param {number} bytes  @param {Now} now  @param {Layout} layout  @returns {Parts} */
  #now(bytes, { domains, inMem, inObject }, { constants }) {
    const [raw, mem, object] = [heldOf(domains.raw), heldOf(domains.mem), heldOf(domains.object)];
    const large = Object.freeze({
      bytes: bytes - inMem.liveBytes - inObject.liveBytes,
      blocks: raw.blocks + mem.blocks + object.blocks - inMem.liveBlocks - inObject.liveBlocks,
    });
    const classes = this.#classesOf(inMem.live, inObject.live, constants.alignment);
    return { bytes, domains: Object.freeze({ raw, mem, object }), classes, large };
  }

  /** @param {readonly number[]} inMem  blocks of each class  @param {readonly number[]} inObject
   *  @param {number} alignment
   *  @returns {readonly Readonly<HeldOfClass>[]} */
  #classesOf(inMem, inObject, alignment) {
    const out = [];
    for (let i = 1; i < inMem.length; i++) {
      const [mem, object] = [inMem[i] ?? 0, inObject[i] ?? 0];
      if (mem === 0 && object === 0) continue;
      let held = this.#classes[i];
      if (held?.mem !== mem || held.object !== object) {
        const blockSize = i * alignment;
        held = Object.freeze({ blockSize, mem, object, bytes: blockSize * (mem + object) });
        this.#classes[i] = held;
      }
      out.push(held);
    }
    return Object.freeze(out);
  }

  /** @param {DataView} view  @param {number} heap  @param {Layout} layout */
  #kept(view, heap, layout) {
    const bytes = readWord(view, heap + layout.heap.peak, layout.wide);
    if (!this.#held || bytes !== this.#bytes) {
      this.#held = this.#then(view, heap, layout);
      this.#bytes = bytes;
    }
    return this.#held;
  }

  /** @param {DataView} view  @param {number} heap  @param {Layout} layout  @returns {Parts} */
  #then(view, heap, { arrays, constants, domains, domain, wide }) {
    const { offset, stride } = arrays.at_peak;
    const slots = constants.classes + 1;
    const blocks = (/** @type {number} */ first) =>
      Array.from({ length: slots }, (_, i) =>
        view.getUint32(heap + offset + (first + i) * stride, true),
      );
    const outside = (/** @type {number} */ i) => {
      const at = heap + domains.offset + i * domains.stride;
      return {
        bytes: readWord(view, at + domain.raw_bytes_at_peak, wide),
        blocks: view.getUint32(at + domain.raw_at_peak, true),
      };
    };
    const [raw, mem, object] = [outside(RAW), outside(MEM), outside(OBJECT)];
    const large = sumOf(raw, mem, object);
    const classes = this.#classesOf(blocks(0), blocks(slots), constants.alignment);
    for (const one of classes) {
      addTo(mem, one.mem, one.blockSize);
      addTo(object, one.object, one.blockSize);
    }
    const { bytes } = sumOf(raw, mem, object);
    for (const held of [raw, mem, object]) Object.freeze(held);
    return { bytes, domains: Object.freeze({ raw, mem, object }), classes, large };
  }
}

/** @param {DataView} view  @param {number} heap  @param {Layout} layout
 *  @returns {number} what the classes and the blocks outside of pools at the peak make */
function bytesAtPeak(view, heap, { arrays, constants, domains, domain, wide }) {
  const { offset, stride } = arrays.at_peak;
  const slots = constants.classes + 1;
  let units = 0;
  for (let i = 1, at = heap + offset + stride; i < slots; i++, at += stride) {
    units += i * (view.getUint32(at, true) + view.getUint32(at + slots * stride, true));
  }
  let bytes = units * constants.alignment;
  for (let i = RAW; i <= OBJECT; i++) {
    const at = heap + domains.offset + i * domains.stride;
    bytes += readWord(view, at + domain.raw_bytes_at_peak, wide);
  }
  return bytes;
}

/** @param {Readonly<import('./stats.js').DomainStats>} domain  @returns {Readonly<Held>} */
function heldOf({ liveBytes, liveBlocks }) {
  return Object.freeze({ bytes: liveBytes, blocks: liveBlocks });
}

/** @param {Held[]} all  @returns {Readonly<Held>} */
function sumOf(...all) {
  return Object.freeze({
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    blocks: all.reduce((sum, { blocks }) => sum + blocks, 0),
  });
}

/** @param {Held} held  changed  @param {number} blocks  @param {number} blockSize */
function addTo(held, blocks, blockSize) {
  held.bytes += blocks * blockSize;
  held.blocks += blocks;
}
