/** Lua's words, in colours.  Pure: text in, pieces out; the pieces together are the text. */

/** @typedef {'word' | 'text' | 'number' | 'comment' | ''} Kind */

const WORDS = new Set(('and break do else elseif end false for function goto if in local nil not or '
  + 'repeat return then true until while').split(' '));

// Long brackets first: what begins with -- may be one.
const TOKEN = new RegExp([
  /(?<comment>--\[(?<c>=*)\[[^]*?(?:\]\k<c>\]|$)|--[^\n]*)/,
  /(?<text>\[(?<t>=*)\[[^]*?(?:\]\k<t>\]|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?)/,
  /(?<number>\b(?:0[xX][\da-fA-F.]+(?:[pP][+-]?\d+)?|\d+\.?\d*(?:[eE][+-]?\d+)?))/,
  /(?<name>[A-Za-z_]\w*)/,
].map((part) => part.source).join('|'), 'g');

/** @param {string} source
 *  @returns {{kind: Kind, text: string}[]} neighbours differ in kind */
export function tokens(source) {
  /** @type {{kind: Kind, text: string}[]} */
  const out = [];
  const push = (/** @type {Kind} */ kind, /** @type {string} */ text) => {
    const last = out.at(-1);
    if (last?.kind === kind) last.text += text;
    else if (text) out.push({ kind, text });
  };
  let at = 0;
  for (const match of source.matchAll(TOKEN)) {
    push('', source.slice(at, match.index));
    push(kindOf(match.groups ?? {}), match[0]);
    at = match.index + match[0].length;
  }
  push('', source.slice(at));
  return out;
}

/** @param {Record<string, string | undefined>} groups  @returns {Kind} */
function kindOf({ comment, text, number, name }) {
  if (comment !== undefined) return 'comment';
  if (text !== undefined) return 'text';
  if (number !== undefined) return 'number';
  return name !== undefined && WORDS.has(name) ? 'word' : '';
}

/** Spaces that the line after `line` begins with: those of the line, two more if it opens a block.
 *  @param {string} line  up to the cursor  @returns {string} */
export function indentAfter(line) {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
  const code = line.replace(/--.*$/, '').trimEnd();
  return /(\b(do|then|else|repeat)|\bfunction\b[^()]*\([^()]*\)|[({])$/.test(code) ? `${indent}  ` : indent;
}
