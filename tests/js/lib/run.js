/** Runs the command line as a user does. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../js/bin/wasm-pymalloc.js', import.meta.url));
const BUILD = process.env.PYM_WASM_DIR ?? fileURLToPath(new URL('../../../build', import.meta.url));

/** @param {string[]} args  @param {import('node:child_process').SpawnSyncOptions} [options]
 *  @returns {{stdout: string, stderr: string, status: number | null, signal: string | null}} */
export function cli(args, options = {}) {
  return spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    timeout: 120000,
    maxBuffer: 2 ** 28,
    ...options,
  });
}

/** The same, still running. */
export function cliStarted(args, options = {}) {
  return spawn(process.execPath, [BIN, ...args], options);
}

/** What `run --watch` writes on a pipe until it is interrupted at its fourth line.
 *  @param {string[]} args  the module and its arguments  @returns {Promise<object[]>} */
export async function watchedLines(args) {
  const child = cliStarted(['run', '--watch', '--interval', '50', ...args]);
  const kill = setTimeout(() => child.kill('SIGKILL'), 60000);
  let text = '';
  child.stderr.on('data', (data) => {
    text += data;
    if (text.split('\n').length > 3) child.kill('SIGINT');
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 130);
  clearTimeout(kill);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A module that the build makes, such as lua/lua.wasm.
 *  @param {string} name  below the folder PYM_WASM_DIR, or build/
 *  @returns {string} path */
export function built(name) {
  const path = `${BUILD}/${name}`;
  if (!existsSync(path)) {
    throw new Error(
      `${path} is not there: build it first (cmake --workflow --preset demo), or set `
        + 'PYM_WASM_DIR to the folder that holds it',
    );
  }
  return path;
}
