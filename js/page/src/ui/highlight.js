/** The words of Lua and Python, in colours.  Pure: text in, pieces out; the pieces together are the
 *  text. */

/** @typedef {'word' | 'text' | 'number' | 'comment' | ''} Kind */

/** @typedef {'Lua' | 'Python'} Language */

const WORDS = {
  Lua: new Set(
    (
      'and break do else elseif end false for function goto if in local nil not or '
      + 'repeat return then true until while'
    ).split(' '),
  ),
  Python: new Set(
    (
      'False None True and as assert async await break class continue def del elif else '
      + 'except finally for from global if import in is lambda nonlocal not or pass raise return try '
      + 'while with yield'
    ).split(' '),
  ),
};
/** What a block is indented by. */
export const INDENTS = { Lua: '  ', Python: '    ' };
const NUMBER =
  /(?<number>\b(?:0[xX][\da-fA-F._]+(?:[pP][+-]?\d+)?|\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?))/;
const NAME = /(?<name>[A-Za-z_]\w*)/;
const either = (/** @type {RegExp[]} */ ...parts) =>
  new RegExp(parts.map((part) => part.source).join('|'), 'g');

// Long brackets first: what begins with -- may be one.  So with three quotes.
const TOKENS = {
  Lua: either(
    /(?<comment>--\[(?<c>=*)\[[^]*?(?:\]\k<c>\]|$)|--[^\n]*)/,
    /(?<text>\[(?<t>=*)\[[^]*?(?:\]\k<t>\]|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?)/,
    NUMBER,
    NAME,
  ),
  Python: either(
    /(?<comment>#[^\n]*)/,
    /(?<text>(?:\b[bfrtuBFRTU]{1,2})?(?:"""(?:\\[^]|[^\\])*?(?:"""|$)|'''(?:\\[^]|[^\\])*?(?:'''|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?))/,
    NUMBER,
    NAME,
  ),
};

/** @param {string} source  @param {Language} [language]
 *  @returns {{kind: Kind, text: string}[]} neighbours differ in kind */
export function tokens(source, language = 'Lua') {
  /** @type {{kind: Kind, text: string}[]} */
  const out = [];
  const push = (/** @type {Kind} */ kind, /** @type {string} */ text) => {
    const last = out.at(-1);
    if (last?.kind === kind) last.text += text;
    else if (text) out.push({ kind, text });
  };
  let at = 0;
  for (const match of source.matchAll(TOKENS[language])) {
    push('', source.slice(at, match.index));
    push(kindOf(match.groups ?? {}, WORDS[language]), match[0]);
    at = match.index + match[0].length;
  }
  push('', source.slice(at));
  return out;
}

/** @param {Record<string, string | undefined>} groups  @param {Set<string>} words  @returns {Kind} */
function kindOf({ comment, text, number, name }, words) {
  if (comment !== undefined) return 'comment';
  if (text !== undefined) return 'text';
  if (number !== undefined) return 'number';
  return name !== undefined && words.has(name) ? 'word' : '';
}

/** Spaces that the line after `line` begins with: those of the line, and more if it opens a block.
 *  @param {string} line  up to the cursor  @param {Language} [language]  @returns {string} */
export function indentAfter(line, language = 'Lua') {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
  if (language === 'Python') {
    return indent + (/[:({[]$/.test(line.replace(/#.*$/, '').trimEnd()) ? INDENTS.Python : '');
  }
  const code = line.replace(/--.*$/, '').trimEnd();
  return /(\b(do|then|else|repeat)|\bfunction\b[^()]*\([^()]*\)|[({])$/.test(code)
    ? `${indent}  `
    : indent;
}
