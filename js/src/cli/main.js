/** The command `wasm-pymalloc`. */

import { closeSync, openSync, opendirSync, readFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { memoryReport } from '../report.js';
import { checkCommand, checkReadable, checkRecorder, loadModule, message, reason } from './module.js';
import { inspectFile, observeFile, readFile, rewriteFile } from './observe.js';
import { HELP, StartError, UsageError, parseCommand } from './options.js';

/** @typedef {import('./guest.js').Outcome} Outcome */
/** @typedef {import('./options.js').RunOptions} RunOptions */

const EXIT_NOT_STARTED = 2;
/** As a shell reports an abort: 128 + SIGABRT. */
const EXIT_TRAP = 134;
/** Stack of the thread that runs the guest.  Only what is used becomes memory. */
const STACK_MIB = 64;

/** @param {string[]} argv  without node and the script
 *  @returns {Promise<number>} exit code */
export async function main(argv) {
  try {
    const parsed = parseCommand(argv, process.env);
    switch (parsed.command) {
      case 'help': write(1, HELP); return 0;
      case 'version': write(1, `${packageVersion()}\n`); return 0;
      case 'inspect': write(1, inspectFile(parsed.module)); return 0;
      case 'observe': write(2, observeFile(parsed.module, parsed.out)); return 0;
      case 'run': return await run(parsed.options);
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const hint = error instanceof UsageError ? ' (see wasm-pymalloc --help)' : '';
    write(2, `wasm-pymalloc: ${error.message}${hint}\n`);
    return EXIT_NOT_STARTED;
  }
}

/** The module to run: the file's, or the same with its allocator recorded, where something is wanted
 *  that it does not tell by itself.
 *  @param {RunOptions} options
 *  @returns {{module: WebAssembly.Module, observed: boolean}} */
function moduleToRun({ module: file, stats, json, record, profile, limit }) {
  const module = loadModule(file);
  const wants = stats || json !== null || record !== null || profile !== null || limit !== null;
  const linked = WebAssembly.Module.customSections(module, 'pymalloc').length > 0;
  const recorder = WebAssembly.Module.exports(module).some(({ name }) => name === 'pym_record');
  if (!wants || linked || recorder) {
    if (limit !== null) checkReadable(module, file, '--limit', ['pym_root', 'pym_limit_set']);
    if (stats) checkReadable(module, file, '--stats', ['pym_root']);
    if (json !== null) checkReadable(module, file, '--json', ['pym_root']);
    if (record !== null) checkRecorder(module, file);
    if (profile !== null) {
      throw new StartError(`${file}: --profile is not possible: the module links wasm-pymalloc, `
        + 'whose allocations are not sampled yet. Leave it out');
    }
    return { module, observed: false };
  }
  const { bytes } = rewriteFile(readFile(file), file);
  return { module: new WebAssembly.Module(/** @type {BufferSource} */ (bytes)), observed: true };
}

/** @param {RunOptions} options  @returns {Promise<number>} exit code */
async function run(options) {
  const { module: file, stats, json, record, profile, limit } = options;
  const wasi = checkCommand(loadModule(file), file);
  const { module, observed } = moduleToRun(options);
  for (const folder of Object.values(options.preopens)) checkFolder(folder);
  const jsonFile = json === null ? null : openForWriting('--json', json);
  const trace = record === null ? null :
    { fd: openForWriting('--record', record), gzip: record.endsWith('.gz') };
  const heapProfile = profile === null ? null :
    { fd: openForWriting('--profile', profile), gzip: profile.endsWith('.gz') };

  const outcome = await runInThread({
    module, ...wasi, args: [file, ...options.args], env: options.env, preopens: options.preopens,
    report: stats || json !== null, record: trace, profile: heapProfile, limit, observed,
  });
  if (outcome.refused !== null) throw new StartError(`${file}: ${outcome.refused}`);
  const exitCode = outcome.exitCode ?? EXIT_TRAP;
  if (outcome.trap !== null) write(2, `wasm-pymalloc: ${file} trapped: ${outcome.trap}\n`);
  if (outcome.unreadable !== null) write(2, `wasm-pymalloc: no report: ${outcome.unreadable}\n`);
  if (outcome.unrecorded !== null) write(2, `wasm-pymalloc: no trace: ${outcome.unrecorded}\n`);
  if (stats && outcome.stats) {
    const how = outcome.trap === null ? `exit code ${exitCode}` : 'trapped';
    const title = `${file}, ${how}, ${(outcome.milliseconds / 1000).toFixed(2)} s`;
    write(2, `\n${memoryReport(outcome.stats, { title })}`);
  }
  if (jsonFile !== null) {
    write(jsonFile, `${JSON.stringify(toJson(options, outcome, exitCode), null, 2)}\n`);
    closeSync(jsonFile);
  }
  if (trace !== null) closeSync(trace.fd);
  if (heapProfile !== null) closeSync(heapProfile.fd);
  return exitCode;
}

/** @param {RunOptions} options  @param {Outcome} outcome  @param {number} exitCode
 *  @returns {object} schema 1: fields are only ever added */
function toJson({ module, args }, { trap, milliseconds, stats, unreadable }, exitCode) {
  return { schema: 1, module, args, exitCode, trap, milliseconds, stats, unreadable };
}

/** @param {import('./guest.js').Task} task
 *  @returns {Promise<Outcome>} */
function runInThread(task) {
  return new Promise((resolve) => {
    const started = performance.now();
    const gone = 'the thread that ran the program is gone';
    const failed = (/** @type {string} */ trap) => resolve({ exitCode: null, trap, refused: null,
      milliseconds: performance.now() - started, stats: null,
      unreadable: task.report ? gone : null, unrecorded: task.record ? gone : null });
    const worker = new Worker(new URL('./guest.js', import.meta.url), {
      workerData: task,
      resourceLimits: { stackSizeMb: STACK_MIB },
      // Without these Node would open our own standard output and error and make pipes
      // non-blocking, which the guest, writing to the same pipes, would feel.
      stdout: true,
      stderr: true,
    });
    worker.once('message', resolve);
    worker.once('error', (error) => failed(message(error)));
    worker.once('exit', () => failed('it ended its thread'));   // nothing once resolved
  });
}

/** @param {string} folder  @throws {StartError} */
function checkFolder(folder) {
  try {
    opendirSync(folder).closeSync();
  } catch (error) {
    throw new StartError(`--dir ${reason(folder, error)}`);
  }
}

/** Opened before the start: a report that cannot be written should not cost a long run.
 *  @param {string} option  that names it  @param {string} file  @returns {number} */
function openForWriting(option, file) {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw new StartError(`${option} ${reason(file, error)}`);
  }
}

/** Writes all of it, also to a pipe that somebody made non-blocking.
 *  @param {number} fd  @param {string} text */
function write(fd, text) {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'EPIPE') return;      // nobody reads it
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** @returns {string} */
function packageVersion() {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
