/** Where memory lies on the map, and how the map is looked at.  Pure functions.
 *
 *  Pages stand in reading order, `columns` to a row; a page is 4 by 4 units of 4 KiB, read the same
 *  way; four pages side by side are an arena.  Positions on this plane are in units.
 *
 *      page 0            page 1            page 2
 *      0  1  2  3        16 17 18 19       32 33 34 35   -> x
 *      4  5  6  7        20 ...
 *      8  9 10 11
 *     12 13 14 15
 *
 *  A view is where the plane's origin lies on the canvas, in pixels, and the pixels of a unit. */

/** @typedef {{x: number, y: number, scale: number}} View */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{x: number, y: number}} Point */

/** Units on each side of a page. */
export const SIDE = 4;
const PLACES_OF_PAGE = SIDE * SIDE;
/** Pages of an arena: 256 KiB. */
export const ARENA_PAGES = 4;
/** Pixels of a unit from which blocks are drawn. */
export const BLOCK_SCALE = 56;

/** Beyond this a page would not be taken for one. */
const MOST_STRETCH = 2;

/** How close one may look, as it is useful: a view in which ...
 *  @typedef {'memory' | 'pages' | 'pools' | 'blocks'} Detail */

/** @param {number} scale  CSS pixels of a unit
 *  @returns {Detail} what can be told apart at this scale */
export function detailAt(scale) {
  if (scale >= BLOCK_SCALE) return 'blocks';
  if (scale >= 6) return 'pools';
  return scale >= 1.5 ? 'pages' : 'memory';
}

/** @param {number} pages  @param {number} columns  @returns {Size} of the plane, in units */
export function planeOf(pages, columns) {
  return { width: columns * SIDE, height: Math.max(1, Math.ceil(pages / columns)) * SIDE };
}

/** @param {Size} plane  @param {Size} canvas  @returns {number} largest scale that shows all */
export function fitScale(plane, canvas) {
  return Math.min(canvas.width / plane.width, canvas.height / plane.height);
}

/** How much higher than wide units are drawn, so that all of memory fills the canvas.
 *  @param {Size} plane  @param {Size} canvas  @returns {number} 1: squares */
export function stretchOf(plane, canvas) {
  const wanted = canvas.height / plane.height / (canvas.width / plane.width);
  return Math.min(Math.max(wanted, 1 / MOST_STRETCH), MOST_STRETCH);
}

/** The number of columns, whole arenas, with which the pages are largest.  Memory that grows keeps
 *  the columns it has until others would be a quarter better: a map that jumps is hard to read.
 *  @param {number} pages  @param {Size} canvas  @param {number} [current]  0: none yet
 *  @returns {number} */
export function columnsFor(pages, canvas, current = 0) {
  const most = Math.max(ARENA_PAGES, Math.ceil(pages / ARENA_PAGES) * ARENA_PAGES);
  let best = ARENA_PAGES;
  let bestScale = 0;
  for (let columns = ARENA_PAGES; columns <= most; columns += ARENA_PAGES) {
    const scale = fitScale(planeOf(pages, columns), canvas);
    if (scale > bestScale) [best, bestScale] = [columns, scale];
    // Wider than the canvas is for its height: from here on pages only get smaller.
    if (columns * SIDE * bestScale > canvas.width * 2) break;
  }
  if (current > 0 && fitScale(planeOf(pages, current), canvas) * 1.25 >= bestScale) return current;
  return best;
}

/** @param {number} unit  @param {number} columns  @returns {Point} its upper left corner */
export function positionOf(unit, columns) {
  const page = Math.floor(unit / 16);
  const inPage = unit % 16;
  return {
    x: (page % columns) * SIDE + (inPage % SIDE),
    y: Math.floor(page / columns) * SIDE + Math.floor(inPage / SIDE),
  };
}

/** @param {number} x  units  @param {number} y  @param {number} columns  @param {number} pages
 *  @returns {number} the unit there, or -1 */
export function unitAt(x, y, columns, pages) {
  const [cx, cy] = [Math.floor(x), Math.floor(y)];
  if (cx < 0 || cy < 0 || cx >= columns * SIDE) return -1;
  const page = Math.floor(cy / SIDE) * columns + Math.floor(cx / SIDE);
  return page < pages ? page * 16 + (cy % SIDE) * SIDE + (cx % SIDE) : -1;
}

/** @param {Size} plane  @param {Size} canvas  @returns {View} all of it, in the middle */
export function fitView(plane, canvas) {
  const scale = fitScale(plane, canvas);
  return { scale, x: (canvas.width - plane.width * scale) / 2, y: 0 };
}

/** @param {Size} canvas  @returns {number} a pool fills most of the canvas */
export function maxScale(canvas) {
  return Math.max(BLOCK_SCALE * 2, Math.min(canvas.width, canvas.height) * 0.9);
}

/** Keeps the scale between all of memory and one pool, and the plane on the canvas.
 *  @param {View} view  @param {Size} plane  @param {Size} canvas  @returns {View} */
export function clampView(view, plane, canvas) {
  const fit = fitView(plane, canvas);
  const scale = clampScale(view.scale, plane, canvas);
  if (scale <= fit.scale * 1.001) return fit;
  const axis = (
    /** @type {number} */ at,
    /** @type {number} */ size,
    /** @type {number} */ room,
  ) =>
    size * scale <= room
      ? (room - size * scale) / 2
      : Math.min(0, Math.max(room - size * scale, at));
  return {
    scale,
    x: axis(view.x, plane.width, canvas.width),
    y: plane.height * scale <= canvas.height ? 0 : axis(view.y, plane.height, canvas.height),
  };
}

/** @param {number} scale  @param {Size} plane  @param {Size} canvas  @returns {number} */
function clampScale(scale, plane, canvas) {
  const fit = fitScale(plane, canvas);
  return Math.min(Math.max(scale, fit), Math.max(maxScale(canvas), fit));
}

/** @param {View} view  @param {Point} at  canvas point that stays where it is
 *  @param {number} wanted  factor, as far as the scale may go
 *  @param {Size} plane  @param {Size} canvas  @returns {View} its position not clamped */
export function zoomAt(view, at, wanted, plane, canvas) {
  const factor = clampScale(view.scale * wanted, plane, canvas) / view.scale;
  return {
    scale: view.scale * factor,
    x: at.x - (at.x - view.x) * factor,
    y: at.y - (at.y - view.y) * factor,
  };
}

/** @param {Point} centre  on the plane  @param {number} scale  @param {Size} canvas
 *  @returns {View} not clamped */
export function centredOn(centre, scale, canvas) {
  return { scale, x: canvas.width / 2 - centre.x * scale, y: canvas.height / 2 - centre.y * scale };
}

/** Scale at which one looks into a page, or a pool: the next step closer than `scale`.
 *  @param {number} scale  @param {Size} canvas  @returns {number} */
export function scaleInto(scale, canvas) {
  const side = Math.min(canvas.width, canvas.height);
  const page = side / (SIDE * 1.25);
  const pool = side * 0.8;
  if (scale < page * 0.9) return page;
  return scale < pool * 0.9 ? pool : scale;
}

/** @param {View} from  @param {View} to  @param {number} t  0..1
 *  @returns {View} zooming at an even pace */
export function between(from, to, t) {
  if (t >= 1) return to;
  const scale = from.scale * (to.scale / from.scale) ** t;
  // The point that stays still while the scale goes from one to the other.
  const k = to.scale === from.scale ? t : (scale - from.scale) / (to.scale - from.scale);
  return { scale, x: from.x + (to.x - from.x) * k, y: from.y + (to.y - from.y) * k };
}

/** How the blocks of a pool stand: in reading order, about square.
 *  @param {number} capacity  @returns {{columns: number, rows: number}} */
export function blockGrid(capacity) {
  const columns = Math.max(1, Math.ceil(Math.sqrt(capacity)));
  return { columns, rows: Math.max(1, Math.ceil(capacity / columns)) };
}

/** Where an arrow leads: by pages while these are small, by pools close up.
 *  @param {number} place  @param {string} key
 *  @param {{byPage: boolean, columns: number, places: number}} map
 *  @returns {number | null} a place; null: the key leads nowhere */
export function neighbourOf(place, key, { byPage, columns, places }) {
  const at = positionOf(place, columns);
  const step = byPage ? SIDE : 1;
  const go = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    const to = unitAt(at.x + dx * step, at.y + dy * step, columns, places / PLACES_OF_PAGE);
    if (to >= 0) return to;
    if (dy !== 0) return place;
    const wrapped = place + dx * (byPage ? PLACES_OF_PAGE : 1); // the row's end: on to the next
    return wrapped >= 0 && wrapped < places ? wrapped : place;
  };
  switch (key) {
    case 'ArrowRight':
      return go(1, 0);
    case 'ArrowLeft':
      return go(-1, 0);
    case 'ArrowDown':
      return go(0, 1);
    case 'ArrowUp':
      return go(0, -1);
    case 'PageDown':
      return Math.min(place + columns * PLACES_OF_PAGE, places - 1);
    case 'PageUp':
      return Math.max(place - columns * PLACES_OF_PAGE, 0);
    case 'Home':
      return 0;
    case 'End':
      return places - 1;
    default:
      return null;
  }
}
