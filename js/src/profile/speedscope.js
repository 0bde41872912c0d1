/** The file format of speedscope (github.com/jlfwong/speedscope, file-format-schema.json). */

import { frameText } from './stack.js';

/** @typedef {import('./profile.js').Profile} Profile */

const NAMES = Object.freeze({ live: 'live', peak: 'at the peak', ever: 'ever allocated' });

/** @param {Profile} profile  @param {import('./profile.js').When} first  @returns {object} */
export function toSpeedscope(profile, first) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  /** @type {object[]} */
  const frames = [];
  const numberOf = (/** @type {Readonly<import('./stack.js').Frame>} */ frame) => {
    const key = frameText(frame);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const { name, file, line } = frame;
    frames.push({ name, ...(file && { file }), ...(line > 0 && { line }) });
    numbers.set(key, frames.length - 1);
    return frames.length - 1;
  };
  const held = { live: profile.live(), peak: profile.atPeak(), ever: profile.ever() };
  const profiles = Object.entries(held).map(([when, { sites, bytes }]) => ({
    type: 'sampled',
    name: NAMES[/** @type {keyof typeof NAMES} */ (when)],
    unit: 'bytes',
    startValue: 0,
    endValue: bytes,
    samples: sites.map((site) => site.frames.map(numberOf)),
    weights: sites.map((site) => site.bytes),
  }));
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'wasm-pymalloc',
    name: 'heap',
    activeProfileIndex: Object.keys(held).indexOf(first),
    shared: { frames },
    profiles,
  };
}
