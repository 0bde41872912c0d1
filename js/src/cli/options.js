/** The command line, parsed. */

import { parseArgs } from 'node:util';

import { LIMIT_MAX } from '../constants.js';
import { parseBytes, parseLimit } from '../text.js';

/** What keeps the program from being started: one line on standard error, exit code 125. */
export class StartError extends Error {}

/** The same, where the command line itself is wrong. */
export class UsageError extends StartError {}

/** @typedef {object} RunOptions
 *  @property {Record<string, string>} preopens  host folder by guest name
 *  @property {Record<string, string>} env
 *  @property {boolean} stats
 *  @property {string | null} json    file for the report, "-" for standard output, or null
 *  @property {string | null} record  file for the trace, or null
 *  @property {number | null} limit   bytes, or null
 *  @property {boolean} exactPeak     each call of the allocator is counted
 *  @property {string | null} profile  file for the heap profile, or null
 *  @property {number | null} watch   milliseconds between two looks, or null
 *  @property {number | null} every    mean bytes between two samples of the profile, or null
 *  @property {string} module         file
 *  @property {string[]} args         the guest's, without its name */

/** @typedef {{command: 'help'} | {command: 'version'} | {command: 'run', options: RunOptions}
 *    | {command: 'inspect', module: string} | {command: 'observe', module: string, out: string}
 *    | {command: 'trace', file: string, svg: string | null, html: string | null, json: string | null,
 *    at: number | null}
 *    | {command: 'diff', before: string, after: string, failOver: FailOver | null}} Command */

/** What `report diff` tolerates: a part of the first report's figure, or bytes.
 *  @typedef {{text: string, ratio: number | null, bytes: number | null}} FailOver */

export const HELP = `\
usage: wasm-pymalloc run [options] module.wasm [arguments of the program]
       wasm-pymalloc inspect module.wasm
       wasm-pymalloc observe module.wasm -o observed.wasm
       wasm-pymalloc trace [--svg FILE] [--html FILE] [--json FILE] [--at N] FILE.trace.gz
       wasm-pymalloc report diff before.json after.json [--fail-over 5%|64K]

run: runs a WASI command.  What stands behind module.wasm goes to the program untouched; so do standard
input, output and error, and its exit code comes back.

  --dir HOST[::GUEST]  let the program see the folder HOST, by the name GUEST (default: HOST);
                       may be repeated
  --env NAME=VALUE     set an environment variable; --env NAME passes the host's on;
                       may be repeated
  --stats              print a memory report on standard error when the program has ended
  --json FILE          write the same for machines
  --record FILE        write down every call of the allocator, gzipped if FILE ends in .gz
  --profile FILE       write who holds the memory: .heapprofile for Chrome, .speedscope.json,
                       .firefox.json, .folded for flame graphs, anything else for pprof, gzipped if
                       FILE ends in .gz
  --every BYTES        for --profile: one sample in so many bytes (512K)
  --limit BYTES        hard limit of all heaps together: 1000000, 512K, 64M, 1.5G
  --exact-peak         count at each call of the allocator, which makes it slower: the peak is then
                       exact to the byte
  --watch              show the heap on standard error while the program runs; if that is no terminal,
                       one line of JSON for each look
  --interval MS        milliseconds between two looks (default 250)
  --help, --version

FILE may be - for standard output.  A file is written beside its place and put there when it is whole;
Ctrl-C, SIGTERM and a trap of the program give all of them too.

Exit code: the program's own; 134 if it trapped; 125 if it could not be started; 128 and the signal's
number if it was stopped by one.
Where the module does not link wasm-pymalloc, its own allocator is found and recorded for --stats,
--json, --record, --profile and --limit.

inspect: says what a module is, which allocator it has, and what can be had of it.
observe: writes a module whose allocator is recorded, for observe() of wasm-pymalloc/observe.
trace: says what a recorded run did: peak, sizes, lifetimes, realloc chains, what was never freed.
  --svg FILE   draws live bytes over the run and the map of the heap; --at N: at call N (default: peak)
  --html FILE  a page that shows the map of the heap at any moment of the run
report diff: compares two files of --json; --fail-over ends with exit code 1 if a peak, what lives at the
  end or the linear memory of the second is larger by more than that.
`;

const HELPS = /** @type {const} */ ({
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
});
const RUN = /** @type {const} */ ({
  ...HELPS,
  dir: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  stats: { type: 'boolean' },
  json: { type: 'string' },
  record: { type: 'string' },
  profile: { type: 'string' },
  every: { type: 'string' },
  limit: { type: 'string' },
  'exact-peak': { type: 'boolean' },
  watch: { type: 'boolean' },
  interval: { type: 'string' },
});
const OBSERVE = /** @type {const} */ ({ ...HELPS, output: { type: 'string', short: 'o' } });
const TRACE = /** @type {const} */ ({
  ...HELPS,
  svg: { type: 'string' },
  html: { type: 'string' },
  json: { type: 'string' },
  at: { type: 'string' },
});
const REPORT = /** @type {const} */ ({ ...HELPS, 'fail-over': { type: 'string' } });
const INTERVAL_DEFAULT = 250;

/** @param {readonly string[]} argv  without node and the script
 *  @param {Record<string, string | undefined>} hostEnv
 *  @returns {Command}
 *  @throws {UsageError} */
export function parseCommand(argv, hostEnv) {
  const [command, ...rest] = argv;
  switch (command) {
    case '--help':
    case '-h':
    case 'help':
      return { command: 'help' };
    case '--version':
      return { command: 'version' };
    case 'run':
      return parseRun(rest, hostEnv);
    case 'inspect':
      return parseInspect(rest);
    case 'observe':
      return parseObserve(rest);
    case 'trace':
      return parseTrace(rest);
    case 'report':
      return parseReport(rest);
    case undefined:
      throw new UsageError('nothing to do: wasm-pymalloc run module.wasm');
    default:
      throw new UsageError(
        `unknown command "${command}": there are run, inspect, observe, ` + 'trace and report',
      );
  }
}

/** @template {NonNullable<import('node:util').ParseArgsConfig['options']>} T
 *  @param {string[]} args  @param {T} options
 *  @returns {ReturnType<typeof parseArgs<{args: string[], options: T, allowPositionals: true}>>}
 *  @throws {UsageError} */
function parsed(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
    throw new UsageError(line.replace(/\. To specify a positional.*/, ''));
  }
}

/** @param {{help?: boolean | undefined, version?: boolean | undefined}} values
 *  @returns {{command: 'help'} | {command: 'version'} | null} */
function helpOf({ help, version }) {
  if (help) return { command: 'help' };
  return version ? { command: 'version' } : null;
}

/** @param {string[]} argv  @returns {Command} */
function parseInspect(argv) {
  const {
    values,
    positionals: [module, more],
  } = parsed(argv, HELPS);
  const help = helpOf(values);
  if (help) return help;
  if (module === undefined || more !== undefined) {
    throw new UsageError('inspect takes one file: wasm-pymalloc inspect module.wasm');
  }
  return { command: 'inspect', module };
}

/** @param {string[]} argv  @returns {Command} */
function parseObserve(argv) {
  const {
    values,
    positionals: [module, more],
  } = parsed(argv, OBSERVE);
  const help = helpOf(values);
  if (help) return help;
  if (module === undefined || more !== undefined || values.output === undefined) {
    throw new UsageError(
      'observe takes a file and a name for another: wasm-pymalloc observe '
        + 'module.wasm -o observed.wasm',
    );
  }
  return { command: 'observe', module, out: values.output };
}

/** @param {string[]} argv  @returns {Command} */
function parseTrace(argv) {
  const {
    values,
    positionals: [file, more],
  } = parsed(argv, TRACE);
  const help = helpOf(values);
  if (help) return help;
  if (file === undefined || more !== undefined) {
    throw new UsageError('trace takes one file: wasm-pymalloc trace program.trace.gz');
  }
  const at = values.at === undefined ? null : Number(values.at);
  if (at !== null && (!Number.isInteger(at) || at < 0)) {
    throw new UsageError(`--at ${values.at}: should be the number of a call, 0 or more`);
  }
  const { svg = null, html = null, json = null } = values;
  return { command: 'trace', file, svg, html, json, at };
}

/** @param {string[]} argv  @returns {Command} */
function parseReport(argv) {
  const {
    values,
    positionals: [what, before, after, more],
  } = parsed(argv, REPORT);
  const help = helpOf(values);
  if (help) return help;
  if (what !== 'diff' || before === undefined || after === undefined || more !== undefined) {
    throw new UsageError('report has one use: wasm-pymalloc report diff before.json after.json');
  }
  const over = values['fail-over'];
  return { command: 'diff', before, after, failOver: over === undefined ? null : toFailOver(over) };
}

/** @param {string} text  @returns {FailOver} */
function toFailOver(text) {
  const [, percent] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim()) ?? [];
  if (percent !== undefined) return { text, ratio: Number(percent) / 100, bytes: null };
  const bytes = parseBytes(text);
  if (bytes !== null) return { text, ratio: null, bytes };
  throw new UsageError(`--fail-over ${text}: should be a part or a size, such as 5% or 64K`);
}

/** What stands behind the first word that is no option, or behind "--", is the program's.
 *  @param {string[]} argv  @param {Record<string, string | undefined>} hostEnv
 *  @returns {Command} */
function parseRun(argv, hostEnv) {
  const { tokens } = parseArgs({ args: argv, options: RUN, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind !== 'option');
  const end = first?.index ?? argv.length;
  const { values } = parsed(argv.slice(0, end), RUN);
  const help = helpOf(values);
  if (help) return help;
  const [module, ...args] = argv.slice(first?.kind === 'option-terminator' ? end + 1 : end);
  if (module === undefined) {
    throw new UsageError('no module: wasm-pymalloc run [options] module.wasm');
  }
  const { stats = false, json = null, record = null, profile = null, every, limit, watch } = values;
  if (every !== undefined && profile === null) throw new UsageError('--every needs --profile FILE');
  return {
    command: 'run',
    options: {
      stats,
      json,
      record,
      profile,
      module,
      args,
      preopens: preopensOf(values.dir ?? []),
      env: environmentOf(values.env ?? [], hostEnv),
      every: every === undefined ? null : toEvery(every),
      limit: limit === undefined ? null : toLimit(limit),
      exactPeak: values['exact-peak'] ?? false,
      watch: watch || values.interval !== undefined ? toInterval(values.interval) : null,
    },
  };
}

/** @param {string} text  @returns {number} which a 32-bit memory may be too small for */
function toLimit(text) {
  const limit = parseBytes(text);
  if (limit !== null && limit > 0) return limit;
  throw new UsageError(`--limit ${text}: should be bytes, such as 512K, 64M or 1.5G`);
}

/** @param {number | null} limit  @param {boolean} wide  the module's memory has 64-bit addresses
 *  @throws {UsageError} */
export function checkLimit(limit, wide) {
  if (limit === null || wide || limit <= LIMIT_MAX) return;
  throw new UsageError(`--limit ${limit}: the module has a 32-bit memory: should be below 4 GiB`);
}

/** @param {string} text  @returns {number} bytes */
function toEvery(text) {
  const bytes = parseLimit(text);
  if (bytes !== null && bytes > 0) return bytes;
  throw new UsageError(`--every ${text}: should be bytes below 4 GiB, such as 64K or 1M`);
}

/** @param {string | undefined} text  @returns {number} milliseconds */
function toInterval(text) {
  if (text === undefined) return INTERVAL_DEFAULT;
  const ms = Number(text);
  if (Number.isInteger(ms) && ms >= 10 && ms <= 3600000) return ms;
  throw new UsageError(`--interval ${text}: should be milliseconds, 10..3600000`);
}

/** @param {readonly string[]} values  of --dir
 *  @returns {Record<string, string>} host folder by guest name */
function preopensOf(values) {
  /** @type {Record<string, string>} */
  const preopens = {};
  for (const value of values) {
    const at = value.indexOf('::');
    const host = at < 0 ? value : value.slice(0, at);
    const guest = at < 0 ? value : value.slice(at + 2);
    if (host === '' || guest === '') {
      throw new UsageError(`--dir ${value}: should be HOST or HOST::GUEST`);
    }
    if (Object.hasOwn(preopens, guest) && preopens[guest] !== host) {
      throw new UsageError(`--dir: two folders for the name ${guest}`);
    }
    preopens[guest] = host;
  }
  return preopens;
}

/** @param {readonly string[]} values  of --env
 *  @param {Record<string, string | undefined>} hostEnv
 *  @returns {Record<string, string>} */
function environmentOf(values, hostEnv) {
  /** @type {Record<string, string>} */
  const env = {};
  for (const value of values) {
    const at = value.indexOf('=');
    const name = at < 0 ? value : value.slice(0, at);
    const found = at < 0 ? hostEnv[name] : value.slice(at + 1);
    if (name === '') throw new UsageError(`--env ${value}: should be NAME or NAME=VALUE`);
    if (found === undefined) throw new UsageError(`--env ${name}: no such variable is set here`);
    env[name] = found;
  }
  return env;
}
