/** Who includes whom in src/, who imports whom in js/.
 *
 *    node tests/rooms/graph.mjs [c | js]
 *
 *  A node of C is a file and its header (core/pool.c and core/pool.h are core/pool), one of
 *  JavaScript is a file. */
import { readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** The layers of src/, the lowest first; each may include itself and what is before it.  A port is
 *  two: its contract lies below all others, and nobody includes its files, one a platform. */
export const LAYERS = {
  contract: ['fast', 'pymalloc', 'pymalloc_component', 'pymalloc_python'],
  base: ['core/types', 'core/base', 'core/cause', 'core/layout'],
  port: ['ports/host', 'ports/linmem', 'ports/profile_host'],
  state: [
    'core/state',
    'core/corrupt',
    'core/event',
    'core/account',
    'core/profile',
    'core/threads',
    'core/thread_lock',
  ],
  space: ['core/space'],
  chunk: ['core/chunk_layout', 'core/bins', 'core/chunk'],
  pool: ['core/pool'],
  object: ['core/reclaim', 'core/limits', 'core/object', 'core/watched'],
  domain: ['core/domain', 'core/heap', 'core/arena_hook', 'core/thread_heap', 'core/thread_hold'],
  inspect: ['inspect/'],
  debug: ['debug/'],
  names: ['api/', 'adapters/', 'ports/'],
};

/** Functions that a header declares and a higher layer defines: the layer below has to call up.
 *  Memory comes from below and is wanted above. */
export const UPWARD = {
  'core/space': [
    'pym__segment_add',
    'pym__top_bytes',
    'pym__cache_flush',
    'pym__reclaim',
    'pym__reclaim_others',
    'pym__was_reclaimed_in_vain',
  ],
  // What a build for threads adds, in one header: the lock, its port, heaps of threads.
  'core/threads': [
    'pym__add_threads',
    'pym__add_threads_class',
    'pym__charged_in',
    'pym__check_held',
    'pym__flush_thread',
    'pym__held_pool',
    'pym__held_pools',
    'pym__hold_pool',
    'pym__is_pool_of',
    'pym__lock',
    'pym__next_thread',
    'pym__open_threads',
    'pym__owner_of',
    'pym__port_lock',
    'pym__port_unlock',
    'pym__reclaim_threads',
    'pym__reset_threads',
    'pym__run_alloc',
    'pym__run_split',
    'pym__thread_end_notice',
    'pym__thread_free',
    'pym__thread_malloc',
    'pym__thread_realloc',
    'pym__trim_thread',
    'pym__unlock',
  ],
};

/** @returns {Map<string, string>} text of each file by its path below `folder` */
export function filesOf(folder, pattern) {
  const files = new Map();
  for (const name of readdirSync(TOP + folder, { recursive: true }).sort())
    if (pattern.test(name) && !/node_modules|^page\/dist/.test(name))
      files.set(name, readFileSync(`${TOP}${folder}/${name}`, 'utf8'));
  return files;
}

/** @param {Map<string, string>} files  of src/
 *  @returns {Map<string, Set<string>>} nodes and what they include */
export function includesOf(files) {
  const graph = new Map();
  for (const [name, text] of files) {
    const node = name.replace(/\.[ch]$/, '');
    const to = graph.get(node) ?? new Set();
    graph.set(node, to);
    for (const [, path] of text.matchAll(/^#include "(.*)"/gm)) {
      if (!files.has(path)) throw new Error(`${name} includes ${path}: not a path below src/`);
      if (path.replace(/\.[ch]$/, '') !== node) to.add(path.replace(/\.[ch]$/, ''));
    }
  }
  return graph;
}

/** @param {Map<string, string>} files  of js/
 *  @returns {Map<string, Set<string>>} files and what they import when they are loaded */
export function importsOf(files) {
  const graph = new Map();
  for (const [name, text] of files) {
    const to = new Set();
    for (const [, path] of text.matchAll(/^(?:import|export)\b[^;'"]*['"](\.[^'"]*)['"]/gm))
      to.add(posix.join(posix.dirname(name), path));
    graph.set(name, to);
  }
  return graph;
}

/** @returns {string[][]} a cycle for each edge that leads back, as it is walked */
export function cyclesOf(graph) {
  const done = new Set();
  const path = [];
  const cycles = [];
  const visit = (node) => {
    if (path.includes(node)) cycles.push([...path.slice(path.indexOf(node)), node]);
    if (done.has(node) || path.includes(node)) return;
    path.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    done.add(path.pop());
  };
  for (const node of graph.keys()) visit(node);
  return cycles;
}

/** @returns {number} place of the node's layer, -1: it is in none */
export function layerOf(node) {
  const lists = Object.values(LAYERS);
  const exact = lists.findIndex((list) => list.includes(node));
  if (exact >= 0) return exact;
  return lists.findIndex((list) =>
    list.some((room) => room.endsWith('/') && node.startsWith(room)),
  );
}

/** @returns {string[]} what is in no layer, and includes that go up */
export function climbsOf(graph) {
  const names = Object.keys(LAYERS);
  const told = [];
  for (const [node, to] of graph) {
    if (layerOf(node) < 0) told.push(`${node} is in no layer`);
    for (const other of to)
      if (layerOf(other) > layerOf(node))
        told.push(`${node} (${names[layerOf(node)]}) includes ${other} (${names[layerOf(other)]})`);
  }
  return told;
}

/** @returns {string[]} functions that a header declares and its own file does not define */
export function strangersOf(files) {
  const told = [];
  for (const [name, text] of files) {
    const node = name.replace(/\.h$/, '');
    if (!name.endsWith('.h') || ['contract', 'port'].includes(Object.keys(LAYERS)[layerOf(node)]))
      continue;
    const own = text + (files.get(`${node}.c`) ?? '');
    for (const [, f] of text.matchAll(/^(?!typedef)[a-z_][\w *]*?\b(pym__\w+)\([^;{]*\);/gim))
      if (!new RegExp(`^[\\w *]*\\b${f}\\([^;]*?\\) \\{`, 'm').test(own)) told.push(`${node} ${f}`);
  }
  return told;
}

const cFiles = () => filesOf('src', /\.[ch]$/);
export const cGraph = () => includesOf(cFiles());
export const cStrangers = () => strangersOf(cFiles());
export const jsGraph = () => importsOf(filesOf('js', /\.m?js$/));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const graph = process.argv[2] === 'js' ? jsGraph() : cGraph();
  for (const [node, to] of graph) console.log(`${node}: ${[...to].sort().join(' ')}`);
}
