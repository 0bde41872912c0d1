/** Bundlers, each with the smallest configuration that a user would write. */
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

import * as esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';

import { cache, packed } from '../hosts/paths.mjs';

const app = `${packed}bundlers/`;
const versionOf = (name) => createRequire(import.meta.url)(`${name}/package.json`).version;
const page = (out) => cpSync(`${app}index.html`, `${out}/index.html`);

/** @typedef {object} Bundler
 *  @property {string} title
 *  @property {string} how      the user gets the wasm file to it
 *  @property {() => string} version
 *  @property {(out: string) => Promise<unknown>} build  into that folder, index.html and main.js */

/** @type {Record<string, Bundler>} */
export const BUNDLERS = {
  vite: {
    title: 'Vite',
    how: 'nothing to do',
    version: () => versionOf('vite'),
    build: (out) =>
      vite.build({
        root: app,
        base: './',
        configFile: false,
        logLevel: 'error',
        build: { outDir: out },
      }),
  },
  webpack: {
    title: 'webpack',
    how: 'nothing to do',
    version: () => versionOf('webpack'),
    async build(out) {
      const stats = await promisify(webpack)({
        context: app,
        entry: './main.js',
        mode: 'production',
        output: { path: out },
      });
      if (stats.hasErrors()) throw new Error(stats.toString('errors-only'));
      page(out);
    },
  },
  esbuild: {
    title: 'esbuild',
    how: '`loader: { ".wasm": "file" }`, `createHeap({ wasm: url })`',
    version: () => esbuild.version,
    async build(out) {
      await esbuild.build({
        entryPoints: { main: `${app}main-url.js` },
        outdir: out,
        bundle: true,
        format: 'esm',
        minify: true,
        loader: { '.wasm': 'file' },
        logLevel: 'error',
      });
      page(out);
    },
  },
  bun: {
    title: 'Bun',
    how: '`createHeap({ wasm: url })`',
    version: () => execFileSync(`${cache}/bin/bun`, ['--version'], { encoding: 'utf8' }).trim(),
    async build(out) {
      execFileSync(`${cache}/bin/bun`, [
        'build',
        '--minify',
        '--target=browser',
        '--entry-naming=main.js',
        `--outdir=${out}`,
        `${app}main-url.js`,
      ]);
      page(out);
    },
  },
};
