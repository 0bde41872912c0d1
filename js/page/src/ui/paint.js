/** What is drawn over the picture of all units when one looks closer: patterns, lines between pages,
 *  raw chunks, the blocks of pools, the cursor.  Only what is in sight. */

import { BlockState, ChunkKind } from '../../../src/blocks.js';
import { ARENA_PAGES, BLOCK_SCALE, SIDE, blockGrid, detailAt, positionOf } from './geometry.js';
import { Code, POOL_LEVELS } from './palette.js';
import { PER_ARENA } from './fold.js';
import { bytes, count, hex } from './format.js';
import { PER_PAGE } from './units.js';

/** @typedef {import('./geometry.js').View} View */
/** @typedef {import('./heapmap.js').Place} Place */

/** @typedef {object} Scene
 *  @property {View} view
 *  @property {import('./geometry.js').Size} size  of the canvas
 *  @property {number} columns
 *  @property {Uint8Array} codes  of the places of the map
 *  @property {import('./fold.js').Fold} fold
 *  @property {number} stretch  how much higher than wide everything is drawn; text is not
 *  @property {import('./details.js').Details | null} details
 *  @property {Place | null} cursor
 *  @property {Place | null} hover
 *  @property {boolean} focused */

/** Units in sight: columns x0 to below x1, rows y0 to below y1.
 *  @typedef {{x0: number, x1: number, y0: number, y1: number}} Sight */

/** Scale from which raw chunks are drawn where they lie. */
export const CHUNK_SCALE = 14;
/** Bytes of one line of a unit: memory inside it is read line by line. */
export const LINE_BYTES = 256;
const UNIT_BYTES = 4096;
const HEADER_BYTES = 8;

/** @param {Scene} scene  @returns {Sight} */
export function sightOf({ view, size, columns, codes }) {
  const rows = Math.ceil(codes.length / PER_PAGE / columns) * SIDE;
  const at = (/** @type {number} */ n, /** @type {number} */ most) =>
    Math.min(Math.max(n, 0), most);
  return {
    x0: at(Math.floor(-view.x / view.scale), columns * SIDE),
    x1: at(Math.ceil((size.width - view.x) / view.scale), columns * SIDE),
    y0: at(Math.floor(-view.y / view.scale), rows),
    y1: at(Math.ceil((size.height - view.y) / view.scale), rows),
  };
}

/** @param {number | undefined} code  @returns {boolean} */
function isPool(code) {
  return code !== undefined && code >= Code.POOL && code < Code.POOL + POOL_LEVELS;
}

/** @param {number} x  unit column  @param {number} y  @param {number} columns  @returns {number} */
function unitOf(x, y, columns) {
  return (
    (Math.floor(y / SIDE) * columns + Math.floor(x / SIDE)) * PER_PAGE
    + (y % SIDE) * SIDE
    + (x % SIDE)
  );
}

export class Painter {
  #colours;
  #hatch;
  #cross;

  /** @param {import('./palette.js').MapColours} colours */
  constructor(colours) {
    this.#colours = colours;
    this.#hatch = hatching(colours.grid, 6, false);
    this.#cross = hatching(colours.damagedInk, 8, true);
  }

  /** @param {CanvasRenderingContext2D} context  @param {Scene} scene */
  draw(context, scene) {
    const sight = sightOf(scene);
    const { scale } = scene.view;
    if (scale >= 5) this.#patterns(context, scene, sight);
    if (scale >= CHUNK_SCALE && scene.details) this.#chunks(context, scene, sight);
    this.#grid(context, scene, sight);
    if (scale >= BLOCK_SCALE && scene.details) this.#pools(context, scene, sight);
    this.#bars(context, scene);
    if (scene.hover) this.#outline(context, scene, scene.hover, 1.5);
    if (scene.cursor) this.#outline(context, scene, scene.cursor, scene.focused ? 3 : 1.5);
  }

  /** Hatching on foreign memory, crosses on what is damaged.
   *  @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Sight} sight */
  #patterns(context, { view, columns, codes }, { x0, x1, y0, y1 }) {
    const [foreign, damaged] = [new Path2D(), new Path2D()];
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const code = codes[unitOf(x, y, columns)];
        if (code !== Code.FOREIGN && code !== Code.DAMAGED) continue;
        const from = x;
        while (x + 1 < x1 && codes[unitOf(x + 1, y, columns)] === code) x++;
        const path = code === Code.FOREIGN ? foreign : damaged;
        path.rect(
          view.x + from * view.scale,
          view.y + y * view.scale,
          (x + 1 - from) * view.scale,
          view.scale,
        );
      }
    }
    for (const [path, tile] of /** @type {const} */ ([
      [foreign, this.#hatch],
      [damaged, this.#cross],
    ])) {
      const pattern = context.createPattern(tile, 'repeat');
      if (!pattern) continue;
      pattern.setTransform(new DOMMatrix([0.5, 0, 0, 0.5, view.x, view.y]));
      context.fillStyle = pattern;
      context.fill(path);
    }
  }

  /** Lines between pages, wider ones between arenas, fine ones between pools.
   *  @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Sight} sight */
  #grid(context, { view, columns, codes }, { x0, x1, y0, y1 }) {
    const page = view.scale * SIDE;
    if (page < 7) return;
    const pages = codes.length / PER_PAGE;
    const bottom = view.y + Math.min(y1, Math.ceil(pages / columns) * SIDE) * view.scale;
    const right = view.x + x1 * view.scale;
    context.fillStyle = this.#colours.grid;
    const lines = (/** @type {number} */ every, /** @type {number} */ width) => {
      for (let x = Math.ceil(x0 / every) * every; x <= x1; x += every) {
        context.fillRect(
          view.x + x * view.scale - width / 2,
          view.y + y0 * view.scale,
          width,
          bottom - view.y - y0 * view.scale,
        );
      }
      // Arenas are as high as a page.
      const high = Math.min(every, SIDE);
      for (let y = Math.ceil(y0 / high) * high; y <= y1; y += high) {
        context.fillRect(
          view.x + x0 * view.scale,
          view.y + y * view.scale - width / 2,
          right - view.x - x0 * view.scale,
          width,
        );
      }
    };
    if (view.scale >= 9) lines(1, view.scale >= 30 ? 1.5 : 0.75);
    lines(SIDE, page >= 100 ? 4 : page >= 24 ? 2 : 1);
    if (page >= 12) this.#arenaLines(context, view, { x0, x1, y0, y1 }, bottom, page);
  }

  /** @param {CanvasRenderingContext2D} context  @param {View} view  @param {Sight} sight
   *  @param {number} bottom  @param {number} page  pixels */
  #arenaLines(context, view, { x0, x1, y0 }, bottom, page) {
    const every = SIDE * ARENA_PAGES;
    const width = page >= 100 ? 10 : page >= 24 ? 5 : 2.5;
    for (let x = Math.ceil(x0 / every) * every; x < x1; x += every) {
      if (x === 0) continue;
      context.fillRect(
        view.x + x * view.scale - width / 2,
        view.y + y0 * view.scale,
        width,
        bottom - view.y - y0 * view.scale,
      );
    }
  }

  /** What is folded: how many pages are not shown.
   *  @param {CanvasRenderingContext2D} context  @param {Scene} scene */
  #bars(context, { view, columns, fold, stretch }) {
    for (const { from, to, place } of fold.runs) {
      const at = positionOf(place * PER_ARENA, columns);
      const [x, y] = [view.x + at.x * view.scale, view.y + at.y * view.scale];
      const [width, height] = [SIDE * ARENA_PAGES * view.scale, SIDE * view.scale];
      context.fillStyle = this.#colours.foreign;
      context.fillRect(x + 1, y + 1, width - 2, height - 2);
      if (width < 30 || height * stretch < 10) continue;
      context.fillStyle = this.#colours.outside;
      context.font = `600 ${Math.min(13, height * stretch * 0.7)}px system-ui, sans-serif`;
      context.textAlign = 'center';
      const text = `+ ${count((to - from) * ARENA_PAGES)}${width > 110 ? ' pages' : ''}`;
      fillText(context, stretch, text, { x: x + width / 2, y: y + height / 2, width: width - 4 });
      context.textAlign = 'start';
    }
  }

  /** Raw memory chunk by chunk, each line of a unit 256 bytes.
   *  @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Sight} sight */
  #chunks(context, scene, sight) {
    const details = /** @type {NonNullable<Scene['details']>} */ (scene.details);
    for (const { address, bytes: lengths, kind } of details.chunksIn(scene, sight)) {
      for (let i = 0; i < address.length; i++) {
        if (kind[i] === ChunkKind.POOL) continue;
        const start = address[i] ?? 0;
        const end = start + (lengths[i] ?? 0);
        context.fillStyle = this.#chunkColour(kind[i] ?? 0);
        this.#chunk(context, scene, sight, start, end);
        if (scene.view.scale < BLOCK_SCALE) continue;
        context.fillStyle = this.#colours.outside; // its header: so one tells it from the next
        this.#chunk(context, scene, sight, start, start + HEADER_BYTES);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Sight} sight
   *  @param {number} start  @param {number} end */
  #chunk(context, { view, columns, codes, fold }, { x0, x1, y0, y1 }, start, end) {
    const last = Math.ceil(end / UNIT_BYTES);
    for (let unit = Math.floor(start / UNIT_BYTES); unit < last; unit++) {
      const place = fold.placeOf(unit);
      if (isPool(codes[place])) continue;
      const at = positionOf(place, columns);
      if (at.x < x0 || at.x >= x1 || at.y < y0 || at.y >= y1) continue;
      const from = Math.max(start - unit * UNIT_BYTES, 0);
      const to = Math.min(end - unit * UNIT_BYTES, UNIT_BYTES);
      fillLines(
        context,
        view.x + at.x * view.scale,
        view.y + at.y * view.scale,
        view.scale,
        from,
        to,
      );
    }
  }

  /** @param {number} kind  one of ChunkKind  @returns {string} */
  #chunkColour(kind) {
    const { raw, free, ink, damaged } = this.#colours;
    if (kind === ChunkKind.FREE) return free;
    if (kind === ChunkKind.RAW) return raw[1];
    if (kind === ChunkKind.CACHED) return raw[0];
    return kind === ChunkKind.INTERNAL ? ink : damaged;
  }

  /** @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Sight} sight */
  #pools(context, scene, { x0, x1, y0, y1 }) {
    const { view, columns, codes, fold } = scene;
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const place = unitOf(x, y, columns);
        if (!isPool(codes[place])) continue;
        const pool = scene.details?.poolAt(fold.unitAt(place) * UNIT_BYTES);
        if (pool)
          this.#pool(context, pool, scene.stretch, {
            left: view.x + x * view.scale,
            top: view.y + y * view.scale,
            side: view.scale,
          });
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context  @param {import('./details.js').Blocks} pool
   *  @param {number} stretch  @param {{left: number, top: number, side: number}} where */
  #pool(context, { address, blockSize, states }, stretch, { left, top, side }) {
    const { outside, pool: ramp, ink } = this.#colours;
    const live = states.reduce((n, state) => n + Number(state === BlockState.LIVE), 0);
    const inset = poolInset(side);
    context.fillStyle = outside;
    context.fillRect(left + 1, top + 1, side - 2, side - 2);
    if (inset.top > inset.side) {
      context.fillStyle = ink;
      context.font = `${side > 320 ? 13 : 11}px system-ui, sans-serif`;
      const text = `${hex(address)} · blocks of ${bytes(blockSize)} · ${live} of ${states.length} live`;
      const at = { x: left + inset.side, y: top + inset.top / 2 + 1, width: side - inset.side * 2 };
      fillText(context, stretch, text, at);
    }
    const { columns, rows } = blockGrid(states.length);
    const width = (side - inset.side * 2) / columns;
    const height = (side - inset.top - inset.side) / rows;
    const gap = Math.min(width, height) > 7 ? 2 : Math.min(width, height) > 3 ? 1 : 0.4;
    const [filled, open] = [new Path2D(), new Path2D()];
    const dot = Math.min(3, width / 2, height / 2);
    for (let i = 0; i < states.length; i++) {
      const x = left + inset.side + (i % columns) * width + gap / 2;
      const y = top + inset.top + Math.floor(i / columns) * height + gap / 2;
      const [w, h] = [width - gap, height - gap];
      if (states[i] === BlockState.LIVE) filled.rect(x, y, w, h);
      else if (states[i] === BlockState.CACHED) open.rect(x + 0.5, y + 0.5, w - 1, h - 1);
      else filled.rect(x + (w - dot) / 2, y + (h - dot) / 2, dot, dot);
    }
    context.fillStyle = ramp[1];
    context.fill(filled);
    context.fillStyle = ramp[0];
    context.fill(open);
    context.strokeStyle = ramp[1];
    context.lineWidth = 0.75;
    context.stroke(open);
  }

  /** @param {CanvasRenderingContext2D} context  @param {Scene} scene  @param {Place} place
   *  @param {number} width */
  #outline(context, { view, columns, fold }, place, width) {
    const at = positionOf(fold.placeOf(place.unit), columns);
    const detail = detailAt(view.scale);
    const byPage = detail === 'memory' || detail === 'pages';
    const side = byPage ? SIDE : 1;
    const x = view.x + Math.floor(at.x / side) * side * view.scale;
    const y = view.y + Math.floor(at.y / side) * side * view.scale;
    const size = Math.max(side * view.scale, 5);
    context.lineWidth = width + 2;
    context.strokeStyle = this.#colours.outside;
    context.strokeRect(x, y, size, size);
    context.lineWidth = width;
    context.strokeStyle = this.#colours.cursor;
    context.strokeRect(x, y, size, size);
  }
}

/** Room around the blocks of a pool that is drawn `side` pixels wide; its title when it is large.
 *  @param {number} side  @returns {{side: number, top: number}} */
export function poolInset(side) {
  const margin = Math.max(2, side * 0.03);
  return { side: margin, top: side > 190 ? 24 : margin };
}

/** @param {number} x  in the pool, 0..1  @param {number} y  @param {number} side  pixels
 *  @param {number} capacity
 *  @returns {number} the block there, or -1 */
export function blockAt(x, y, side, capacity) {
  const inset = poolInset(side);
  const { columns, rows } = blockGrid(capacity);
  const column = Math.floor(((x * side - inset.side) / (side - inset.side * 2)) * columns);
  const row = Math.floor(((y * side - inset.top) / (side - inset.top - inset.side)) * rows);
  if (column < 0 || column >= columns || row < 0) return -1;
  const block = row * columns + column;
  return block < capacity ? block : -1;
}

/** Letters as they are, where everything else is stretched.
 *  @param {CanvasRenderingContext2D} context  @param {number} stretch  @param {string} text
 *  @param {{x: number, y: number, width: number}} at  its middle line; width: most */
function fillText(context, stretch, text, { x, y, width }) {
  context.save();
  context.translate(x, y);
  context.scale(1, 1 / stretch);
  context.textBaseline = 'middle';
  context.fillText(text, 0, 0, width);
  context.restore();
}

/** Fills bytes from..to of a unit, whose lines are read like text.
 *  @param {CanvasRenderingContext2D} context  @param {number} left  @param {number} top
 *  @param {number} side  @param {number} from  @param {number} to */
function fillLines(context, left, top, side, from, to) {
  const high = side / (UNIT_BYTES / LINE_BYTES);
  const wide = side / LINE_BYTES;
  const first = Math.ceil(from / LINE_BYTES);
  const last = Math.floor(to / LINE_BYTES);
  if (last > first) context.fillRect(left, top + first * high, side, (last - first) * high + 0.3);
  const part = (/** @type {number} */ a, /** @type {number} */ b) => {
    const line = Math.floor(a / LINE_BYTES);
    context.fillRect(
      left + (a - line * LINE_BYTES) * wide,
      top + line * high,
      (b - a) * wide,
      high + 0.3,
    );
  };
  if (first > last) part(from, to);
  else {
    if (from < first * LINE_BYTES) part(from, first * LINE_BYTES);
    if (to > last * LINE_BYTES) part(last * LINE_BYTES, to);
  }
}

/** @param {string} colour  @param {number} step  @param {boolean} crossed
 *  @returns {HTMLCanvasElement} a tile of diagonal lines, at twice its size */
function hatching(colour, step, crossed) {
  const tile = document.createElement('canvas');
  const size = step * 2;
  [tile.width, tile.height] = [size, size];
  const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d'));
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.globalAlpha = crossed ? 1 : 0.45;
  for (let i = -size; i <= size; i += size) {
    context.moveTo(i, size);
    context.lineTo(i + size, 0);
    if (crossed) {
      context.moveTo(i, 0);
      context.lineTo(i + size, size);
    }
  }
  context.stroke();
  return tile;
}
