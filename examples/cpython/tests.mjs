// CPython's own tests, with each allocator:
//
//   node examples/cpython/tests.mjs [OPTIONS] FOLDER TESTS
//
//   FOLDER            what examples/cpython was built in
//   TESTS             the folder that holds CPython's package `test`
//   --modules LIST    test_json,test_re: those of MODULES unless said
//   --configs LIST    library,debug,malloc unless said
//
//   default   python-default.wasm, as upstream builds it: always run first
//   library   python.wasm
//   debug     python.wasm with PYTHONMALLOC=debug: the library's debug hooks
//   malloc    python-malloc.wasm: malloc is the library's too
//
// Printed: tests that passed, failed, were skipped by each module.  Exit code 1 if a test that passes
// in the default build does not pass everywhere, if a configuration has other tests, or if a test of
// MEMORY does not pass.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MODULES = [
  'test_capi',
  'test_json',
  'test_re',
  'test_dict',
  'test_list',
  'test_set',
  'test_tuple',
  'test_gc',
  'test_unicode',
  'test_bytes',
  'test_pickle',
  'test_struct',
  'test_dataclasses',
  'test_collections',
  'test_itertools',
  'test_tracemalloc',
];
const MEMORY = [
  'test_pymem_alloc0',
  'test_pymem_setallocators',
  'test_pymem_setrawallocators',
  'test_pyobject_setallocators',
].map((name) => `test.test_capi.test_misc.Test_testcapi.${name}`);
const CONFIGS = {
  default: { module: 'python-default.wasm', env: [] },
  library: { module: 'python.wasm', env: [] },
  debug: { module: 'python.wasm', env: ['--env', 'PYTHONMALLOC=debug'] },
  malloc: { module: 'python-malloc.wasm', env: [] },
};
const {
  values,
  positionals: [folder, tests],
} = parseArgs({
  allowPositionals: true,
  options: {
    modules: { type: 'string', default: MODULES.join() },
    configs: { type: 'string', default: 'library,debug,malloc' },
  },
});
if (!tests) {
  console.error('usage: tests.mjs [--modules LIST] [--configs LIST] FOLDER TESTS');
  process.exit(2);
}
// test_unicode became test_str in 3.13.
const isStr = (module) => module === 'test_unicode' && existsSync(join(tests, 'test/test_str.py'));
const modules = values.modules.split(',').map((module) => (isStr(module) ? 'test_str' : module));
const cli = fileURLToPath(new URL('../../js/bin/wasm-pymalloc.js', import.meta.url));

/** Outcome by test: passed, failed or skipped. */
function outcomes(xml) {
  const found = new Map();
  for (const [, name, self, body] of xml.matchAll(
    /<testcase name="([^"]*)"[^>]*?(?:(\/)>|>(.*?)<\/testcase>)/gs,
  )) {
    found.set(
      name,
      self
        ? 'passed'
        : /<(error|failure)\b/.test(body)
          ? 'failed'
          : /<skipped\b/.test(body)
            ? 'skipped'
            : 'passed',
    );
  }
  return found;
}

/** Runs all modules in one process: a file system of its own, hashes that do not change. */
function run(config) {
  const { module, env } = CONFIGS[config];
  const root = mkdtempSync(join(tmpdir(), 'cpython-'));
  mkdirSync(join(root, 'tmp'));
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--no-warnings',
      cli,
      'run',
      '--dir',
      `${root}::/`,
      '--dir',
      `${join(folder, 'lib')}::/usr/local/lib`,
      '--dir',
      `${tests}::/tests`,
      '--env',
      'PYTHONPATH=/tests',
      '--env',
      'PYTHONHASHSEED=1',
      ...env,
      join(folder, module),
      '-m',
      'test',
      '--tempdir',
      '/tmp',
      '--junit-xml',
      '/result.xml',
      ...modules,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const seconds = (performance.now() - start) / 1000;
  let xml = '';
  try {
    xml = readFileSync(join(root, 'result.xml'), 'utf8');
  } catch {
    console.error(
      `${config}: it ended with exit code ${status}\n${stdout.slice(-2000)}${stderr.slice(-4000)}`,
    );
  }
  rmSync(root, { recursive: true });
  return { config, seconds, found: outcomes(xml) };
}

const results = ['default', ...values.configs.split(',')].map(run);
const [base, ...others] = results;
const problems = [];
for (const { config, found } of others) {
  for (const [name, outcome] of base.found) {
    const here = found.get(name);
    if (here === undefined) problems.push(`${config}: ${name} did not run`);
    else if (outcome === 'passed' && here !== 'passed') problems.push(`${config}: ${name} ${here}`);
  }
  if (!modules.includes('test_capi')) continue;
  for (const name of MEMORY.filter((test) => found.get(test) !== 'passed')) {
    problems.push(`${config}: ${name} ${found.get(name) ?? 'did not run'}`);
  }
}
for (const module of modules) {
  if (![...base.found.keys()].some((name) => name.startsWith(`test.${module}.`))) {
    problems.push(`default: ${module} did not run`);
  }
}

const count = (found, module, outcome) =>
  [...found].filter(([name, o]) => o === outcome && name.startsWith(`test.${module}.`)).length;
const cells = (module) =>
  results.map(({ found }) =>
    ['passed', 'failed', 'skipped'].map((o) => count(found, module, o)).join(' / '),
  );
const line = (list) => console.log(`| ${list.join(' | ')} |`);
line(['passed / failed / skipped', ...results.map(({ config }) => config)]);
line(['---', ...results.map(() => '---:')]);
for (const module of modules) line([module, ...cells(module)]);
line(['seconds', ...results.map(({ seconds }) => seconds.toFixed(0))]);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
