/** The command `wasm-pymalloc`. */

import { opendirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

import { memoryReport } from '../report.js';
import { Live } from './live.js';
import {
  checkCommand,
  checkProfile,
  checkReadable,
  checkRecorder,
  loadModule,
  reason,
} from './module.js';
import { inspectFile, observeFile, readFile, rewriteFile } from './observe.js';
import { HELP, StartError, UsageError, checkLimit, parseCommand } from './options.js';
import { dropOutputs, finishOutput, openOutput, writeAll } from './outputs.js';
import { diffReports } from './reports.js';
import { Thread } from './thread.js';
import { traceCommand } from './trace.js';

/** @typedef {import('./guest.js').Outcome} Outcome */
/** @typedef {import('./options.js').RunOptions} RunOptions */

/** As `env`, `timeout` and others have it: no program's own code. */
const EXIT_NOT_STARTED = 125;
/** As a shell reports an abort: 128 + SIGABRT. */
const EXIT_TRAP = 134;
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM']);
/** Bytes between two samples. */
const PROFILE_EVERY = 512 * 1024;

/** @param {string[]} argv  without node and the script
 *  @returns {Promise<number>} exit code */
export async function main(argv) {
  try {
    const parsed = parseCommand(argv, process.env);
    switch (parsed.command) {
      case 'help':
        writeAll(1, HELP);
        return 0;
      case 'version':
        writeAll(1, `${packageVersion()}\n`);
        return 0;
      case 'inspect':
        writeAll(1, inspectFile(parsed.module));
        return 0;
      case 'observe':
        writeAll(2, observeFile(parsed.module, parsed.out));
        return 0;
      case 'trace':
        writeAll(1, traceCommand(parsed));
        return 0;
      case 'diff': {
        const { text, exitCode } = diffReports(parsed);
        writeAll(1, text);
        return exitCode;
      }
      case 'run':
        return await run(parsed.options);
    }
  } catch (error) {
    dropOutputs();
    if (!(error instanceof StartError)) throw error;
    const hint = error instanceof UsageError ? ' (see wasm-pymalloc --help)' : '';
    writeAll(2, `wasm-pymalloc: ${error.message}${hint}\n`);
    return EXIT_NOT_STARTED;
  }
}

/** The module to run: the file's, or the same with its allocator recorded, where something is wanted
 *  that it does not tell by itself.
 *  @param {RunOptions} options
 *  @returns {{module: WebAssembly.Module, observed: boolean}} */
function moduleToRun({ module: file, stats, json, record, profile, limit, exactPeak, watch }) {
  const module = loadModule(file);
  const wants = [
    stats,
    json !== null,
    record !== null,
    profile !== null,
    limit !== null,
    watch !== null,
  ].includes(true);
  const linked = WebAssembly.Module.customSections(module, 'pymalloc').length > 0;
  const recorder = WebAssembly.Module.exports(module).some(({ name }) => name === 'pym_record');
  if (!wants || linked || recorder) {
    if (limit !== null) {
      const { wide } = checkReadable(module, file, '--limit', ['pym_root', 'pym_limit_set']);
      checkLimit(limit, wide);
    }
    if (exactPeak) checkReadable(module, file, '--exact-peak', ['pym_root', 'pym_limit_set']);
    if (stats) checkReadable(module, file, '--stats', ['pym_root']);
    if (json !== null) checkReadable(module, file, '--json', ['pym_root']);
    if (watch !== null) checkReadable(module, file, '--watch', ['pym_root']);
    if (record !== null) checkRecorder(module, file);
    if (profile !== null) checkProfile(module, file);
    return { module, observed: false };
  }
  checkLimit(limit, false);
  const { bytes } = rewriteFile(readFile(file), file);
  return { module: new WebAssembly.Module(/** @type {BufferSource} */ (bytes)), observed: true };
}

/** @param {RunOptions} options  @returns {Promise<number>} exit code */
async function run(options) {
  const { module: file, stats, json, record, profile, limit, watch } = options;
  const wasi = checkCommand(loadModule(file), file);
  const { module, observed } = moduleToRun(options);
  for (const folder of Object.values(options.preopens)) checkFolder(folder);
  const report = json === null ? null : openOutput('--json', json);
  const trace = record === null ? null : openOutput('--record', record);
  const heapProfile = profile === null ? null : openOutput('--profile', profile);
  const thread = new Thread({
    module,
    ...wasi,
    args: [file, ...options.args],
    env: options.env,
    preopens: options.preopens,
    report: stats || json !== null || watch !== null,
    record: trace && { fd: trace.fd, gzip: record?.endsWith('.gz') ?? false },
    profile:
      heapProfile === null || profile === null
        ? null
        : {
            fd: heapProfile.fd,
            name: profile,
            every: options.every ?? PROFILE_EVERY,
            wasm: readFile(file),
          },
    limit,
    exactPeak: options.exactPeak,
    observed,
  });
  const live = watch === null ? null : new Live(thread, file, watch);
  const tells = report !== null || trace !== null || heapProfile !== null || stats;
  const outcome = await outcomeOf(thread, tells || watch !== null);
  await live?.stop();
  await thread.end();
  if (outcome.refused !== null) throw new StartError(`${file}: ${outcome.refused}`);
  const exitCode = tell(options, outcome);
  if (report)
    writeAll(report.fd, `${JSON.stringify(toJson(options, outcome, exitCode), null, 2)}\n`);
  for (const output of [report, trace, heapProfile]) if (output) finishOutput(output);
  return exitCode;
}

/** A terminal, npx and timeout may send one signal twice: only one that comes later is a second. */
const SECOND_MS = 1000;

/** How the program ends: by itself, or by the first signal, when it is stopped in the middle of what
 *  it does; a second signal ends the process at once.
 *  @param {Thread} thread  @param {boolean} tells  something is to be told of it
 *  @returns {Promise<Outcome>} */
async function outcomeOf(thread, tells) {
  if (!tells) return thread.outcome;
  /** @type {() => void} */
  let off = () => {};
  const stopped = new Promise((resolve) => {
    let firstAt = Infinity;
    const stop = (/** @type {NodeJS.Signals} */ signal) => {
      if (performance.now() - firstAt > SECOND_MS) {
        dropOutputs();
        process.exit(128 + constants.signals[signal]);
      }
      if (firstAt < Infinity) return;
      firstAt = performance.now();
      void thread.ask('finish', signal).then((found) => resolve(found ?? unanswered(signal)));
    };
    for (const signal of SIGNALS) process.on(signal, stop);
    off = () => {
      for (const signal of SIGNALS) process.off(signal, stop);
    };
  });
  const outcome = await Promise.race([thread.outcome, stopped]);
  off();
  return outcome;
}

/** @param {NodeJS.Signals} signal  @returns {Outcome} of a program that is inside a call of its host */
function unanswered(signal) {
  const why = 'the program was inside a call of its host, such as a read from a terminal';
  return {
    exitCode: null,
    trap: null,
    refused: null,
    signal,
    milliseconds: 0,
    stats: null,
    heaps: [],
    events: [],
    missedEvents: 0,
    unreadable: why,
    unrecorded: why,
  };
}

/** What goes to standard error.
 *  @param {RunOptions} options  @param {Outcome} outcome  @returns {number} exit code */
function tell({ module: file, stats, record, profile, json }, outcome) {
  const { trap, signal } = outcome;
  const exitCode =
    outcome.exitCode
    ?? (signal === null ? EXIT_TRAP : 128 + constants.signals[/** @type {'SIGINT'} */ (signal)]);
  if (trap !== null) writeAll(2, `wasm-pymalloc: ${file} trapped: ${trap}\n`);
  if (outcome.unreadable !== null && (stats || json !== null)) {
    writeAll(2, `wasm-pymalloc: no report: ${outcome.unreadable}\n`);
  }
  if (outcome.note) writeAll(2, `wasm-pymalloc: --profile: ${outcome.note}\n`);
  if (outcome.unrecorded !== null && (record !== null || profile !== null)) {
    const what = record !== null ? 'trace' : 'heap profile';
    writeAll(2, `wasm-pymalloc: no ${what}: ${outcome.unrecorded}\n`);
  }
  if (stats && outcome.stats) {
    let how = `exit code ${exitCode}`;
    if (trap !== null) how = 'trapped';
    if (signal !== null) how = `stopped by ${signal}`;
    const title = `${file}, ${how}, ${(outcome.milliseconds / 1000).toFixed(2)} s`;
    writeAll(
      2,
      `\n${memoryReport(outcome.stats, {
        title,
        heaps: outcome.heaps,
        missedEvents: outcome.missedEvents,
      })}`,
    );
  }
  return exitCode;
}

/** @param {RunOptions} options  @param {Outcome} outcome  @param {number} exitCode
 *  @returns {object} schema 1: fields are only ever added */
function toJson({ module, args }, outcome, exitCode) {
  const { trap, signal, milliseconds, stats, heaps, events, missedEvents, unreadable } = outcome;
  return {
    schema: 1,
    module,
    args,
    exitCode,
    trap,
    signal,
    milliseconds,
    stats,
    heaps,
    events,
    missedEvents,
    unreadable,
  };
}

/** @param {string} folder  @throws {StartError} */
function checkFolder(folder) {
  try {
    opendirSync(folder).closeSync();
  } catch (error) {
    throw new StartError(`--dir ${reason(folder, error)}`);
  }
}

/** @returns {string} */
function packageVersion() {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
