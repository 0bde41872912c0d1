// A file of budgets: figures that are the same on every machine, by name.  A test compares and
// fails when one grows; its target NAME-update records new ones.
import { readFileSync, writeFileSync } from 'node:fs';

/** @param {URL} file  @param {Record<string, Record<string, number>>} found
 *  @param {boolean} update  record those of `found`; names that it lacks stay
 *  @param {string} command  that records new ones */
export function hold(file, found, update, command) {
  const budget = JSON.parse(readFileSync(file, 'utf8'));
  if (update) {
    Object.assign(budget, found);
    writeFileSync(file, `${JSON.stringify(budget, null, 2)}\n`);
  }
  for (const [name, figures] of Object.entries(found)) {
    for (const [what, value] of Object.entries(figures)) {
      const recorded = budget[name]?.[what] ?? 0;
      console.log(`${name}: ${value} ${what} (recorded ${recorded})`);
      if (value <= recorded) continue;
      console.error(
        `${name}: ${what} grew from ${recorded} to ${value}.  If that is worth it, `
          + `record it: ${command}`,
      );
      process.exitCode = 1;
    }
  }
}
