/** The formatter and the linter name what is wrong, in a small checkout of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const checkout = mkdtempSync(join(tmpdir(), 'style-'));
after(() => rmSync(checkout, { recursive: true }));

/** @param {string} name  @param {string} content */
function put(name, content) {
  mkdirSync(dirname(join(checkout, name)), { recursive: true });
  writeFileSync(join(checkout, name), content);
}

for (const name of ['.clang-format', '.clang-tidy', 'biome.json', 'tests/style/style.mjs']) {
  put(name, '');
  copyFileSync(join(root, name), join(checkout, name));
}
symlinkSync(join(root, 'tests/node_modules'), join(checkout, 'tests/node_modules'));
spawnSync('git', ['init', '-q'], { cwd: checkout });
put('.gitignore', 'node_modules\n/build\n');
for (const target of ['native', 'wasi', 'freestanding']) {
  const file = join(checkout, 'src/a.c');
  const entry = { directory: checkout, command: `clang-19 -c ${file}`, file };
  put(`build/${target}/compile_commands.json`, JSON.stringify([entry]));
}

/** @param {'format' | 'check' | 'lint'} command */
function style(command) {
  const args = [join(checkout, 'tests/style/style.mjs'), command];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const C = 'static int twice(int n) { return 2 * n; }\n\nint main(void) { return twice(0); }\n';
const JS = 'export const twice = (n) => 2 * n;\n';

test('sources that are as they should be pass', () => {
  put('src/a.c', C);
  put('js/a.js', JS);
  for (const command of /** @type {const} */ (['check', 'lint'])) {
    const { status, output } = style(command);
    assert.equal(status, 0, output);
  }
});

test('check names the files that are not formatted, and format writes them', () => {
  put('src/a.c', C.replace('{ return twice', '{\n return twice'));
  put('js/a.js', JS.replace('2 * n', '2*n'));
  const { status, output } = style('check');
  assert.equal(status, 1);
  assert.match(output, /^ {2}src\/a\.c\n {2}js\/a\.js$/m);
  assert.equal(style('format').status, 0);
  assert.equal(style('check').status, 0);
});

for (const [what, name, content, found] of [
  [
    'a name that is not declared',
    'js/a.js',
    'export const a = () => b;\n',
    /noUndeclaredVariables/,
  ],
  ['a variable that is not used', 'js/a.js', 'const a = 1;\n', /noUnusedVariables/],
  [
    'code that is not reached',
    'js/a.js',
    `${JS}(() => { return; twice(1); })();\n`,
    /noUnreachable/,
  ],
  [
    'a shadowed variable',
    'src/a.c',
    C.replace('{ return 2', '{ { int n = 1; (void)n; } return 2'),
    /clang-diagnostic-shadow/,
  ],
  ['a function that nobody declared', 'src/a.c', C.replace('static ', ''), /missing-prototypes/],
  [
    'the size of a pointer',
    'src/a.c',
    `${C}unsigned f(char *p);\nunsigned f(char *p) {
    return (unsigned)(sizeof p / sizeof(char)); }\n`,
    /bugprone-sizeof-expression/,
  ],
]) {
  test(`lint finds ${what}`, () => {
    put('src/a.c', C);
    put('js/a.js', JS);
    put(name, content);
    const { status, output } = style('lint');
    assert.equal(status, 1);
    assert.match(output, found);
    assert.ok(output.includes(name), output);
  });
}
