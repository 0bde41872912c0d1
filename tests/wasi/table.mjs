// WASI hosts besides Node.js: the modules of the examples run on each, with a report at exit
// (PYM_STATS=exit).  Writes the table of docs/hosts.md.
//
//   node tests/wasi/table.mjs [--check]     from the top; build/lua and build/python have to be there
//
// Hosts: wasm/setup.sh wasmedge wasmedge-17 wazero; npm ci in tests/wasi.  The preset `other-hosts` has all of it.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const top = join(here, '../..');
const cache =
  process.env.PYM_CACHE
  ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wasm-pymalloc');
const build = process.env.PYM_BUILD ?? join(top, 'build');
const work = join(top, 'build/wasi-hosts');
const bin = (name) => join(cache, 'bin', name);
mkdirSync(work, { recursive: true });

writeFileSync(
  join(work, 'p.lua'),
  `local t = {} for i = 1, 20000 do t[i] = {i, tostring(i)} end
print(#t, (pcall(error, "caught")))\n`,
);
const PYTHON = 'print(len([str(i) for i in range(20000)]))';

/** Modules: what they print, and how they are converted. */
/** Those of the module; with all of binaryen's it writes imports in a form that no host reads yet. */
const FEATURES = [
  'exception-handling',
  'reference-types',
  'bulk-memory',
  'mutable-globals',
  'sign-ext',
  'nontrapping-float-to-int',
  'multivalue',
];
const lua = join(build, 'lua/lua.wasm');
const exnref = join(work, 'lua-exnref.wasm');
const python = join(build, 'python/python.wasm');
for (const file of [lua, python]) {
  if (!existsSync(file)) throw new Error(`no ${file}: cmake --workflow --preset test builds it`);
}
execFileSync(join(here, 'node_modules/.bin/wasm-opt'), [
  ...FEATURES.map((name) => `--enable-${name}`),
  '--translate-to-exnref',
  lua,
  '-o',
  exnref,
]);
const lib = join(build, 'python/lib');

const MODULES = {
  'lua.wasm': { file: lua, args: ['p.lua'], prints: /^20000\s+false$/m, folders: [['.', work]] },
  'the same, exnref': {
    file: exnref,
    args: ['p.lua'],
    prints: /^20000\s+false$/m,
    folders: [['.', work]],
  },
  'python.wasm': {
    file: python,
    args: ['-c', PYTHON],
    prints: /^20000$/m,
    folders: [['/lib', lib]],
    env: { PYTHONHOME: '/' },
  },
};

const wasmedge =
  (program, flags) =>
  ({ file, args, folders, env = {} }) => [
    program,
    [
      ...flags,
      '--env',
      'PYM_STATS=exit',
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...folders.flatMap(([guest, host]) => ['--dir', `${guest}:${host}`]),
      file,
      ...args,
    ],
  ];
const script =
  (name) =>
  ({ file, args, folders, env = {} }) => [
    process.execPath,
    [
      '--no-warnings',
      join(here, name),
      JSON.stringify({ file, args, folders, env: { ...env, PYM_STATS: 'exit' } }),
    ],
  ];

const HOSTS = {
  'Node.js 20, `node:wasi`': ({ file, args, folders, env = {} }) => [
    bin('node20'),
    [
      '--no-warnings',
      join(top, 'js/bin/wasm-pymalloc.js'),
      'run',
      '--env',
      'PYM_STATS=exit',
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...folders.flatMap(([guest, host]) => ['--dir', `${host}::${guest}`]),
      file,
      ...args,
    ],
  ],
  'WasmEdge 0.14': wasmedge(bin('wasmedge'), ['--enable-exception-handling']),
  'WasmEdge 0.17': wasmedge(bin('wasmedge-17'), []),
  'wazero 1.12, its command': ({ file, args, folders, env = {} }) => [
    bin('wazero'),
    [
      'run',
      '-env',
      'PYM_STATS=exit',
      ...Object.entries(env).flatMap(([name, value]) => ['-env', `${name}=${value}`]),
      ...folders.flatMap(([guest, host]) => ['-mount', `${host}:${guest === '.' ? '/' : guest}`]),
      file,
      ...args,
    ],
  ],
  '`@bjorn3/browser_wasi_shim`': script('shim.mjs'),
  '`@runno/wasi`': script('runno.mjs'),
  '`@wasmer/sdk`': script('wasmer.mjs'),
};

/** @returns {string} what the table says */
function tried(command, [program, args], { prints }) {
  if (!existsSync(program)) return 'not there';
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 300_000,
    cwd: work,
    maxBuffer: 1 << 26,
  });
  const ran = prints.test(stdout);
  const reported = /Small block threshold = 512/.test(stderr);
  if (ran && reported) return 'runs';
  if (ran) return 'runs, no report';
  const why =
    `${stderr}${stdout}`.split('\n').find((line) => line.trim() !== '') ?? `exit code ${status}`;
  console.error(`${command}: ${why}`);
  if (
    /legacy|exception|tag|0x1f|illegal opcode|malformed|try|import section/i.test(
      `${stderr}${stdout}`,
    )
  )
    return 'refused: exceptions';
  return 'no';
}

const rows = [];
for (const [host, command] of Object.entries(HOSTS)) {
  const cells = Object.entries(MODULES).map(([name, module]) =>
    tried(`${host}, ${name}`, command(module), module),
  );
  rows.push(`| ${host} | ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}
const table = [
  `| host | ${Object.keys(MODULES).join(' | ')} |`,
  `|---|${'---|'.repeat(Object.keys(MODULES).length)}`,
  ...rows,
].join('\n');

const doc = join(top, 'docs/hosts.md');
const text = readFileSync(doc, 'utf8');
const MARKS = /(<!-- wasi hosts -->\n\n)[^]*?(\n\n<!-- end of wasi hosts -->)/;
if (!MARKS.test(text)) throw new Error('docs/hosts.md has no place for the table');
const next = text.replace(MARKS, (_, head, tail) => head + table + tail);
if (process.argv.includes('--check')) {
  if (next !== text) {
    console.error('docs/hosts.md is not what was found: node tests/wasi/table.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(doc, next);
}
