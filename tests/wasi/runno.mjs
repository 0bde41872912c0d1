// A module under @runno/wasi, all in memory: node runno.mjs JSON
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WASI } from '@runno/wasi';

const { file, args, folders, env } = JSON.parse(process.argv[2]);
const fs = {};
function add(folder, at) {
  for (const name of readdirSync(folder).filter((n) => !/\.wasm$|__pycache__/.test(n))) {
    const path = join(folder, name);
    const to = `${at}/${name}`.replace(/^\/\.\//, '/').replace(/^\.\//, '/');
    if (statSync(path).isDirectory()) add(path, to);
    else {
      const time = new Date(0);
      fs[to] = {
        path: to,
        mode: 'binary',
        content: new Uint8Array(readFileSync(path)),
        timestamps: { access: time, change: time, modification: time },
      };
    }
  }
}
for (const [guest, host] of folders) add(host, guest === '.' ? '' : guest);
const { exitCode } = await WASI.start(
  new Response(readFileSync(file), { headers: { 'content-type': 'application/wasm' } }),
  {
    args: [file, ...args],
    env,
    fs,
    isTTY: false,
    stdin: () => null,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  },
);
process.exitCode = exitCode;
