// What part of a program's time its allocator takes: more than that no allocator can save by being fast
// itself; what lies beyond is where blocks lie.
//
//   node tests/bench/share.mjs [--only LIST] [--short] FOLDER
//
//   FOLDER: what tests/bench/programs was built in; --only, --short as in programs.mjs
//
// V8's sampling profiler looks every 200 us at which function runs, of the program on wasi-libc's
// dlmalloc.  Counted are the functions of that allocator, by their names.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cache, fail } from './lib.mjs';
import { BASE, PROGRAMS } from './programs-list.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, short: { type: 'boolean', default: false } },
});
if (positionals.length !== 1) fail('usage: share.mjs [--only LIST] [--short] FOLDER');
const folder = resolve(positionals[0]);
const only = values.only?.split(',');
const work = join(folder, 'work', 'share');
const node = join(cache, 'bin', 'node24');
const runner = fileURLToPath(new URL('programs-runner.mjs', import.meta.url));

const DLMALLOC = new RegExp(
  '^(dl)?(malloc|free|calloc|realloc|memalign|aligned_alloc|posix_memalign)$|'
    + '^(malloc_usable_size|dispose_chunk|try_realloc_chunk|internal_memalign|prepend_alloc|'
    + 'add_segment|try_init_allocator|sys_alloc|sys_trim|tmalloc_(small|large)|sbrk)$',
);

/** Samples of the profile by function, of wasm functions only. */
function samplesOf(profile) {
  const { nodes, samples } = profile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const counts = new Map();
  for (const id of samples) {
    const { functionName, url } = names.get(id);
    if (!url.startsWith('wasm://')) continue;
    counts.set(functionName, (counts.get(functionName) ?? 0) + 1);
  }
  return counts;
}

function shareOf(program) {
  const job = join(work, 'job.json');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const module = join(folder, `${program.module}-${BASE}.wasm`);
  const args = program.args(values.short);
  writeFileSync(
    job,
    JSON.stringify({ modules: { [BASE]: module }, files: program.files, rounds: 2, args }),
  );
  const options = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', work];
  const { status, stderr } = spawnSync(node, ['--expose-gc', ...options, runner], {
    env: { ...process.env, BENCH_JOB: job },
    encoding: 'utf8',
  });
  if (status !== 0) fail(`${program.name}: exit code ${status}\n${stderr}`);
  const file = readdirSync(work).find((name) => name.endsWith('.cpuprofile'));
  const counts = samplesOf(JSON.parse(readFileSync(join(work, file), 'utf8')));
  let all = 0;
  let own = 0;
  for (const [name, count] of counts) {
    all += count;
    if (DLMALLOC.test(name)) own += count;
  }
  return own / all;
}

const wanted = PROGRAMS.filter(
  ({ group, name, python, module }) =>
    !python
    && (!only || only.includes(group) || only.includes(`${group}/${name}`))
    && existsSync(join(folder, `${module}-${BASE}.wasm`)),
);
if (wanted.length === 0) fail(`${folder} has none of the programs: build tests/bench/programs`);
console.log('share of the time that is in dlmalloc; time if it took none');
for (const program of wanted) {
  const share = shareOf(program);
  const name = `${program.group}/${program.name}`.padEnd(24);
  console.log(`${name}${(100 * share).toFixed(1).padStart(6)} %  ${(1 - share).toFixed(3)}`);
}
