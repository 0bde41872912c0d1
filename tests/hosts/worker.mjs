/** The program as workerd takes it: bundled as wrangler does, the wasm modules left as files that
 *  the configuration declares. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';

import { build } from 'esbuild';

import { app, built } from './paths.mjs';

/** @returns {Promise<string>} file of the configuration */
export async function bundleWorker() {
  const out = built('hosts/workerd/');
  mkdirSync(out, { recursive: true });
  /** @type {Set<string>} */
  const wasm = new Set();
  await build({
    entryPoints: [`${app}worker.js`],
    outfile: `${out}worker.js`,
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['module'], // Emscripten's glue imports it under Node.js
    loader: { '.bin': 'binary' },
    logLevel: 'warning',
    plugins: [
      {
        name: 'wasm modules',
        setup({ onResolve }) {
          onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
            cpSync(resolve(resolveDir, path), `${out}${basename(path)}`);
            wasm.add(basename(path));
            return { path: `./${basename(path)}`, external: true };
          });
        },
      },
    ],
  });
  const config = `${out}config.capnp`;
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .program)],
);

const program :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
${[...wasm].map((name) => `    (name = "${name}", wasm = embed "${name}"),\n`).join('')}  ],
  compatibilityDate = "2026-01-01",
);
`,
  );
  return config;
}
