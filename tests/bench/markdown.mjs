// Tables of results in Markdown, for the scripts that write documents.
import { readFileSync, writeFileSync } from 'node:fs';

/** A table: [title, key] of each row and column; `cell` gives the text. */
export function table(rows, columns, cell) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...columns.map(([title]) => title)]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map(([title, row]) => line([title, ...columns.map(([, column]) => cell(row, column))])),
  ].join('\n');
}

export const fixed = (x, digits) => (Number.isFinite(x) ? x.toFixed(digits) : '–');
export const plain = (names) => names.map((name) => [name, name]);
export const shortEngine = (engine) =>
  /\((.*)\)/.exec(engine)?.[1].replace('js', 'SpiderMonkey ') ?? engine;

/** Puts the text between `<!-- figures: NAME -->` and `<!-- end of NAME -->` of a file, or prints
 *  it if there is no file. */
export function fill(file, name, text) {
  if (!file) {
    console.log(text);
    return;
  }
  const old = readFileSync(file, 'utf8');
  const begin = `<!-- figures: ${name} -->`,
    end = `<!-- end of ${name} -->`;
  const from = old.indexOf(begin) + begin.length,
    to = old.indexOf(end);
  if (from < begin.length || to < from) throw new Error(`${file} lacks "${begin}" ... "${end}"`);
  writeFileSync(file, `${old.slice(0, from)}\n\n${text}\n\n${old.slice(to)}`);
}
