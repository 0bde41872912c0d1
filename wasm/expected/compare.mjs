// Compare a module's imports and exports with a list: compare.mjs [--update] module.wasm list.txt.
// A new import is a host that refuses the module; a lost export is a caller that breaks.
import { readFileSync, writeFileSync } from 'node:fs';

const args = process.argv.slice(2);
const update = args[0] === '--update' && args.shift();
const [file, list] = args;
const module = new WebAssembly.Module(readFileSync(file));
const actual = [
  ...WebAssembly.Module.imports(module).map((i) => `import ${i.kind} ${i.module}.${i.name}`),
  ...WebAssembly.Module.exports(module).map((e) => `export ${e.kind} ${e.name}`),
].sort();

if (update) {
  writeFileSync(list, `${actual.join('\n')}\n`);
} else {
  const expected = readFileSync(list, 'utf8').trim().split('\n');
  const extra = actual.filter((line) => !expected.includes(line));
  const missing = expected.filter((line) => !actual.includes(line));
  for (const line of extra) console.error(`not in ${list}: ${line}`);
  for (const line of missing) console.error(`in ${list}, not in the module: ${line}`);
  if (extra.length + missing.length) {
    console.error('If this is meant: cmake --build the folder with --target surface-update.');
    process.exitCode = 1;
  } else {
    console.log(`${actual.length} imports and exports, as listed`);
  }
}
