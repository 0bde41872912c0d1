// What each tuning constant of the core is worth: halved and doubled, in instructions and pages.
//
//   node tests/bench/constants.mjs [--only NAME,...] [--into FILE.md] TRACE.gz ...
//
// For each value the library is built from a copy of the sources, and the traces are played back
// under WasmEdge: instructions per record, the geometric mean of the ratios to the value that is
// shipped, and the sum of the pages that memory has at the end, less the shipped one's.  The same on
// every machine with the same clang.  --into puts the table into a document.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { countReplay, fail, geomean, unpackTraces } from './lib.mjs';
import { fill } from './markdown.mjs';

/** Where each stands, and what it is for. */
const CONSTANTS = [
  ['PEAK_STEP_BYTES', 'core/account.c', 'bytes charged between two looks for a new peak'],
  ['CACHE_BYTES_MAX', 'core/chunk.h', 'bytes of cached chunks before they are flushed'],
  ['CACHED_CHUNK_MAX', 'core/state.h', 'bytes from which a freed chunk is not cached'],
  ['LAST_LEAST', 'core/chunk.c', 'bytes from which the free chunk that changed last is in no bin'],
  ['FALLBACK_POOLS', 'core/reclaim.h', 'pools below which a class takes from a larger one'],
  ['FALLBACK_REQUESTS', 'core/reclaim.h', 'requests after which only a rare class does'],
  ['FALLBACK_SHARE', 'core/reclaim.h', 'a class is rare below this part of all requests'],
];
/** Those that cannot be doubled: the shortest chunk of the library's own, a heap, bounds them. */
const BOUNDED = ['CACHED_CHUNK_MAX'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, into: { type: 'string' }, wasmedge: { type: 'string' } },
});
if (positionals.length === 0) fail('usage: constants.mjs [OPTIONS] TRACE.gz ...');
const only = values.only?.split(',');
const wasmedge = values.wasmedge ?? 'wasmedge';
const top = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'constants-'));
const copy = join(work, 'source');
const build = join(work, 'build');
const run = (command, ...args) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });

for (const part of ['CMakeLists.txt', 'src', 'cmake', 'wasm', 'tests/bench'])
  cpSync(join(top, part), join(copy, part), { recursive: true });
const traces = unpackTraces(positionals, join(work, 'traces'));

/** Instructions per record and pages of each trace, as the copy is now. */
function measure() {
  run('cmake', '--build', build, '--target', 'replay_pym', 'replay_floor');
  return traces.map(({ path }) => {
    const [pym, floor] = ['pym', 'floor'].map((name) =>
      countReplay(wasmedge, join(build, `replay-${name}.wasm`), path),
    );
    return { each: (pym.instructions - floor.instructions) / pym.records, pages: pym.pages };
  });
}

/** @param {string} file  @param {string} name  @param {number} by */
function scale(file, name, by) {
  const path = join(copy, 'src', file);
  const text = readFileSync(join(top, 'src', file), 'utf8');
  const pattern = new RegExp(`(#define ${name}[ \\\\\n]+)(\\d+)(u?)`);
  const value = Number(pattern.exec(text)?.[2] ?? fail(`no ${name} in ${file}`));
  writeFileSync(path, text.replace(pattern, `$1${value * by}$3`));
  return value;
}

/** The difference to what is shipped, in words. */
function told(base, found) {
  const ratio = geomean(found.map(({ each }, i) => each / base[i].each));
  const pages = found.reduce((sum, f, i) => sum + f.pages - base[i].pages, 0);
  const percent = (100 * (ratio - 1)).toFixed(1).replace('-0.0', '0.0');
  return `${percent} %, ${pages > 0 ? '+' : ''}${pages} pages`;
}

try {
  run(
    'cmake',
    '-S',
    join(copy, 'tests/bench'),
    '-B',
    build,
    '-G',
    'Ninja',
    '-DCMAKE_BUILD_TYPE=Release',
    `-DPYM_SOURCE=${copy}`,
    '--log-level=WARNING',
    `-DCMAKE_TOOLCHAIN_FILE=${join(copy, 'wasm/toolchain-wasi.cmake')}`,
  );
  const base = measure();
  const rows = ['| constant | value | what it is | halved | doubled |', '|---|---|---|---|---|'];
  for (const [name, file, what] of CONSTANTS) {
    if (only && !only.includes(name)) continue;
    const at = (by) => {
      const value = scale(file, name, by);
      const found = measure();
      scale(file, name, 1);
      return [value, told(base, found)];
    };
    const [value, halved] = at(1 / 2);
    const doubled = BOUNDED.includes(name) ? 'a heap bounds it' : at(2)[1];
    rows.push(`| \`${name}\` | ${value} | ${what} | ${halved} | ${doubled} |`);
    console.log(rows.at(-1));
  }
  const table = rows.join('\n');
  fill(values.into && join(top, values.into), 'constants', table);
} finally {
  rmSync(work, { recursive: true });
}
