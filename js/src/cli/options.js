/** The command line, parsed. */

/** What keeps the program from being started: one line on standard error, exit code 2. */
export class StartError extends Error {}

/** The same, where the command line itself is wrong. */
export class UsageError extends StartError {}

/** @typedef {object} RunOptions
 *  @property {Record<string, string>} preopens  host folder by guest name
 *  @property {Record<string, string>} env
 *  @property {boolean} stats
 *  @property {string | null} json    file for the report, or null
 *  @property {string | null} record  file for the trace, or null
 *  @property {number | null} limit   bytes, or null
 *  @property {string | null} profile  file for the heap profile, or null
 *  @property {string} module         file
 *  @property {string[]} args         the guest's, without its name */

/** @typedef {{command: 'help'} | {command: 'version'} | {command: 'run', options: RunOptions}
 *    | {command: 'inspect', module: string} | {command: 'observe', module: string, out: string}}
 *    Command */

export const HELP = `\
usage: wasm-pymalloc run [options] module.wasm [arguments of the program]
       wasm-pymalloc inspect module.wasm
       wasm-pymalloc observe module.wasm -o observed.wasm

run: runs a WASI command.  What stands behind module.wasm goes to the program untouched; so do standard
input, output and error, and its exit code comes back.

  --dir HOST[::GUEST]  let the program see the folder HOST, by the name GUEST (default: HOST);
                       may be repeated
  --env NAME=VALUE     set an environment variable; --env NAME passes the host's on;
                       may be repeated
  --stats              print a memory report on standard error when the program has ended
  --json FILE          write the same for machines
  --record FILE        write down every call of the allocator, gzipped if FILE ends in .gz
  --profile FILE       write a heap profile for pprof, gzipped if FILE ends in .gz
  --limit BYTES        hard limit of the heap: 1000000, 512K, 64M, 2G
  --help, --version

Exit code: the program's own; 134 if it trapped; 2 if it could not be started.
Where the module does not link wasm-pymalloc, its own allocator is found and recorded for --stats,
--json, --record, --profile and --limit.

inspect: says what a module is, which allocator it has, and what can be had of it.
observe: writes a module whose allocator is recorded, for observe() of wasm-pymalloc/observe.
`;

/** Options of `run` and whether they take a value.
 *  @type {Record<string, boolean>} */
const OPTIONS = { '--dir': true, '--env': true, '--stats': false, '--json': true,
  '--record': true, '--profile': true, '--limit': true };

/** @param {readonly string[]} argv  without node and the script
 *  @param {Record<string, string | undefined>} hostEnv
 *  @returns {Command}
 *  @throws {UsageError} */
export function parseCommand(argv, hostEnv) {
  const [command, ...rest] = argv;
  if (command === '--help' || command === '-h' || command === 'help') return { command: 'help' };
  if (command === '--version') return { command: 'version' };
  if (command === undefined) throw new UsageError('nothing to do: wasm-pymalloc run module.wasm');
  if (command === 'inspect') return parseInspect(rest);
  if (command === 'observe') return parseObserve(rest);
  if (command !== 'run') {
    throw new UsageError(`unknown command "${command}": there are run, inspect and observe`);
  }
  return parseRun(rest, hostEnv);
}

/** @param {string[]} argv  @returns {Command} */
function parseInspect(argv) {
  const [module, more] = argv;
  if (module === '--help' || module === '-h') return { command: 'help' };
  if (module === undefined || module.startsWith('-') || more !== undefined) {
    throw new UsageError('inspect takes one file: wasm-pymalloc inspect module.wasm');
  }
  return { command: 'inspect', module };
}

/** @param {string[]} argv  @returns {Command} */
function parseObserve(argv) {
  if (argv[0] === '--help' || argv[0] === '-h') return { command: 'help' };
  const at = argv.findIndex((word) => word === '-o' || word === '--output');
  const out = at < 0 ? undefined : argv[at + 1];
  const [module, more] = argv.filter((_, i) => at < 0 || i !== at && i !== at + 1);
  if (module === undefined || module.startsWith('-') || more !== undefined || out === undefined) {
    throw new UsageError('observe takes a file and a name for another: wasm-pymalloc observe '
      + 'module.wasm -o observed.wasm');
  }
  return { command: 'observe', module, out };
}

/** @param {string[]} argv  @param {Record<string, string | undefined>} hostEnv
 *  @returns {Command} */
function parseRun(argv, hostEnv) {
  /** @type {RunOptions} */
  const options = { preopens: {}, env: {}, stats: false, json: null, record: null, limit: null,
    profile: null, module: '', args: [] };
  let i = 0;
  for (; i < argv.length; i++) {
    const word = /** @type {string} */ (argv[i]);
    if (word === '--help' || word === '-h') return { command: 'help' };
    if (word === '--version') return { command: 'version' };
    if (word === '--') { i++; break; }
    if (!word.startsWith('-') || word === '-') break;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const takes = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (takes === undefined) throw new UsageError(`unknown option ${name}`);
    if (!takes && equals >= 0) throw new UsageError(`${name} takes no value`);
    const value = !takes ? '' : equals >= 0 ? word.slice(equals + 1) : argv[++i];
    if (value === undefined) throw new UsageError(`${name} needs a value`);
    setOption(options, name, value, hostEnv);
  }
  const module = argv[i];
  if (module === undefined) {
    throw new UsageError('no module: wasm-pymalloc run [options] module.wasm');
  }
  return { command: 'run', options: { ...options, module, args: argv.slice(i + 1) } };
}

/** @param {RunOptions} options  changed  @param {string} name  @param {string} value
 *  @param {Record<string, string | undefined>} hostEnv */
function setOption(options, name, value, hostEnv) {
  switch (name) {
    case '--dir': return addDir(options.preopens, value);
    case '--env': return addEnv(options.env, value, hostEnv);
    case '--json': options.json = value; return;
    case '--record': options.record = value; return;
    case '--profile': options.profile = value; return;
    case '--limit': options.limit = parseBytes(value); return;
    default: options.stats = true;
  }
}

/** @param {Record<string, string>} preopens  @param {string} value */
function addDir(preopens, value) {
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

/** @param {Record<string, string>} env  @param {string} value
 *  @param {Record<string, string | undefined>} hostEnv */
function addEnv(env, value, hostEnv) {
  const at = value.indexOf('=');
  const name = at < 0 ? value : value.slice(0, at);
  const found = at < 0 ? hostEnv[name] : value.slice(at + 1);
  if (name === '') throw new UsageError(`--env ${value}: should be NAME or NAME=VALUE`);
  if (found === undefined) throw new UsageError(`--env ${name}: no such variable is set here`);
  env[name] = found;
}

/** @param {string} text  @returns {number} bytes */
export function parseBytes(text) {
  const [, digits, unit] = /^(\d{1,10})(?:([kmg])(?:i?b)?)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** ' kmg'.indexOf(unit?.toLowerCase() ?? ' ');
  if (!(bytes > 0 && bytes < 2 ** 32 - 1)) {
    throw new UsageError(`--limit ${text}: should be bytes below 4 GiB, such as 512K or 64M`);
  }
  return bytes;
}
