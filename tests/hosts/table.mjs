/** The tables of docs/hosts.md, from what the tests of hosts and bundlers left in build/.
 *
 *    node tests/hosts/table.mjs            writes them
 *    node tests/hosts/table.mjs --check    exit code 1 if one of them got worse, or is out of date
 *
 *  Out of date: other hosts or results, another version of what the project pins.  Browsers come
 *  from Debian, their versions are as of the day; sizes may grow by 5 %. */
import { readFileSync, writeFileSync } from 'node:fs';

import { HOSTS } from './hosts.mjs';
import { built, root } from './paths.mjs';
import { BUNDLERS } from '../bundlers/bundlers.mjs';

const FILE = `${root}docs/hosts.md`;
const TOLERANCE = 1.05;

/** @param {string} kind  @param {string} name */
function resultOf(kind, name) {
  const folder = built(`${kind}/results/`);
  try {
    return JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8'));
  } catch (cause) {
    throw new Error(`no result of ${name}: run ctest --test-dir build/test -R "^${kind}"`, {
      cause,
    });
  }
}

const row = (cells) => `| ${cells.join(' | ')} |`;
const kib = ({ bytes, gzip }) =>
  [bytes, gzip].map((n) => `${(n / 1024).toFixed(1)} KiB`).join(' | ');

function hosts() {
  const rows = Object.entries(HOSTS).map(([name, { title }]) => {
    const { version, conditions, tests, failed } = resultOf('hosts', name);
    return row([
      title.replace(/ \d+$/, ''),
      version,
      `\`${conditions}\``,
      failed ? `${failed} of ${tests} fail` : `${tests} pass`,
    ]);
  });
  return ['| host | version | condition of `exports` | tests |', '|---|---|---|---|', ...rows];
}

function bundlers() {
  const rows = Object.entries(BUNDLERS).map(([name, { title, how }]) => {
    const { version, js, wasm } = resultOf('bundlers', name);
    return row([title, version, how, kib(js), kib(wasm)]);
  });
  return [
    '| bundler | version | what the user does | script | gzipped | wasm | gzipped |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ];
}

/** @param {string} line  @returns {string} without what may differ */
const fixed = (line) =>
  line.replace(/^(\| (?:Chromium|Firefox) \|) [^|]*/, '$1 ').replace(/[\d.]+ KiB/g, 'KiB');
const sizes = (line) => (line.match(/[\d.]+(?= KiB)/g) ?? []).map(Number);

/** @param {string} before  @param {string} now  @returns {string[]} what is wrong with it */
function differences(before, now) {
  const [was, is] = [before, now].map((text) => text.split('\n'));
  const wrong = is.filter(
    (line, i) =>
      fixed(line) !== fixed(was[i] ?? '')
      || sizes(line).some((size, j) => size > TOLERANCE * (sizes(was[i] ?? '')[j] ?? 0)),
  );
  if (is.length < was.length) wrong.push('(lines are missing)');
  return wrong;
}

/** @param {string} text  @param {string} name  @param {string[]} table */
const put = (text, name, table) =>
  text.replace(
    new RegExp(`(<!-- ${name}:[^\n]*-->\n)[^]*?(<!-- end -->)`),
    (_, begin, end) => `${begin}${table.join('\n')}\n${end}`,
  );

const before = readFileSync(FILE, 'utf8');
const now = put(put(before, 'hosts', hosts()), 'bundlers', bundlers());
if (process.argv[2] === '--check') {
  const wrong = differences(before, now);
  if (wrong.length > 0) {
    console.error(
      `docs/hosts.md is not what was found:\n${wrong.join('\n')}\n`
        + 'If that is meant: node tests/hosts/table.mjs',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, now);
}
