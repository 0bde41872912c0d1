/** Mutated modules: each gives a typed error, or a module that the host accepts if it accepts the
 *  mutant.
 *
 *    node tests/observe/fuzz.mjs [COUNT [SEED]]     default: 100,000, a seed that is printed
 *    node tests/observe/fuzz.mjs 1 SEED             plays one again */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { PymallocError } from '../../js/src/observe/index.node.js';
import { rewrite } from '../../js/src/observe/rewrite.js';

const file = (name) =>
  new Uint8Array(readFileSync(new URL(`node_modules/${name}`, import.meta.url)));

/** Random numbers of 32 bits from a seed. */
export function generator(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** Modules to mutate, with their roles: mostly the writer is tried, which takes a millisecond. */
export function corpus() {
  return [
    'web-tree-sitter/web-tree-sitter.wasm',
    'draco3d/draco_decoder.wasm',
    'wasmoon/dist/glue.wasm',
    'tree-sitter-javascript/tree-sitter-javascript.wasm',
  ].map((name) => {
    const bytes = file(name);
    let known = null;
    try {
      known = rewrite(bytes).identity.roles;
    } catch (error) {
      if (!(error instanceof PymallocError)) throw error;
    }
    return { name, bytes, sections: sectionsOf(bytes), known };
  });
}

/** @param {Uint8Array} bytes  @returns {{begin: number, at: number, end: number}[]} */
function sectionsOf(bytes) {
  const out = [];
  for (let at = 8; at < bytes.length; ) {
    const begin = at++;
    let size = 0,
      shift = 0,
      byte;
    do {
      byte = bytes[at++];
      size += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    out.push({ begin, at, end: at + size });
    at += size;
  }
  return out;
}

/** Changes some bytes, mostly where structure is: in the first part of a section, in its head. */
export function mutant({ bytes, sections }, random) {
  const out = bytes.slice(0, random(30) === 0 ? random(bytes.length) : bytes.length);
  for (let n = 1 + random(4); n > 0; n--) {
    const { begin, at, end } = sections[random(sections.length)];
    const where =
      random(3) === 0
        ? begin + random(8)
        : random(3) === 0
          ? at + random(end - at)
          : at + random(Math.min(200, end - at));
    if (where >= out.length) continue;
    switch (random(4)) {
      case 0:
        out[where] = random(256);
        break;
      case 1:
        out[where] ^= 1 << random(8);
        break;
      case 2:
        out.copyWithin(where, where + 1);
        break;
      default:
        out.fill(0xff, where, where + 1 + random(5));
    }
  }
  return out;
}

/** @returns {'error' | 'written' | 'refused'} refused: by the host, as the mutant itself
 *  @throws {Error} what must not be */
export function play(seed, modules) {
  const random = generator(seed);
  const one = modules[random(modules.length)];
  const bytes = mutant(one, random);
  // One in fifty is searched, which the host has to compile.
  const known = random(50) === 0 ? null : one.known;
  let result;
  try {
    result = rewrite(bytes, { known });
  } catch (error) {
    if (error instanceof PymallocError && error.message.length > 30) return 'error';
    throw new Error(`seed ${seed} (${one.name}): ${error?.stack ?? error}`);
  }
  if (WebAssembly.validate(result.bytes)) return 'written';
  if (!WebAssembly.validate(bytes)) return 'refused';
  throw new Error(`seed ${seed} (${one.name}): the rewritten module does not validate`);
}

/** @returns {Record<string, number>} how many of each */
export function fuzz(count, first) {
  const modules = corpus();
  const found = { error: 0, written: 0, refused: 0 };
  for (let i = 0; i < count; i++) found[play((first + i) >>> 0, modules)]++;
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const count = Number(process.argv[2] ?? 100_000);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  console.log(count, fuzz(count, seed));
}
