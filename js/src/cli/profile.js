/** The file that `run --profile` writes: its name says in which format. */

import { gzipSync } from 'node:zlib';

import { heapProfile } from '../observe/profile.js';
import { writeAll } from './outputs.js';

/** @typedef {{fd: number, name: string, every: number, wasm: Uint8Array}} ProfileFile  open; wasm: the
 *    program, for its lines */

const FORMATS = Object.freeze(
  /** @type {const} */ ([
    ['.heapprofile', 'toHeapProfile'],
    ['.speedscope.json', 'toSpeedscope'],
    ['.firefox.json', 'toFirefox'],
    ['.folded', 'toFolded'],
  ]),
);

/** @param {ProfileFile} file  @param {import('../profile/profile.js').Profile} profile
 *  @returns {Promise<void>} */
export async function writeProfile({ fd, name }, profile) {
  const gzip = name.endsWith('.gz');
  const plain = gzip ? name.slice(0, -3) : name;
  const format = FORMATS.find(([ending]) => plain.endsWith(ending))?.[1];
  if (!format) {
    writeAll(fd, await profile.toPprof({ gzip }));
    return;
  }
  // What lived at the peak: at its end a program holds nothing, or what it never frees.
  const made = await profile[format]('peak');
  const bytes = Buffer.from(typeof made === 'string' ? made : JSON.stringify(made));
  writeAll(fd, gzip ? gzipSync(bytes) : bytes);
}

/** @param {ProfileFile} file  @param {import('../observe/watch.js').Watch} watch */
export function writeObserved({ fd, name }, watch) {
  const bytes = heapProfile(watch);
  writeAll(fd, name.endsWith('.gz') ? gzipSync(bytes) : bytes);
}
