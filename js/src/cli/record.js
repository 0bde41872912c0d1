/** What the guest's recorder (src/api/record.c) tells, as a trace (tests/traces/README.md). */

import { gzipSync } from 'node:zlib';

import { writeAll } from './outputs.js';

/** The descriptor that the recorder writes to: one that no WASI host gives away. */
export const RECORD_FD = 0x7fffffff;

const CALL_BYTES = 16;
const HEADER_BYTES = 64;
const RECORD_BYTES = 8;
/** Sizes have 27 bits. */
const SIZE_MAX = 2 ** 27 - 1;
const CHUNK_RECORDS = 65536;
/** Domain of objects, and of malloc. */
const OBJECT = 2;
const MARK = 0,
  REALLOC = 3,
  REALLOC_NULL = 4,
  FREE = 5;
const FINISHED = 3;

/** Turns calls with addresses into records with numbers of blocks. */
export class Recording {
  /** Live blocks by address.  @type {Map<number, {id: number, size: number}>} */
  #blocks = new Map();
  /** Numbers to use again, the latest last.  @type {number[]} */
  #free = [];
  /** @type {Uint32Array[]} */
  #chunks = [];
  #ids = 0;
  #records = 0;
  #bytes = 0;
  #peakBytes = 0;
  #clipped = 0;
  #counts = [0, 0, 0, 0, 0, 0];

  /** The WASI functions with an fd_write that keeps what goes to RECORD_FD.
   *  @param {WebAssembly.ModuleImports} functions
   *  @param {() => WebAssembly.Memory} memory  of the guest, once there is one
   *  @returns {WebAssembly.ModuleImports} */
  over(functions, memory) {
    const next = /** @type {(...args: number[]) => number} */ (functions.fd_write);
    const fdWrite = (/** @type {number[]} */ ...args) => {
      if (args[0] !== RECORD_FD) return next(...args);
      const [, pieces, , written] = args.map((n) => n >>> 0);
      const view = new DataView(memory().buffer);
      const at = view.getUint32(/** @type {number} */ (pieces), true);
      this.#call(
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
      );
      view.setUint32(/** @type {number} */ (written), CALL_BYTES, true);
      return 0;
    };
    return { ...functions, fd_write: fdWrite };
  }

  /** A call of malloc or its family, with the meaning that pymalloc::malloc gives it.
   *  @param {number} op  @param {number} size  @param {number} before  @param {number} after */
  malloc(op, size, before, after) {
    this.#add(op, OBJECT, size, before, after);
  }

  /** @param {number} what  @param {number} size  @param {number} before  @param {number} after */
  #call(what, size, before, after) {
    const op = what & 255,
      domain = what >>> 8;
    if (op === MARK || op > FREE || domain > OBJECT) throw new Error('the recorder told nonsense');
    this.#add(op, domain, size, before, after);
  }

  /** @param {number} op  @param {number} domain  @param {number} size  @param {number} before
   *  @param {number} after */
  #add(op, domain, size, before, after) {
    const old = before === 0 ? undefined : this.#blocks.get(before);
    if (old) this.#blocks.delete(before);
    if (op === FREE) {
      if (!old) return; // a block from before the recording, or an aligned one
      this.#bytes -= old.size;
      this.#free.push(old.id);
      this.#note(FREE, domain, old.size, old.id);
      return;
    }
    const id = old?.id ?? this.#free.pop() ?? this.#ids++;
    const kept = Math.min(size, SIZE_MAX);
    if (kept < size) this.#clipped++;
    this.#blocks.set(after, { id, size: kept });
    this.#bytes += kept - (old?.size ?? 0);
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    this.#note(op === REALLOC && !old ? REALLOC_NULL : op, domain, kept, id);
  }

  /** @param {number} op  @param {number} domain  @param {number} size  @param {number} id */
  #note(op, domain, size, id) {
    const at = (this.#records++ % CHUNK_RECORDS) * 2;
    if (at === 0) this.#chunks.push(new Uint32Array(CHUNK_RECORDS * 2));
    const chunk = /** @type {Uint32Array} */ (this.#chunks.at(-1));
    chunk[at] = op | (domain << 3) | (size << 5);
    chunk[at + 1] = id;
    this.#counts[op] = /** @type {number} */ (this.#counts[op]) + 1;
  }

  /** @param {number} fd  open file  @param {boolean} gzip
   *  @param {boolean} finished  the program ended by itself */
  write(fd, gzip, finished) {
    writeAll(fd, this.bytes(gzip, finished));
  }

  /** @param {boolean} gzip  @param {boolean} finished  @returns {Buffer} the file */
  bytes(gzip, finished) {
    if (finished) this.#note(MARK, 0, FINISHED, 0);
    const header = Buffer.alloc(HEADER_BYTES);
    header.write('CPYTRC01', 'latin1');
    // Numbers go out again before new ones do: there are as many as blocks lived at once.
    const fields = [HEADER_BYTES, this.#records, this.#ids, this.#ids];
    fields.forEach((value, i) => header.writeUInt32LE(value, 8 + 4 * i));
    header.writeBigUInt64LE(BigInt(this.#peakBytes), 24);
    [this.#blocks.size, this.#clipped, ...this.#counts].forEach((value, i) =>
      header.writeUInt32LE(value, 32 + 4 * i),
    );
    const records = this.#chunks.map((chunk) => Buffer.from(chunk.buffer));
    const all = Buffer.concat([header, ...records], HEADER_BYTES + this.#records * RECORD_BYTES);
    return gzip ? gzipSync(all, { level: 9 }) : all;
  }
}
