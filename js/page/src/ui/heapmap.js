/** The map: a canvas that shows linear memory at any scale, looked at with pointer, wheel, fingers
 *  and keys.  Draws in animation frames only, and only when something changed. */

import {
  BLOCK_SCALE,
  SIDE,
  between,
  centredOn,
  clampView,
  columnsFor,
  detailAt,
  fitView,
  neighbourOf,
  planeOf,
  positionOf,
  scaleInto,
  stretchOf,
  unitAt,
  zoomAt,
} from './geometry.js';
import { Fold, foldOf } from './fold.js';
import { Painter } from './paint.js';
import { lookupTable } from './palette.js';
import { Texture } from './texture.js';
import { PER_PAGE, unitsOf } from './units.js';

/** @typedef {import("../../../src/index.js").HeapMap} MapData */
/** @typedef {import('./geometry.js').View} View */
/** @typedef {import('./geometry.js').Size} Size */
/** @typedef {import('./geometry.js').Point} Point */

/** A place on the map: a unit, and where in it (0..1).
 *  @typedef {{unit: number, x: number, y: number}} Place */

/** @typedef {object} Wiring
 *  @property {(place: Place | null, byKey: boolean) => void} onLook  pointer or cursor moved
 *  @property {() => void} onView   scale or position changed
 *  @property {() => void} onHint   the wheel turned, but the map does not have the focus
 *  @property {import('./details.js').Details} details  what lies in the units that are seen close */

const ZOOM_STEP = 1.6;
const ANIMATION_MS = 220;

export class HeapMap {
  #canvas;
  #context;
  #wiring;
  #texture;
  #painter;
  /** @type {MapData | null} */
  #map = null;
  #codes = new Uint8Array(0);
  #fold = new Fold();
  /** First arenas of the runs that a person unfolded.
   *  @type {Set<number>} */
  #open = new Set();
  /** Codes of the places of the map.
   *  @type {Uint8Array} */
  #shown = this.#codes;
  /** @type {Uint8Array | null} */
  #overlay = null;
  #columns = 4;
  #box = { width: 1, height: 1 }; // of the canvas
  #stretch = 1;
  #size = this.#box; // of the canvas, had it not been stretched
  #ratio = 1;
  /** @type {View} */
  #view = { x: 0, y: 0, scale: 1 };
  #fitted = true;
  /** @type {{from: View, to: View, start: number} | null} */
  #animation = null;
  #calm = false;
  #dirty = 0;
  /** @type {Place | null} */
  #cursor = null;
  /** @type {Place | null} */
  #hover = null;
  /** @type {globalThis.Map<number, Point>} */
  #fingers = new Map();
  #dragged = false;
  /** Milliseconds the last drawing took. */
  drawMs = 0;

  /** @param {HTMLCanvasElement} canvas  @param {Wiring} wiring
   *  @param {import('./palette.js').MapColours} colours */
  constructor(canvas, wiring, colours) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.#wiring = wiring;
    this.#texture = new Texture(lookupTable(colours));
    this.#painter = new Painter(colours);
    this.#measure();
    new ResizeObserver(() => {
      this.#measure();
      this.#wiring.onView();
    }).observe(canvas);
    this.#listen();
  }

  /** @param {import('./palette.js').MapColours} colours */
  set colours(colours) {
    this.#texture.table = lookupTable(colours);
    this.#painter = new Painter(colours);
    this.#paint();
  }

  /** Whether to jump instead of gliding. */
  set calm(/** @type {boolean} */ calm) {
    this.#calm = calm;
  }

  /** @returns {MapData | null} what is shown */
  get map() {
    return this.#map;
  }
  /** @returns {Uint8Array} codes of its units */
  get codes() {
    return this.#codes;
  }
  /** @returns {number} CSS pixels of a unit */
  get scale() {
    return this.#view.scale;
  }
  /** @returns {boolean} all of memory is in sight */
  get fitted() {
    return this.#fitted;
  }
  /** @returns {Place | null} where the keyboard's cursor is */
  get cursor() {
    return this.#cursor;
  }

  /** @param {MapData | null} map  a later one, or of another program */
  show(map) {
    const { scale } = this.#view;
    this.#map = map;
    this.#codes = map ? unitsOf(map, this.#codes) : new Uint8Array(0);
    if (!map) this.#open.clear();
    if (this.#cursor && this.#cursor.unit >= this.#codes.length) this.#cursor = null;
    this.#arrange();
    this.#paint();
    if (this.#view.scale !== scale) this.#wiring.onView();
  }

  /** Shown instead of the map's own, or no longer. */
  set overlay(/** @type {Uint8Array | null} */ codes) {
    this.#overlay = codes;
    this.#arrange();
    this.#paint();
  }

  /** @returns {boolean} */
  get overlaid() {
    return this.#overlay !== null;
  }

  /** Something that is drawn besides the map changed. */
  invalidate() {
    if (this.#dirty === 0) this.#dirty = requestAnimationFrame((now) => this.#frame(now));
  }

  // ---- The view ----

  /** @param {number} factor  @param {Point} [at]  canvas point that stays */
  zoom(factor, at = { x: this.#size.width / 2, y: this.#size.height / 2 }) {
    this.#go(zoomAt(this.#goal, at, factor, this.#plane, this.#size));
  }

  /** All of memory. */
  fit() {
    this.#go(fitView(this.#plane, this.#size));
  }

  /** One step closer: from memory to the page, to the pool.
   *  @param {Place} place */
  zoomInto(place) {
    const scale = scaleInto(this.#goal.scale, this.#size);
    const at = this.#positionOf(place.unit);
    const page = scale * SIDE * 1.3 < Math.min(this.#size.width, this.#size.height) * 1.1;
    const centre = page
      ? { x: Math.floor(at.x / SIDE) * SIDE + 2, y: Math.floor(at.y / SIDE) * SIDE + 2 }
      : { x: at.x + 0.5, y: at.y + 0.5 };
    this.#go(centredOn(centre, scale, this.#size));
  }

  /** Puts the cursor on a unit and makes sure that it is seen.  @param {number} unit */
  moveTo(unit) {
    const last = this.#codes.length - 1;
    if (last < 0) return;
    this.#cursor = { unit: Math.min(Math.max(unit, 0), last), x: 0.5, y: 0.5 };
    this.#reveal(this.#cursor.unit);
    this.#wiring.onLook(this.#cursor, true);
    this.invalidate();
  }

  get #plane() {
    return planeOf(this.#shown.length / PER_PAGE, this.#columns);
  }
  get #goal() {
    return this.#animation?.to ?? this.#view;
  }

  /** @param {number} unit */
  #reveal(unit) {
    const { scale, x, y } = this.#goal;
    const at = this.#positionOf(unit);
    const left = at.x * scale + x;
    const top = at.y * scale + y;
    const { width, height } = this.#size;
    if (left >= 0 && top >= 0 && left + scale <= width && top + scale <= height) return;
    this.#go(centredOn({ x: at.x + 0.5, y: at.y + 0.5 }, scale, this.#size));
  }

  /** @param {View} view  @param {boolean} [glide] */
  #go(view, glide = true) {
    const to = clampView(view, this.#plane, this.#size);
    this.#fitted = to.scale <= fitView(this.#plane, this.#size).scale * 1.001;
    this.#canvas.classList.toggle('zoomed', !this.#fitted);
    this.#animation =
      glide && !this.#calm ? { from: this.#view, to, start: performance.now() } : null;
    if (!this.#animation) this.#view = to;
    this.#wiring.onView();
    this.invalidate();
  }

  /** @param {number} unit  @returns {import('./fold.js').Run | undefined} the bar that hides it */
  barAt(unit) {
    return this.#fold.runOf(unit);
  }

  /** @returns {boolean} a run that was folded is not */
  get unfolded() {
    return this.#open.size > 0;
  }

  /** Every long run of pages that are not the allocator's is a bar again. */
  foldAll() {
    this.#open.clear();
    this.#arrange();
    this.#paint();
    this.#wiring.onView();
  }

  /** @param {number} unit  @returns {boolean} it was in a bar, whose pages are shown now */
  #unfold(unit) {
    const run = this.#fold.runOf(unit);
    if (!run) return false;
    this.#open.add(run.from);
    this.#arrange();
    this.#paint();
    this.#wiring.onView();
    return true;
  }

  /** @param {number} unit  @returns {Point} */
  #positionOf(unit) {
    return positionOf(this.#fold.placeOf(unit), this.#columns);
  }

  /** What is shown, columns and view for the memory there is now. */
  #arrange() {
    const codes = this.#overlay ?? this.#codes;
    this.#fold = foldOf(this.#codes, this.#open);
    if (codes.length !== this.#codes.length) this.#fold = new Fold();
    this.#shown = this.#fold.apply(codes);
    const pages = this.#shown.length / PER_PAGE;
    this.#columns = columnsFor(pages, this.#box, this.#columns);
    if (this.#fitted) {
      this.#stretch = pages > 0 ? stretchOf(this.#plane, this.#box) : 1;
      this.#size = { width: this.#box.width, height: this.#box.height / this.#stretch };
      this.#animation = null;
      this.#view = fitView(this.#plane, this.#size);
    } else {
      this.#view = clampView(this.#view, this.#plane, this.#size);
    }
  }

  #measure() {
    const box = this.#canvas.getBoundingClientRect();
    this.#ratio = window.devicePixelRatio || 1;
    this.#box = { width: Math.max(1, box.width), height: Math.max(1, box.height) };
    this.#size = { width: this.#box.width, height: this.#box.height / this.#stretch };
    this.#canvas.width = Math.round(this.#box.width * this.#ratio);
    this.#canvas.height = Math.round(this.#box.height * this.#ratio);
    this.#columns = columnsFor(this.#shown.length / PER_PAGE, this.#box);
    this.#arrange();
    this.invalidate();
  }

  // ---- Drawing ----

  #paint() {
    if (this.#texture.paint(this.#shown, this.#columns)) this.invalidate();
  }

  /** @param {number} now */
  #frame(now) {
    this.#dirty = 0;
    if (this.#animation) {
      const t = Math.min(1, (now - this.#animation.start) / ANIMATION_MS);
      this.#view = between(this.#animation.from, this.#animation.to, 1 - (1 - t) ** 3);
      if (t >= 1) this.#animation = null;
      else this.invalidate();
      this.#wiring.onView();
    }
    const start = performance.now();
    this.#texture.paint(this.#shown, this.#columns);
    this.#draw();
    this.drawMs = performance.now() - start;
  }

  #draw() {
    const context = this.#context;
    const [ratio, view, stretch] = [this.#ratio, this.#view, this.#stretch];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#shown.length === 0) return;
    const { width, height } = this.#plane;
    context.imageSmoothingEnabled = view.scale * ratio < 1;
    context.imageSmoothingQuality = 'high';
    context.drawImage(
      this.#texture.canvas,
      view.x * ratio,
      view.y * ratio * stretch,
      width * view.scale * ratio,
      height * view.scale * ratio * stretch,
    );
    context.setTransform(ratio, 0, 0, ratio * stretch, 0, 0);
    this.#painter.draw(context, {
      view,
      size: this.#size,
      columns: this.#columns,
      codes: this.#shown,
      fold: this.#fold,
      stretch,
      details: this.#overlay ? null : this.#wiring.details,
      cursor: this.#cursor,
      hover: this.#hover,
      focused: document.activeElement === this.#canvas,
    });
  }

  // ---- Pointers ----

  #listen() {
    const canvas = this.#canvas;
    const on = (/** @type {string} */ type, /** @type {(event: any) => void} */ fn) =>
      canvas.addEventListener(type, fn, { passive: false });
    on('wheel', (e) => this.#onWheel(e));
    on('pointerdown', (e) => this.#onDown(e));
    on('pointermove', (e) => this.#onMove(e));
    on('pointerup', (e) => this.#onUp(e));
    on('pointercancel', (e) => this.#onUp(e));
    on('pointerleave', () => this.#setHover(null));
    on('dblclick', (e) => {
      const place = this.#placeAt(this.#pointOf(e));
      if (place) this.zoomInto(place);
    });
    on('keydown', (e) => {
      if (this.#onKey(e)) e.preventDefault();
    });
    on('focus', () => {
      if (!this.#cursor) this.moveTo(0);
      this.invalidate();
    });
    on('blur', () => this.invalidate());
  }

  /** @param {MouseEvent} event  @returns {Point} */
  #pointOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: (event.clientY - box.top) / this.#stretch };
  }

  /** @param {Point} point  @returns {Place | null} */
  #placeAt(point) {
    const x = (point.x - this.#view.x) / this.#view.scale;
    const y = (point.y - this.#view.y) / this.#view.scale;
    const unit = unitAt(x, y, this.#columns, this.#shown.length / PER_PAGE);
    if (unit < 0) return null;
    return { unit: this.#fold.unitAt(unit), x: x - Math.floor(x), y: y - Math.floor(y) };
  }

  /** Alone, the wheel zooms only a map that has the focus: the page must stay scrollable.
   *  @param {WheelEvent} event */
  #onWheel(event) {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.#canvas) {
      this.#wiring.onHint();
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) / 240);
    this.#go(zoomAt(this.#goal, this.#pointOf(event), factor, this.#plane, this.#size), false);
  }

  /** @param {PointerEvent} event */
  #onDown(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, this.#pointOf(event));
    this.#dragged = this.#fingers.size > 1;
  }

  /** @param {PointerEvent} event */
  #onMove(event) {
    const point = this.#pointOf(event);
    const before = this.#fingers.get(event.pointerId);
    if (!before) {
      this.#setHover(this.#placeAt(point));
      return;
    }
    if (!this.#dragged && Math.hypot(point.x - before.x, point.y - before.y) < 4) return;
    this.#dragged = true;
    const others = [...this.#fingers].filter(([id]) => id !== event.pointerId);
    this.#fingers.set(event.pointerId, point);
    const other = others[0]?.[1];
    const view = this.#view;
    if (other) {
      const factor =
        Math.hypot(point.x - other.x, point.y - other.y)
        / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
      const moved = {
        ...view,
        x: view.x + (point.x - before.x) / 2,
        y: view.y + (point.y - before.y) / 2,
      };
      this.#go(zoomAt(moved, middle, factor, this.#plane, this.#size), false);
    } else if (!this.#fitted) {
      this.#go({ ...view, x: view.x + point.x - before.x, y: view.y + point.y - before.y }, false);
    }
  }

  /** @param {PointerEvent} event */
  #onUp(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#dragged || event.type !== 'pointerup') return;
    const place = this.#placeAt(this.#pointOf(event));
    this.#canvas.focus({ preventScroll: true });
    if (!place || this.#unfold(place.unit)) return;
    this.#cursor = place;
    this.#wiring.onLook(place, false);
    this.invalidate();
  }

  /** @param {Place | null} place */
  #setHover(place) {
    this.#hover = place;
    this.#wiring.onLook(place ?? this.#cursor, false);
    this.invalidate();
  }

  // ---- Keys ----

  /** @param {KeyboardEvent} event  @returns {boolean} whether it was for the map */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const zooms = /** @type {Record<string, () => void>} */ ({
      '+': () => this.#zoomAtCursor(ZOOM_STEP),
      '=': () => this.#zoomAtCursor(ZOOM_STEP),
      '-': () => this.#zoomAtCursor(1 / ZOOM_STEP),
      _: () => this.#zoomAtCursor(1 / ZOOM_STEP),
      0: () => this.fit(),
      Escape: () => this.fit(),
      Enter: () => {
        if (this.#cursor && !this.#unfold(this.#cursor.unit)) this.zoomInto(this.#cursor);
      },
    });
    const zoom = zooms[event.key];
    if (event.key === 'Escape' && this.#fitted) return false;
    if (zoom) {
      zoom();
      return true;
    }
    const detail = detailAt(this.#goal.scale);
    const { place, inBar } = this.#fold.startOf(this.#cursor?.unit ?? 0, event.key);
    const next = neighbourOf(place, event.key, {
      byPage: inBar || detail === 'memory' || detail === 'pages',
      columns: this.#columns,
      places: this.#shown.length,
    });
    if (next === null) return false;
    this.moveTo(this.#fold.unitAt(next));
    return true;
  }

  /** @param {number} factor */
  #zoomAtCursor(factor) {
    const { scale, x, y } = this.#goal;
    const at = this.#cursor ? this.#positionOf(this.#cursor.unit) : null;
    const point = at ? { x: (at.x + 0.5) * scale + x, y: (at.y + 0.5) * scale + y } : undefined;
    this.zoom(factor, point);
  }

  /** @returns {boolean} blocks can be told apart */
  get showsBlocks() {
    return this.#view.scale >= BLOCK_SCALE;
  }
}
