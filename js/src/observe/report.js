/** Text about who holds the blocks that are left. */

import { frameText } from './stacks.js';

/** @typedef {import('./watch.js').Watch} Watch */

const FRAMES = 8;

/** @param {Watch} watch  @param {number} [top]  @returns {string} lines of plain text */
export function leaksReport(watch, top = 5) {
  const leaks = watch.leaks({ top });
  if (leaks.length === 0) return 'no block was sampled that lives\n';
  const lines = ['blocks that live, by who asked for them:'];
  for (const { bytes, blocks, size, site, frames } of leaks) {
    const what =
      size === null
        ? `about ${blocks.toLocaleString('en-US')} blocks`
        : `${blocks.toLocaleString('en-US')} blocks of ${size} bytes`;
    lines.push(
      `  ${bytes.toLocaleString('en-US')} bytes in ${what}${site ? `, asked for at ${site}` : ''}`,
    );
    lines.push(...frames.slice(0, FRAMES).map((frame) => `      ${frameText(frame)}`));
    if (frames.length > FRAMES) lines.push(`      and ${frames.length - FRAMES} more`);
  }
  return `${lines.join('\n')}\n`;
}
