/** Runs the program on one host; build/hosts/results keeps the outcome.
 *
 *    node tests/hosts/run.mjs node20 | node22 | ... | workerd | chromium | firefox */
import { mkdirSync, writeFileSync } from 'node:fs';

import { HOSTS } from './hosts.mjs';
import { built } from './paths.mjs';

const [name] = process.argv.slice(2);
const host = HOSTS[name];
if (!host) throw new Error(`no host is called ${name}: there are ${Object.keys(HOSTS).join(' ')}`);

const { version, conditions, results } = await host.run();
for (const { name: test, error } of results) {
  console.log(error === null ? `ok ${test}` : `not ok ${test}\n${error}`);
}
const failed = results.filter(({ error }) => error !== null).length;
console.log(`${host.title} ${version}: ${results.length - failed} of ${results.length} passed`);
mkdirSync(built('hosts/results'), { recursive: true });
writeFileSync(
  built(`hosts/results/${name}.json`),
  `${JSON.stringify({ version, conditions, tests: results.length, failed }, null, 2)}\n`,
);
process.exitCode = failed || results.length === 0 ? 1 : 0;
