/** The files that a run leaves: written beside their place, and put there when they are whole. */

import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';

import { reason } from './module.js';
import { StartError } from './options.js';

/** @typedef {object} Output
 *  @property {number} fd      open for writing
 *  @property {string | null} beside  path of the file that is being written; null: fd is the place
 *  @property {string} path    where it goes */

const STANDARD_OUTPUT = 1;
const made = new Set();

/** Opens before the program starts: a report that cannot be written should not cost a long run.
 *  @param {string} option  that names it  @param {string} path  "-": standard output
 *  @returns {Output}
 *  @throws {StartError} */
export function openOutput(option, path) {
  if (path === '-') return { fd: STANDARD_OUTPUT, beside: null, path };
  try {
    // A pipe or a device is written to as it is.
    const there = statSync(path, { throwIfNoEntry: false });
    if (there && !there.isFile() && !there.isDirectory()) {
      return { fd: openSync(path, 'w'), beside: null, path };
    }
    if (there) closeSync(openSync(path, 'r+')); // may it be written at all?
    const beside = `${path}.${process.pid}.part`;
    const output = { fd: openSync(beside, 'wx'), beside, path };
    made.add(output);
    return output;
  } catch (error) {
    throw new StartError(`${option} ${reason(path, error)}`);
  }
}

/** Puts the file into its place, if something was written; else what was there before stays.
 *  @param {Output} output */
export function finishOutput(output) {
  const { fd, beside, path } = output;
  if (beside === null) {
    if (fd !== STANDARD_OUTPUT) closeSync(fd);
    return;
  }
  const { size } = fstatSync(fd);
  closeSync(fd);
  made.delete(output);
  if (size > 0) renameSync(beside, path);
  else rmSync(beside);
}

/** Removes what was begun and not finished. */
export function dropOutputs() {
  for (const { fd, beside } of made) {
    closeSync(fd);
    rmSync(beside, { force: true });
  }
  made.clear();
}

const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it, also to a pipe that somebody made non-blocking.
 *  @param {number} fd  @param {string | Uint8Array} data */
export function writeAll(fd, data) {
  let rest = typeof data === 'string' ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'EPIPE') return; // nobody reads it
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(waiting, 0, 0, 5);
    }
  }
}
