// mruby's own tests of its core, as one script.  Some fail on every allocator: they want a function in
// C of mruby's test driver, to be files of their own, or to be without the gems of build_config.rb.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomes } from '../suite.mjs';

const folder = join(process.env.PYM_SOURCES, 'test');
const read = (name) => readFileSync(join(folder, name), 'utf8');
/** What mruby's test driver has in C: "*" in a pattern stands for any text. */
const DRIVER = `
def t_print(*texts) texts.each { |text| print text } end
def _str_match?(pattern, text)
  first, *rest = pattern.split("*", -1)
  return pattern == text if rest.empty?
  return false unless text.start_with?(first)
  at, last = first.size, rest.pop
  rest.each do |part|
    found = text.index(part, at)
    return false unless found
    at = found + part.size
  end
  text.size - last.size >= at && text.end_with?(last)
end
`;

test('the tests of the core end alike with each allocator', (t) => {
  const files = readdirSync(join(folder, 't')).sort();
  const tests = files.map((name) => read(`t/${name}`)).join('\n');
  const all = outcomes('test.rb', `${DRIVER}${read('assert.rb')}${tests}\nreport\n`);
  const withoutTime = ({ status, stdout, stderr }) => ({
    stdout: stdout.replace(/^ *Time: .*$/m, ''),
    status,
    stderr,
  });
  const { adapter, malloc, libc } = all;
  assert.deepEqual([libc.stderr, libc.status], ['', 0]);
  const [, passed] = /^ +OK: (\d+)$/m.exec(libc.stdout);
  t.diagnostic(`${passed} of ${/Total: (\d+)/.exec(libc.stdout)[1]} pass with each allocator`);
  assert.ok(Number(passed) > 600, libc.stdout);
  assert.deepEqual(withoutTime(adapter), withoutTime(libc));
  assert.deepEqual(withoutTime(malloc), withoutTime(libc));
});
