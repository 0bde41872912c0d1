/** The host's book of a module's blocks: what the records of the ring say, kept by address. */

import { OPERATION } from './roles.js';

/** Calls as a trace wants them.
 *  @typedef {{call(operation: number, size: number, before: number, after: number): void}} Recorder */

/** Sizes by address / 8: size + 1, 0 where no block begins; negative for a sampled block. */
const FIRST_ENTRIES = 1 << 16;
const SIZE_MAX = 0x7ffffffe;
const CLASSES = 32;
const MARKS_MAX = 0xffff;

export class Ledger {
  #sizes = new Int32Array(FIRST_ENTRIES);
  /** Mark that was current when the block got its size, once there was a mark.
   *  @type {Uint16Array | null} */
  #born = null;
  #mark = 0;
  /** Blocks by the exponent of the next power of two. */
  #handedOut = new Float64Array(CLASSES);
  liveBytes = 0;
  liveBlocks = 0;
  peakBytes = 0;
  totalBytes = 0;
  totalBlocks = 0;
  /** Requests that the module's allocator did not serve. */
  failed = 0;
  /** Frees and reallocs of addresses where no block is known. */
  unknownFrees = 0;
  /** Frees of blocks that the module's file holds: a snapshot of a program that ran has some. */
  inheritedFrees = 0;
  /** Where that data ends. */
  dataEnd = 0;
  /** Addresses handed out while a block was known there. */
  doubledAddresses = 0;
  /** Records that cannot be: the ring was written to. */
  nonsense = 0;
  calls = new Float64Array(6);
  /** @type {Recorder | null} */ recorder = null;
  /** What to call when a sampled block is freed.
   *  @type {(address: number) => void} */
  onSampledFree = () => {};
  /** The next block that is handed out is a sample.
   *  @type {((address: number, size: number) => void) | null} */
  sample = null;

  /** Records of the ring.
   *  @param {ArrayBufferLike} buffer  of the memory  @param {number} at  @param {number} bytes */
  take(buffer, at, bytes) {
    if (bytes === 0) return;
    if (at % 4 !== 0 || bytes % 4 !== 0 || at + bytes > buffer.byteLength) {
      this.nonsense++;
      return;
    }
    const words = new Uint32Array(buffer, at, bytes / 4);
    this.#reserve(buffer.byteLength);
    if (this.recorder !== null || this.#born !== null) this.#takeSlowly(words);
    else this.#takeFast(words);
  }

  /** Most records are the free of a known block, and the malloc of one at a fresh address.  They are
   *  served here, with everything in local variables: a quarter of the time.
   *  @param {Uint32Array} words */
  #takeFast(words) {
    const sizes = this.#sizes;
    const entries = sizes.length;
    const handedOut = this.#handedOut;
    let { liveBytes, peakBytes } = this;
    let frees = 0,
      mallocs = 0,
      total = 0;
    for (let i = 0; i < words.length; ) {
      const word = /** @type {number} */ (words[i]);
      const operation = word & 7;
      const index = word >>> 3;
      const entry = index < entries ? /** @type {number} */ (sizes[index]) : 0;
      if (operation === OPERATION.FREE && entry > 0) {
        sizes[index] = 0;
        liveBytes -= entry - 1;
        frees++;
        i++;
        continue;
      }
      const size = words[i + 1] ?? 0;
      if (
        operation === OPERATION.MALLOC
        && index !== 0
        && index < entries
        && entry === 0
        && size <= SIZE_MAX
        && this.sample === null
      ) {
        sizes[index] = size + 1;
        liveBytes += size;
        total += size;
        if (liveBytes > peakBytes) peakBytes = liveBytes;
        mallocs++;
        const one = size < 2 ? 0 : 32 - Math.clz32(size - 1);
        handedOut[one] = /** @type {number} */ (handedOut[one]) + 1;
        i += 2;
        continue;
      }
      this.liveBytes = liveBytes;
      this.peakBytes = peakBytes;
      i = this.#takeOne(words, i);
      ({ liveBytes, peakBytes } = this);
    }
    this.liveBytes = liveBytes;
    this.peakBytes = peakBytes;
    this.liveBlocks += mallocs - frees;
    this.totalBlocks += mallocs;
    this.totalBytes += total;
    add(this.calls, OPERATION.MALLOC, mallocs);
    add(this.calls, OPERATION.FREE, frees);
  }

  /** @param {Uint32Array} words */
  #takeSlowly(words) {
    for (let i = 0; i < words.length; ) i = this.#takeOne(words, i);
  }

  /** @param {Uint32Array} words  @param {number} i  of a record
   *  @returns {number} of the next one */
  #takeOne(words, i) {
    const word = /** @type {number} */ (words[i++]);
    const operation = word & 7;
    const size = operation === OPERATION.FREE ? 0 : (words[i++] ?? 0);
    const before = operation === OPERATION.REALLOC ? (words[i++] ?? 0) : 0;
    this.#one(operation, size, before, word - operation);
    return i;
  }

  /** One record that found no ring.
   *  @param {ArrayBufferLike} buffer  @param {number} word  @param {number} size
   *  @param {number} before */
  record(buffer, word, size, before) {
    this.#reserve(buffer.byteLength);
    this.#one(word & 7, size, before, word - (word & 7));
  }

  /** @param {number} operation  @param {number} size  @param {number} before
   *  @param {number} address */
  #one(operation, size, before, address) {
    if (operation === OPERATION.FREE) {
      this.recorder?.call(operation, 0, address, 0);
      add(this.calls, OPERATION.FREE, 1);
      this.#remove(address);
      return;
    }
    if (this.#born) this.#born[address >>> 3] = this.#mark;
    if (address !== 0) this.recorder?.call(operation, size, before, address);
    this.#allocated(operation, size, before, address);
  }

  /** @param {number} memoryBytes  the table covers every address from now on */
  #reserve(memoryBytes) {
    const needed = memoryBytes >>> 3;
    let n = this.#sizes.length;
    if (n >= needed) return;
    while (n < needed) n *= 2;
    const sizes = new Int32Array(n);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
    if (!this.#born) return;
    const born = new Uint16Array(n);
    born.set(this.#born);
    this.#born = born;
  }

  /** @param {number} operation  @param {number} size  @param {number} before
   *  @param {number} address */
  #allocated(operation, size, before, address) {
    if (operation === 0 || operation > OPERATION.REALLOC || address >>> 3 >= this.#sizes.length) {
      this.nonsense++;
      return;
    }
    add(this.calls, operation, 1);
    if (address === 0) {
      // realloc(p, 0) may free; every other 0 says that memory is out.
      if (operation === OPERATION.REALLOC && size === 0 && before !== 0) this.#remove(before);
      else this.failed++;
      this.sample = null;
      return;
    }
    if (before !== 0) this.#remove(before);
    if (size > SIZE_MAX) size = SIZE_MAX;
    const index = address >>> 3;
    if (this.#sizes[index] !== 0) {
      this.doubledAddresses++;
      this.#remove(address);
    }
    this.liveBytes += size;
    this.liveBlocks++;
    this.totalBytes += size;
    this.totalBlocks++;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    add(this.#handedOut, classOf(size), 1);
    if (this.sample === null) {
      this.#sizes[index] = size + 1;
    } else {
      this.#sizes[index] = -(size + 1);
      this.sample(address, size);
      this.sample = null;
    }
  }

  /** @param {number} address */
  #remove(address) {
    const index = address >>> 3;
    const entry = index < this.#sizes.length ? /** @type {number} */ (this.#sizes[index]) : 0;
    if (entry === 0) {
      if (address < this.dataEnd) this.inheritedFrees++;
      else this.unknownFrees++;
      return;
    }
    this.#sizes[index] = 0;
    this.liveBlocks--;
    if (entry > 0) {
      this.liveBytes -= entry - 1;
    } else {
      this.liveBytes += entry + 1;
      this.onSampledFree(address);
    }
  }

  /** @param {number} address  @returns {number} of the block there; 0 if there is none */
  sizeAt(address) {
    return Math.max(0, Math.abs(this.#sizes[address >>> 3] ?? 0) - 1);
  }

  /** From now on blocks know under which mark they got their size.
   *  @returns {number} the new mark */
  mark() {
    this.#born ??= new Uint16Array(this.#sizes.length);
    this.#mark = Math.min(this.#mark + 1, MARKS_MAX);
    return this.#mark;
  }

  /** @param {number} address  @returns {number} its mark; 0: from before the first one */
  markAt(address) {
    return this.#born?.[address >>> 3] ?? 0;
  }

  /** Visits every live block.
   *  @param {(address: number, size: number) => void} visit */
  each(visit) {
    const sizes = this.#sizes;
    for (let i = 0; i < sizes.length; i++) {
      const entry = /** @type {number} */ (sizes[i]);
      if (entry !== 0) visit(i * 8, Math.abs(entry) - 1);
    }
  }

  /** Blocks by size, a class for each power of two.
   *  @returns {{blockSize: number, liveBlocks: number, liveBytes: number, totalBlocks: number}[]}
   *    those that were ever used, the smallest first */
  classes() {
    const blocks = new Float64Array(CLASSES);
    const bytes = new Float64Array(CLASSES);
    this.each((_, size) => {
      const i = classOf(size);
      add(blocks, i, 1);
      add(bytes, i, size);
    });
    return [...this.#handedOut].flatMap((totalBlocks, i) =>
      totalBlocks === 0
        ? []
        : [
            {
              blockSize: 2 ** i,
              liveBlocks: blocks[i] ?? 0,
              liveBytes: bytes[i] ?? 0,
              totalBlocks,
            },
          ],
    );
  }
}

/** @param {Float64Array} sums  @param {number} i  @param {number} more */
function add(sums, i, more) {
  sums[i] = /** @type {number} */ (sums[i]) + more;
}

/** @param {number} size  @returns {number} exponent of the smallest power of two that holds it */
function classOf(size) {
  return size < 2 ? 0 : 32 - Math.clz32(size - 1);
}
