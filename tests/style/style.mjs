/** The formatter and the linter of the C and JavaScript files that git knows or would add.
 *
 *    node tests/style/style.mjs format    writes every file as .clang-format and biome.json want it
 *    node tests/style/style.mjs check     names the files that are not so; exit code 1 if any
 *    node tests/style/style.mjs lint      what clang-tidy and Biome find, by the rules of .clang-tidy
 *                                         and biome.json; exit code 1 if anything
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { once } from 'node:events';
import { basename, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const BIOME = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url));
const SCRIPT = /\.(js|mjs|cjs|d\.ts)$/;

/** Runs a program from the root of the checkout.
 *  @param {string} program  @param {string[]} args
 *  @returns {{ status: number, output: string }} */
function run(program, args) {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new Error(`${program} does not run: wasm/setup.sh style npm`, { cause: error });
  return { status: status ?? 1, output: stdout + stderr };
}

/** @param {RegExp} wanted  @returns {string[]} files of the checkout, those that are ignored left out */
function files(wanted) {
  const listed = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  if (listed.status !== 0) throw new Error(`git lists no files: ${listed.output}`);
  const deleted = new Set(run('git', ['ls-files', '-z', '--deleted']).output.split('\0'));
  return listed.output.split('\0').filter((name) => wanted.test(name) && !deleted.has(name));
}

const biome = (/** @type {string[]} */ ...args) => run(process.execPath, [BIOME, ...args]);

/** @returns {number} the exit code */
function format() {
  const c = run('clang-format-19', ['-i', ...files(/\.[ch]$/)]);
  const js = biome('format', '--write', ...files(SCRIPT));
  if (c.status || js.status) process.stderr.write(c.output + js.output);
  return c.status || js.status;
}

/** @returns {number} the exit code */
function check() {
  const c = run('clang-format-19', ['--dry-run', '--Werror', ...files(/\.[ch]$/)]).output;
  const js = biome('format', '--reporter=github', '--max-diagnostics=none', ...files(SCRIPT));
  const names = [
    ...c.matchAll(/^([^\s:]+):\d+:\d+: error/gm),
    ...js.output.matchAll(/^::error title=format,file=([^,]+)/gm),
  ].map((found) => relative(root, resolve(root, found[1])));
  if (names.length === 0 && js.status !== 0) throw new Error(`biome failed:\n${js.output}`);
  if (names.length === 0) return 0;
  console.error('not formatted; node tests/style/style.mjs format writes them:');
  for (const name of new Set(names)) console.error(`  ${name}`);
  return 1;
}

/** The C sources of this checkout that the targets compile, each once, by the target.  Emscripten's
 *  compiler is another clang: what only that target compiles is left out.
 *  @returns {Map<string, string[]>} sources by the build folder that says how to compile them */
function sources() {
  /** @type {Map<string, string[]>} */
  const out = new Map();
  const seen = new Set();
  for (const target of ['native', 'wasi', 'freestanding']) {
    const folder = join(root, 'build', target);
    const database = join(folder, 'compile_commands.json');
    if (!existsSync(database)) throw new Error(`no ${database}: cmake --preset ${target}`);
    const entries = JSON.parse(readFileSync(database, 'utf8'));
    const names = entries.map((/** @type {{ file: string }} */ entry) => entry.file);
    const ours = names.filter((/** @type {string} */ name) =>
      /^(src|tests)\//.test(relative(root, name)),
    );
    out.set(
      folder,
      [...new Set(ours)].filter((name) => !seen.has(name)),
    );
    for (const name of ours) seen.add(name);
  }
  return out;
}

/** @param {string} folder  @param {string} source  @returns {Promise<string>} what is wrong with it */
async function tidy(folder, source) {
  const args = ['--quiet', '-p', folder, source];
  // What a module exports is called by its host: no header declares it.
  if (basename(folder) === 'native') args.push('--extra-arg=-Wmissing-prototypes');
  const child = spawn('clang-tidy-19', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return status === 0 ? '' : output || `${source}: clang-tidy-19 ended with ${status}\n`;
}

/** @returns {Promise<number>} the exit code */
async function lint() {
  const js = biome('lint', '--max-diagnostics=none', ...files(SCRIPT));
  if (js.status) process.stderr.write(js.output);
  const left = [...sources()].flatMap(([folder, names]) =>
    names.map((name) => /** @type {const} */ ([folder, name])),
  );
  const count = left.length;
  let found = '';
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let next = left.pop(); next; next = left.pop()) found += await tidy(...next);
    }),
  );
  process.stderr.write(found);
  console.log(`clang-tidy: ${count} sources`);
  return js.status || (found ? 1 : 0);
}

const commands = { format, check, lint };
const command = commands[/** @type {keyof typeof commands} */ (process.argv[2])];
if (!command) {
  console.error(`what to do is one of: ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
process.exit(await command());
