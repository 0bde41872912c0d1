// A module under @bjorn3/browser_wasi_shim, all in memory: node shim.mjs JSON
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConsoleStdout,
  Directory,
  File,
  OpenFile,
  PreopenDirectory,
  WASI,
} from '@bjorn3/browser_wasi_shim';

const { file, args, folders, env } = JSON.parse(process.argv[2]);

function contents(folder) {
  return new Map(
    readdirSync(folder)
      .filter((name) => !/\.wasm$|__pycache__/.test(name))
      .map((name) => {
        const path = join(folder, name);
        return [
          name,
          statSync(path).isDirectory()
            ? new Directory(contents(path))
            : new File(readFileSync(path)),
        ];
      }),
  );
}

const line = (stream) => ConsoleStdout.lineBuffered((text) => stream.write(`${text}\n`));
const wasi = new WASI(
  [file, ...args],
  Object.entries(env).map(([k, v]) => `${k}=${v}`),
  [
    new OpenFile(new File([])),
    line(process.stdout),
    line(process.stderr),
    ...folders.map(([guest, host]) => new PreopenDirectory(guest, contents(host))),
  ],
  { debug: false },
);
const module = await WebAssembly.compile(readFileSync(file));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
