// Hold the code size: measure.mjs [--update] SYSTEM COMPILER_VERSION O2 o2.wasm Oz oz.wasm; of a .js
// that emcc wrote, the .wasm beside it.
//
// budget.json has, for each system and level, `target` (bytes of code and data that the project aims at, said
// when missed), `limit` (never to be passed) and what was last recorded: `code`, `data` (bytes of the
// sections' contents) and `gzip` (of the module).  More than recorded fails; another compiler than
// the recorded one is held to the limit only.
//
// Where wasm-opt is at hand (PYM_WASM_OPT), it is told what that makes of the module: emcc runs it
// always, clang where it finds it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const CODE = 10,
  DATA = 11;
const budgetFile = new URL('budget.json', import.meta.url);

/** Bytes of each section of a wasm module, by section id. */
function sections(bytes) {
  const sizes = {};
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++];
    let size = 0,
      shift = 0,
      byte;
    do {
      byte = bytes[at++];
      size |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80);
    sizes[id] = (sizes[id] ?? 0) + size;
    at += size;
  }
  return sizes;
}

/** What wasm-opt leaves of the module, in words. */
function optimized(level, file) {
  const tool = process.env.PYM_WASM_OPT;
  if (!tool) return '';
  const out = file.replace(/(\.wasm)?$/, '.opt.wasm');
  execFileSync(tool, [`-${level}`, '--enable-bulk-memory', file, '-o', out]);
  const { [CODE]: code = 0, [DATA]: data = 0 } = sections(readFileSync(out));
  const version = execFileSync(tool, ['--version'], { encoding: 'utf8' }).trim();
  return `; after ${version}: ${code + data}`;
}

const args = process.argv.slice(2);
const update = args[0] === '--update' && args.shift();
const [system, compiler, ...modules] = args;
const budgets = JSON.parse(readFileSync(budgetFile, 'utf8'));
const budget = budgets[system];
let failed = false;
for (let i = 0; i < modules.length; i += 2) {
  const level = modules[i];
  const file = modules[i + 1].replace(/\.js$/, '.wasm');
  const bytes = readFileSync(file);
  const { [CODE]: code = 0, [DATA]: data = 0 } = sections(bytes);
  const recorded = budget[level];
  const total = code + data,
    before = recorded.code + recorded.data;
  console.log(
    `-${level}: ${code} bytes of code + ${data} of data = ${total}; recorded ${before}, `
      + `limit ${recorded.limit}; module with gzip ${gzipSync(bytes, { level: 9 }).length}`
      + optimized(level, file),
  );
  if (update) Object.assign(recorded, { code, data, gzip: gzipSync(bytes, { level: 9 }).length });
  if (total > recorded.target) {
    console.log(
      `-${level} misses the target of ${recorded.target} bytes by ${total - recorded.target}`,
    );
  }
  if (total > recorded.limit) {
    console.error(`-${level} passes the limit by ${total - recorded.limit} bytes`);
    failed = true;
  } else if (!update && compiler === budget.compiler && total > before) {
    console.error(
      `-${level} grew by ${total - before} bytes.  If they are worth it, record them: `
        + `cmake --build build/${system} --target size-update`,
    );
    failed = true;
  }
}
if (update) {
  budget.compiler = compiler;
  writeFileSync(budgetFile, `${JSON.stringify(budgets, null, 2)}\n`);
}
process.exitCode = failed ? 1 : 0;
