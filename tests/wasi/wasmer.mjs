// A module under @wasmer/sdk, all in memory: node wasmer.mjs JSON
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Wasmer } from '@wasmer/sdk/node';

const { file, args, folders, env } = JSON.parse(process.argv[2]);
const files = {};
function add(folder, at) {
  for (const name of readdirSync(folder).filter((n) => !/\.wasm$|__pycache__/.test(n))) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) add(path, `${at}/${name}`);
    else files[`${at}/${name}`] = new Uint8Array(readFileSync(path));
  }
}
for (const [guest, host] of folders) add(host, guest === '.' ? '/work' : guest);
const wasmer = await Wasmer.create();
const program = await wasmer.packages.create({
  modules: { program: new Uint8Array(readFileSync(file)) },
  commands: { program: { module: 'program' } },
  files,
});
const sandbox = await wasmer.sandboxes.create({ packages: [program], env });
const named = args.map((arg) => (arg === 'p.lua' ? '/work/p.lua' : arg));
const output = await sandbox.command(program, named, { env }).run({ check: false });
process.stdout.write(output.stdout.bytes ?? '');
process.stderr.write(output.stderr.bytes ?? '');
process.exit(output.exitCode ?? output.code ?? 0);
