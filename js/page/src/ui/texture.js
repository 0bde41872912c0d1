/** The picture of all memory, one pixel a unit, as far as it changed.  The map draws it at any scale;
 *  so a frame costs as much as what became different since the last one. */

import { PER_PAGE } from './units.js';
import { SIDE } from './geometry.js';

/** The memory of what was painted, without a canvas: which pixel each unit has, which rows changed. */
export class Pixels {
  #codes = new Uint8Array(0);
  #columns = 0;
  /** @type {Uint32Array} */
  #table;
  #all = true;
  width = 0;
  height = 0;
  /** @type {Uint32Array<ArrayBuffer>} */
  data = new Uint32Array(0);

  /** @param {Uint32Array} table  pixel of each code */
  constructor(table) {
    this.#table = table;
  }

  /** @param {Uint32Array} table  every pixel is painted anew with the next codes */
  set table(table) {
    this.#table = table;
    this.#all = true;
  }

  /** @param {Uint8Array} codes  of all units; copied
   *  @param {number} columns  pages in a row
   *  @returns {{from: number, to: number} | null} rows of pixels that changed; null: none */
  paint(codes, columns) {
    const resized = codes.length !== this.#codes.length || columns !== this.#columns;
    if (resized) this.#resize(codes.length, columns);
    if (resized || this.#all) return this.#paintAll(codes);
    return this.#paintChanged(codes);
  }

  /** @param {number} length  @param {number} columns */
  #resize(length, columns) {
    this.width = columns * SIDE;
    this.height = Math.max(1, Math.ceil(length / PER_PAGE / columns)) * SIDE;
    this.data = new Uint32Array(this.width * this.height);
    this.#codes = new Uint8Array(length);
    this.#columns = columns;
  }

  /** @param {Uint8Array} codes  @returns {{from: number, to: number}} */
  #paintAll(codes) {
    this.#codes.set(codes);
    this.#all = false;
    for (let unit = 0; unit < codes.length; unit++)
      this.#put(unit, /** @type {number} */ (codes[unit]));
    return { from: 0, to: this.height };
  }

  /** @param {Uint8Array} codes  @returns {{from: number, to: number} | null} */
  #paintChanged(codes) {
    const old = this.#codes;
    let first = this.height;
    let last = -1;
    for (let unit = 0; unit < codes.length; unit++) {
      const code = /** @type {number} */ (codes[unit]);
      if (code === old[unit]) continue;
      old[unit] = code;
      const y = this.#put(unit, code);
      if (y < first) first = y;
      if (y > last) last = y;
    }
    return last < 0 ? null : { from: first, to: last + 1 };
  }

  /** @param {number} unit  @param {number} code  @returns {number} its row */
  #put(unit, code) {
    const page = (unit / PER_PAGE) | 0;
    const inPage = unit & (PER_PAGE - 1);
    const y = ((page / this.#columns) | 0) * SIDE + (inPage >> 2);
    this.data[y * this.width + (page % this.#columns) * SIDE + (inPage & 3)] =
      /** @type {number} */ (this.#table[code]);
    return y;
  }
}

/** The same on a canvas of its own. */
export class Texture {
  #pixels;
  #canvas = document.createElement('canvas');
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext('2d'));
  /** @type {ImageData | null} */
  #image = null;

  /** @param {Uint32Array} table */
  constructor(table) {
    this.#pixels = new Pixels(table);
  }

  /** @param {Uint32Array} table */
  set table(table) {
    this.#pixels.table = table;
  }

  /** @returns {HTMLCanvasElement} */
  get canvas() {
    return this.#canvas;
  }

  /** @param {Uint8Array} codes  @param {number} columns  @returns {boolean} whether it changed */
  paint(codes, columns) {
    const rows = this.#pixels.paint(codes, columns);
    if (!rows) return false;
    const { width, height, data } = this.#pixels;
    if (this.#image?.data.buffer !== data.buffer) {
      this.#image = new ImageData(new Uint8ClampedArray(data.buffer), width, height);
      [this.#canvas.width, this.#canvas.height] = [width, height];
    }
    this.#context.putImageData(this.#image, 0, 0, 0, rows.from, width, rows.to - rows.from);
    return true;
  }
}
