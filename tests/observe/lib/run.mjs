/** Runs programs with and without the preload. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ENTRY = new URL('../../../js/src/observe/index.node.js', import.meta.url).href;
const FOLDER = fileURLToPath(new URL('../', import.meta.url));

/** @param {string} program  file, from tests/observe on
 *  @param {{preload?: boolean, entry?: string, observe?: string, env?: Record<string, string>,
 *    args?: string[]}} [options]  entry: what is preloaded; observe: of PYM_OBSERVE
 *  @returns {{stdout: string, stderr: string, status: number | null}} */
export function run(
  program,
  { preload = false, entry = ENTRY, observe = '', env = {}, args = [] } = {},
) {
  const { stdout, stderr, status, error } = spawnSync(
    process.execPath,
    ['--no-warnings', ...(preload ? ['--import', entry] : []), resolve(FOLDER, program), ...args],
    {
      cwd: FOLDER,
      encoding: 'utf8',
      timeout: 300_000,
      maxBuffer: 2 ** 28,
      env: { ...process.env, NODE_OPTIONS: '', PYM_OBSERVE: observe, ...env },
    },
  );
  if (error) throw error;
  return { stdout, stderr, status };
}

/** The same with the preload, and what it tells of the modules.
 *  @returns {{stdout: string, stderr: string, status: number | null,
 *    modules: {name: string, how: string, roles: object[], stats: object}[], leftAlone: object[]}} */
export function observed(program, { observe = '', ...options } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pymalloc-observe-'));
  try {
    const json = join(folder, 'report.json');
    const result = run(program, {
      ...options,
      preload: true,
      observe: [`json=${json}`, observe].filter(Boolean).join(),
    });
    return { ...result, ...JSON.parse(readFileSync(json, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Lines of a program's output, without the figures that it tells of itself.
 *  @returns {{lines: string, figures: Record<string, number>}} */
export function taken(stdout) {
  const [, text] = /^figures (.*)$/m.exec(stdout) ?? [];
  return { lines: stdout.replace(/^figures .*\n/m, ''), figures: text ? JSON.parse(text) : {} };
}

/** The package as npm installs it.
 *  @returns {string} address of its observe entry; the folder is gone when this process ends */
export function installed() {
  const js = fileURLToPath(new URL('../../../js/', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'pymalloc-installed-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const to = join(folder, 'node_modules/wasm-pymalloc');
  for (const name of ['package.json', 'src'])
    cpSync(join(js, name), join(to, name), { recursive: true });
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(js, 'tools/script.mjs'), join(to, 'dist')],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return pathToFileURL(join(to, 'src/observe/index.node.js')).href;
}
