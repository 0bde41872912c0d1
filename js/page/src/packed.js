/** Frames as they travel from the worker to the page: the size classes as numbers.  To clone an object
 *  for each of them takes longer than all else that a frame costs the program. */

/** @typedef {import('./protocol.js').Frame} Frame */
/** @typedef {Omit<Frame, 'stats'> & {stats: Omit<Frame['stats'], 'classes'>, classes: Float64Array}}
 *    PackedFrame */

const FIELDS = /** @type {const} */ ([
  'blockSize',
  'liveBlocks',
  'totalBlocks',
  'pools',
  'peakPools',
  'roundingEstimate',
]);

/** @param {Frame} frame  @returns {PackedFrame} */
export function packed(frame) {
  const { classes, ...stats } = frame.stats;
  const numbers = new Float64Array(classes.length * FIELDS.length);
  let at = 0;
  for (const one of classes) for (const field of FIELDS) numbers[at++] = one[field];
  return { ...frame, stats, classes: numbers };
}

/** @param {PackedFrame} frame  @returns {Frame} */
export function unpacked({ stats, classes: numbers, ...frame }) {
  const classes = [];
  for (let at = 0; at < numbers.length; at += FIELDS.length) {
    classes.push(
      /** @type {import('../../src/index.js').ClassStats} */ (
        Object.fromEntries(FIELDS.map((field, i) => [field, numbers[at + i]]))
      ),
    );
  }
  return { ...frame, stats: { ...stats, classes } };
}
