/** The preload in Node.js: options from PYM_OBSERVE, a report on standard error at exit. */

import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { memoryReport } from '../report.js';
import { hasLength, knownRoles } from './known.js';
import { parseVariable } from './options.js';
import { modulesLeftAlone, preload, preloadedWatches } from './preload.js';
import { heapProfile } from './profile.js';
import { leaksReport } from './report.js';
import { Threads } from './threads.node.js';

const NO_RECORDER = Object.freeze({ Recording: null });

/** For what few programs need: loading it takes longer than all of this library. */
const require = createRequire(import.meta.url);

/** Was this file named by --import?
 *  @param {string} url  of it
 *  @returns {boolean} */
export function isPreloaded(url) {
  const words = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return words.some((word, i) => {
    const named = word.startsWith('--import=')
      ? word.slice('--import='.length)
      : words[i - 1] === '--import'
        ? word
        : '';
    const name = named.replace(/^"|"$/g, '');
    return name === 'wasm-pymalloc/observe' || (name !== '' && resolved(name) === url);
  });
}

/** @param {string} specifier  @returns {string} its URL, as --import resolves it */
function resolved(specifier) {
  try {
    if (URL.canParse(specifier)) return new URL(specifier).href;
    if (/^\.{0,2}\//.test(specifier)) return pathToFileURL(specifier).href;
    return pathToFileURL(createRequire(`${process.cwd()}/`).resolve(specifier)).href;
  } catch {
    return ''; // of something else that --import names
  }
}

/** @typedef {import('../cli/record.js').Recording} Recording */

/** Puts itself in place. */
export async function preloadNode() {
  const options = parseVariable(process.env['PYM_OBSERVE'] ?? '');
  // What writes traces needs most of this package: few programs wait for it to be loaded.
  const { Recording } = options.record === null ? NO_RECORDER : await import('../cli/record.js');
  /** @type {Recording[]} */
  const recordings = [];
  const threads = new Threads({
    report: () => atExit(options, recordings),
    state: () => preloadedWatches().map(({ name, watch }) => ({ name, stats: watch.stats() })),
    show: (number, state) => showThread(options, number, state),
  });
  preload({
    known: (bytes) => (hasLength(bytes.length) ? knownRoles(bytes.length, digest(bytes)) : null),
    glueOf,
    options: () => {
      const recording = Recording && new Recording();
      if (recording) recordings.push(recording);
      threads.join();
      return {
        drained: () => threads.busy(),
        limit: options.limit,
        sample: options.sample,
        recorder: recording && { call: (...args) => recording.malloc(...args) },
      };
    },
  });
}

/** @param {Uint8Array} bytes  @returns {string} SHA-256, hexadecimal */
export function digest(bytes) {
  const { createHash } = /** @type {typeof import('node:crypto')} */ (require('node:crypto'));
  return createHash('sha256').update(bytes).digest('hex');
}

/** @returns {number} 0: the main thread */
function thread() {
  const { isMainThread, threadId } = /** @type {typeof import('node:worker_threads')} */ (
    require('node:worker_threads')
  );
  return isMainThread ? 0 : threadId;
}

/** @param {Uint8Array} bytes  @returns {Uint8Array} */
function gzipped(bytes) {
  const { gzipSync } = /** @type {typeof import('node:zlib')} */ (require('node:zlib'));
  return gzipSync(bytes);
}

/** @param {string} name  address of a script  @returns {string} its text */
function glueOf(name) {
  try {
    return readFileSync(name.startsWith('file:') ? new URL(name) : name, 'utf8');
  } catch {
    return '';
  }
}

/** @param {import('./options.js').PreloadOptions} options  @param {readonly Recording[]} recordings */
function atExit({ quiet, leaks, profile, json, record }, recordings) {
  const watched = preloadedWatches();
  const stats = watched.map(({ watch }) => watch.stats());
  if (!quiet) {
    const where = thread() === 0 ? '' : ` in thread ${thread()}`;
    watched.forEach(({ name, watch }, i) => {
      const one = /** @type {typeof stats[0]} */ (stats[i]);
      if (one.domains.malloc.totalBlocks === 0) return; // Node has modules of its own
      const title = `${shortName(name)}${where}`;
      print(`\n${memoryReport(one, { title })}`);
      if (leaks) print(`\n${leaksReport(watch)}`);
    });
    for (const { name, reason, code } of modulesLeftAlone()) {
      if (code === 'NO_MEMORY') continue; // glue makes many small ones
      print(`wasm-pymalloc: ${shortName(name)} runs as it is (${code}): ${reason}\n`);
    }
  }
  // The files of threads beside that of the main one have their number in their names.
  if (json !== null) {
    const modules = watched.map(
      (
        {
          name,
          watch: {
            identity: { how, roles },
          },
        },
        i,
      ) => ({ name, how, roles, stats: stats[i] }),
    );
    save(json, 0, JSON.stringify({ schema: 1, modules, leftAlone: modulesLeftAlone() }, null, 2));
  }
  watched.forEach(({ watch }, i) => {
    if (profile !== null) {
      const bytes = heapProfile(watch);
      save(profile, i, profile.endsWith('.gz') ? gzipped(bytes) : bytes);
    }
    if (record !== null) {
      save(record, i, /** @type {Recording} */ (recordings[i]).bytes(record.endsWith('.gz'), true));
    }
  });
}

/** What is known of a thread that ended before it could report.
 *  @param {import('./options.js').PreloadOptions} options  @param {number} number  of the thread
 *  @param {readonly {name: string, stats: import('./watch.js').ObservedStats}[]} modules */
function showThread({ quiet, json }, number, modules) {
  for (const { name, stats } of quiet ? [] : modules) {
    print(`\n${memoryReport(stats, { title: `${shortName(name)} in thread ${number}` })}`);
    print('The thread was ended inside of a call: its latest calls are not among these.\n');
  }
  if (json !== null) save(json, 0, JSON.stringify({ schema: 1, modules }, null, 2), number);
}

/** @param {string} file  @param {number} i  of the module  @param {string | Uint8Array} contents
 *  @param {number} [of]  the thread */
function save(file, i, contents, of = thread()) {
  const number = [...(of === 0 ? [] : [`thread${of}`]), ...(i > 0 ? [String(i + 1)] : [])];
  const path =
    number.length === 0 ? file : file.replace(/((?:\.[A-Za-z]\w*)*)$/, `.${number.join('.')}$1`);
  try {
    writeFileSync(path, contents);
  } catch (error) {
    print(
      `wasm-pymalloc: ${path} could not be written: `
        + `${error instanceof Error ? error.message : error}\n`,
    );
  }
}

/** @param {string} name  address of a script  @returns {string} below node_modules or this folder */
function shortName(name) {
  const path = name.startsWith('file:') ? fileURLToPath(name) : name;
  if (path.startsWith('node:')) return path;
  const packaged = path.lastIndexOf('/node_modules/');
  if (packaged >= 0) return path.slice(packaged + '/node_modules/'.length);
  return relative(process.cwd(), path) || path || 'a module';
}

/** @param {string} text  for standard error */
function print(text) {
  try {
    writeSync(2, text);
  } catch {
    /* nobody reads it */
  }
}
