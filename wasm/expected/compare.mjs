// Compare what a file gives and wants with a list: compare.mjs [--update] FILE list.txt.
//
// Of a module its imports and exports: a new import is a host that refuses the module, a lost export
// a caller that breaks.  Of an archive (.a) the names that it defines for the program, and those that
// the program must have; PYM_NM is the nm that reads it.  Names pym__* are between its own files.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const args = process.argv.slice(2);
const update = args[0] === '--update' && args.shift();
const [file, list] = args;

function namesOfModule() {
  const module = new WebAssembly.Module(readFileSync(file));
  return [
    ...WebAssembly.Module.imports(module).map((i) => `import ${i.kind} ${i.module}.${i.name}`),
    ...WebAssembly.Module.exports(module).map((e) => `export ${e.kind} ${e.name}`),
  ];
}

// Compilers call these where they like, or put instructions in their place.
const BUILTIN = ['memcpy', 'memset', 'memmove'];
const KINDS = { U: 'needs', w: 'may use', v: 'may use', W: 'defines weak', V: 'defines weak' };

function namesOfArchive() {
  const text = execFileSync(process.env.PYM_NM, ['-P', '-g', file], { encoding: 'utf8' });
  const symbols = [...text.matchAll(/^([^: ]+) (\w)/gm)]
    .map(([, name, kind]) => ({ name, kind }))
    .filter(({ name }) => !/^pym__|^__(stack_pointer|indirect_function_table)$/.test(name));
  const defined = symbols.filter(({ kind }) => !/[Uwv]/.test(kind)).map(({ name }) => name);
  return [
    ...new Set(
      symbols
        .filter(({ name, kind }) => !/[Uwv]/.test(kind) || !defined.concat(BUILTIN).includes(name))
        .map(({ name, kind }) => `${KINDS[kind] ?? 'defines'} ${name}`),
    ),
  ];
}

const actual = (file.endsWith('.a') ? namesOfArchive() : namesOfModule()).sort();

if (update) {
  writeFileSync(list, `${actual.join('\n')}\n`);
} else {
  const expected = readFileSync(list, 'utf8').trim().split('\n');
  const extra = actual.filter((line) => !expected.includes(line));
  const missing = expected.filter((line) => !actual.includes(line));
  for (const line of extra) console.error(`not in ${list}: ${line}`);
  for (const line of missing) console.error(`in ${list}, not in the file: ${line}`);
  if (extra.length + missing.length) {
    console.error('If this is meant: cmake --build the folder with --target surface-update.');
    process.exitCode = 1;
  } else {
    console.log(`${actual.length} names, as listed`);
  }
}
