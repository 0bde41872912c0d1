/** Stacks as flamegraph.pl and its like read them: outermost first, semicolons between. */

import { frameText } from './stack.js';

/** @param {Readonly<import('./profile.js').Holdings>} holdings  @returns {string} */
export function toFolded({ sites }) {
  /** @type {Map<string, number>} */
  const lines = new Map();
  for (const { frames, domain, bytes } of sites) {
    const words = frames.length ? frames.map((f) => frameText(f).replaceAll(';', ':')) : [domain];
    const line = words.join(';');
    lines.set(line, (lines.get(line) ?? 0) + bytes);
  }
  return [...lines].map(([line, bytes]) => `${line} ${bytes}\n`).join('');
}
