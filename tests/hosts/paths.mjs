/** Where things are. */
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
/** What pack.mjs makes: the package, packed and installed, and who uses it beside. */
export const packed = `${root}build/packed/`;
/** The program of tests/hosts/app. */
export const app = `${packed}hosts/`;

/** @param {string} path  in the build folder */
export const built = (path) => `${root}build/${path}`;

/** The same rule as in wasm/setup.sh, which puts the programs there. */
export const cache =
  process.env.PYM_CACHE ?? `${process.env.XDG_CACHE_HOME || `${homedir()}/.cache`}/wasm-pymalloc`;
