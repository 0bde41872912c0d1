// The programs of programs.mjs: what is run, on which module, with which work.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The allocators, in the order of the tables; what they are: programs/peers.cmake. */
export const PEERS = {
  pym: 'wasm-pymalloc, by its adapter',
  malloc: 'wasm-pymalloc as `malloc`, without an adapter',
  hooks: 'CPython with the adapter, called through its pointers only',
  both: 'CPython with the adapter, and malloc as well',
  blocks: "wasm-pymalloc serves quickjs-ng's every block: its own arenas are off",
  dlmalloc: 'Emscripten 6, dlmalloc',
  emmalloc: 'Emscripten 6, emmalloc',
  mimalloc: 'Emscripten 6, mimalloc 3.4.1',
  own: "CPython's own pymalloc, over wasi-libc",
  libc: 'wasi-libc, dlmalloc',
};

/** The kinds of programs, in the order of the tables. */
export const GROUPS = {
  cpython: 'CPython',
  lua: 'Lua',
  quickjs: 'QuickJS',
  'quickjs-ng': 'quickjs-ng',
  duktape: 'Duktape',
  sqlite: 'SQLite',
  cxx: 'C++',
};

/** The one that the others are held against. */
export const BASE = 'libc';

const examples = (path) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

/** Arguments behind the script, of a full run and of a short one: about 500 and 150 ms. */
const LUA = {
  binary_trees: [[14], [13]],
  json: [[30], [12]],
  objects: [[200000], [60000]],
  strings: [[20], [6]],
};
const QUICKJS = {
  collections: [[100], [30]],
  json: [[30], [8]],
  richards: [[60000], [15000]],
  splay: [
    [6000, 30000],
    [3000, 10000],
  ],
  strings: [[60], [20]],
};
const DUKTAPE = {
  json: [[20], [6]],
  richards: [[20000], [5000]],
  splay: [
    [6000, 20000],
    [3000, 4000],
  ],
  strings: [[30], [8]],
};
const SQLITE = { shop: [[20], [15]], text: [[120], [50]] };
const PYTHON = {
  binary_trees: [[14], [11]],
  churn: [[60000], [12000]],
  graphs: [[15], [4]],
  json_texts: [[15], [2]],
  nbody: [[40000], [8000]],
  pickles: [[80], [14]],
  regexes: [[20], [3]],
  richards: [[20], [5]],
  texts: [[100], [14]],
};

function scripts(group, module, folder, extension, sizes) {
  return Object.entries(sizes).map(([name, [full, short]]) => {
    const file = examples(`${folder}/programs/${name}.${extension}`);
    const script = basename(file);
    return {
      group,
      name,
      module,
      files: { [script]: file },
      args: (isShort) => [module, script, ...(isShort ? short : full).map(String)],
    };
  });
}

const command = (group, module, full, short) => ({
  group,
  name: module,
  module,
  files: {},
  args: (isShort) => [module, ...(isShort ? short : full)],
});

export const PROGRAMS = [
  ...scripts('lua', 'lua', 'lua', 'lua', LUA),
  ...scripts('quickjs', 'qjs', 'quickjs', 'js', QUICKJS),
  ...scripts('quickjs-ng', 'qjs-ng', 'quickjs', 'js', QUICKJS),
  ...scripts('duktape', 'duk', 'quickjs', 'js', DUKTAPE),
  ...scripts('sqlite', 'sqlite', 'sqlite', 'sql', SQLITE),
  command('sqlite', 'speedtest1', ['--memdb', '--size', '20'], ['--memdb', '--size', '5']),
  command('cxx', 'containers', ['80'], ['20']),
  command('cxx', 'documents', ['80'], ['20']),
  ...Object.entries(PYTHON).map(([name, [full, short]]) => ({
    group: 'cpython',
    name,
    module: 'python',
    files: {},
    python: true,
    args: (isShort) => [
      'python.wasm',
      `/programs/${name}.py`,
      ...(isShort ? short : full).map(String),
    ],
  })),
];
