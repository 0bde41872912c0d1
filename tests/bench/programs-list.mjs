// The programs of programs.mjs: what is run, on which module, with which work.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The allocators, in the order of the tables; what they are: programs/peers.cmake. */
export const PEERS = {
  pym: 'wasm-pymalloc, by its adapter',
  malloc: 'wasm-pymalloc as `malloc`',
  dlmalloc: 'Emscripten 6, dlmalloc',
  emmalloc: 'Emscripten 6, emmalloc',
  mimalloc: 'Emscripten 6, mimalloc 3.4.1',
  own: "CPython's own pymalloc, over wasi-libc",
  libc: 'wasi-libc, dlmalloc',
};

/** The one that the others are held against. */
export const BASE = 'libc';

const examples = (path) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

/** Arguments behind the script: [of a full run, of a short one]. */
const LUA = { binary_trees: [[14], [13]], json: [[30], [15]], objects: [[200000], [80000]],
  strings: [[20], [8]] };
const JS = { json: [[20], [6]], richards: [[20000], [6000]], splay: [[6000, 30000], [3000, 10000]],
  strings: [[12], [4]] };
const QUICKJS = { collections: [[10], [4]], ...JS };
const SQLITE = { shop: [[60], [20]], text: [[60], [20]] };
const PYTHON = ['binary_trees', 'churn', 'graphs', 'json_texts', 'nbody', 'pickles', 'regexes',
  'richards', 'texts'];
const SHORT_PYTHON = { binary_trees: 8 };

function scripts(group, module, folder, extension, sizes) {
  return Object.entries(sizes).map(([name, [full, short]]) => {
    const file = examples(`${folder}/programs/${name}.${extension}`);
    const script = basename(file);
    return { group, name, module, files: { [script]: file },
      args: (isShort) => [module, script, ...(isShort ? short : full).map(String)] };
  });
}

const command = (group, module, full, short) =>
  ({ group, name: module, module, files: {}, args: (isShort) => [module, ...(isShort ? short : full)] });

export const PROGRAMS = [
  ...scripts('lua', 'lua', 'lua', 'lua', LUA),
  ...scripts('quickjs', 'qjs', 'quickjs', 'js', QUICKJS),
  ...scripts('duktape', 'duk', 'quickjs', 'js', JS),
  ...scripts('sqlite', 'sqlite', 'sqlite', 'sql', SQLITE),
  command('sqlite', 'speedtest1', ['--memdb', '--size', '20'], ['--memdb', '--size', '5']),
  command('cxx', 'containers', ['20'], ['5']),
  command('cxx', 'documents', ['20'], ['5']),
  ...PYTHON.map((name) => ({ group: 'cpython', name, module: 'python', files: {}, python: true,
    args: (isShort) => ['python.wasm', `/programs/${name}.py`,
      ...(isShort && SHORT_PYTHON[name] ? [String(SHORT_PYTHON[name])] : [])] })),
];
