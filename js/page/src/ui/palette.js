/** Colours, for both themes.  The style sheet takes them as custom properties, the canvas as packed
 *  pixels, and tests/palette.test.js computes their contrast and what colour-blind eyes tell apart.
 *  States also differ in lightness and, close up, in pattern: no meaning hangs on hue alone. */

/** @typedef {'light' | 'dark'} ThemeName */

/** @typedef {object} Theme
 *  @property {Readonly<Record<string, string>>} ui  custom properties, by name without `--`
 *  @property {Readonly<MapColours>} map */

/** @typedef {object} MapColours
 *  @property {string} outside   beyond linear memory
 *  @property {string} grid      lines between pages
 *  @property {string} ink       marks and text on the map
 *  @property {string} foreign
 *  @property {string} free
 *  @property {readonly [string, string]} raw    hardly filled, full
 *  @property {readonly [string, string]} pool   no block live, all live
 *  @property {string} damaged
 *  @property {string} damagedInk
 *  @property {string} same      difference of snapshots: as it was
 *  @property {readonly [string, string]} more   a little more, all more
 *  @property {readonly [string, string]} less
 *  @property {string} cursor */

/** @type {Readonly<Record<ThemeName, Readonly<Theme>>>} */
export const THEMES = Object.freeze({
  light: {
    ui: {
      page: '#f3f5f8',
      card: '#ffffff',
      sunken: '#f0f3f7',
      line: '#d9dfe8',
      control: '#79859a',
      text: '#1a2130',
      muted: '#515d70',
      accent: '#0a5cab',
      'accent-text': '#ffffff',
      'accent-soft': '#e2eefb',
      focus: '#0a5cab',
      good: '#00694d',
      bad: '#b3261e',
      'bad-soft': '#fdecea',
      warn: '#8a4b00',
      'warn-soft': '#fdf1dd',
      raw: '#c2570c',
      mem: '#1a9467',
      object: '#0a5cab',
      linear: '#515d70',
      requested: '#a868e8',
      more: '#0a5cab',
      less: '#a0430a',
      'code-word': '#0a5cab',
      'code-text': '#00694d',
      'code-number': '#a0430a',
      'code-comment': '#5d6879',
    },
    map: {
      outside: '#ffffff',
      grid: '#ffffff',
      ink: '#1a2130',
      foreign: '#8b93a1',
      free: '#e9edf3',
      raw: ['#f8d3a6', '#c2570c'],
      pool: ['#c9e0f6', '#08519c'],
      damaged: '#16181d',
      damagedInk: '#ffe14d',
      same: '#e3e7ed',
      more: ['#b9d7f2', '#084a91'],
      less: ['#f7d0a3', '#b84a05'],
      cursor: '#1a2130',
    },
  },
  dark: {
    ui: {
      page: '#0c111b',
      card: '#141b29',
      sunken: '#0f1522',
      line: '#27324a',
      control: '#6d7b95',
      text: '#e6ebf4',
      muted: '#9daabf',
      accent: '#6db8ff',
      'accent-text': '#08111f',
      'accent-soft': '#17304d',
      focus: '#8cc8ff',
      good: '#4fd1a5',
      bad: '#ff8a80',
      'bad-soft': '#3a1a1c',
      warn: '#ffc069',
      'warn-soft': '#35270f',
      raw: '#ff9d4d',
      mem: '#22a06b',
      object: '#6db8ff',
      linear: '#9daabf',
      requested: '#b87af5',
      more: '#6db8ff',
      less: '#ff9d4d',
      'code-word': '#7cc0ff',
      'code-text': '#6fdcb5',
      'code-number': '#ffb37a',
      'code-comment': '#8b98ae',
    },
    map: {
      outside: '#141b29',
      grid: '#141b29',
      ink: '#e6ebf4',
      foreign: '#667084',
      free: '#222c3f',
      raw: ['#55381a', '#ff9d4d'],
      pool: ['#1d4166', '#86c9ff'],
      damaged: '#fff27a',
      damagedInk: '#16181d',
      same: '#2a3345',
      more: ['#1f4670', '#86c9ff'],
      less: ['#573819', '#ff9d4d'],
      cursor: '#ffffff',
    },
  },
});

/** Codes of units, as src/ui/units.js makes them; a lookup table has 256 entries. */
export const Code = Object.freeze({
  OUTSIDE: 0,
  FOREIGN: 1,
  FREE: 2,
  DAMAGED: 3,
  RAW: 16, // .. 31, by fill
  POOL: 32, // .. 63, by fill
  SAME: 64, // the difference of two snapshots
  LESS: 80, // .. 95, by how much
  MORE: 96, // .. 111
});
export const RAW_LEVELS = 16;
export const POOL_LEVELS = 32;
export const DIFF_LEVELS = 16;

/** @typedef {readonly [number, number, number]} Rgb  0..255 */

/** @param {string} colour  #rrggbb  @returns {Rgb} */
export function rgb(colour) {
  const n = Number.parseInt(colour.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/** @param {string} from  @param {string} to  @param {number} t  0..1  @returns {Rgb} */
export function mix(from, to, t) {
  const [a, b] = [rgb(from), rgb(to)];
  const at = (/** @type {0 | 1 | 2} */ i) => Math.round(a[i] + (b[i] - a[i]) * t);
  return [at(0), at(1), at(2)];
}

/** @param {readonly [string, string]} ramp  @param {number} level  @param {number} levels
 *  @returns {string} as a CSS colour */
export function rampColour(ramp, level, levels) {
  return `rgb(${mix(ramp[0], ramp[1], level / (levels - 1)).join(' ')})`;
}

/** @param {Readonly<MapColours>} colours
 *  @returns {Uint32Array} a pixel of ImageData for each code (little-endian RGBA) */
export function lookupTable(colours) {
  const table = new Uint32Array(256);
  const put = (/** @type {number} */ code, /** @type {Rgb} */ [r, g, b]) => {
    table[code] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  };
  put(Code.FOREIGN, rgb(colours.foreign));
  put(Code.FREE, rgb(colours.free));
  put(Code.DAMAGED, rgb(colours.damaged));
  put(Code.SAME, rgb(colours.same));
  const ramp = (
    /** @type {number} */ from,
    /** @type {number} */ levels,
    /** @type {readonly [string, string]} */ [a, b],
  ) => {
    for (let i = 0; i < levels; i++) put(from + i, mix(a, b, i / (levels - 1)));
  };
  ramp(Code.RAW, RAW_LEVELS, colours.raw);
  ramp(Code.POOL, POOL_LEVELS, colours.pool);
  ramp(Code.LESS, DIFF_LEVELS, colours.less);
  ramp(Code.MORE, DIFF_LEVELS, colours.more);
  return table; // OUTSIDE stays 0: transparent
}
