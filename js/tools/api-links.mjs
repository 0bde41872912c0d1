/** Contents and linked types for the document that api.mjs makes of the sources. */

/** @typedef {{level: number, title: string, slug: string, line: number}} Heading */

/** @param {readonly string[]} lines  @returns {Heading[]} with the anchors that GitHub gives them */
function headingsOf(lines) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  const out = [];
  let isCode = false;
  for (const [line, text] of lines.entries()) {
    if (text.startsWith('```')) isCode = !isCode;
    const [, marks, title] = (!isCode && text.match(/^(#+) (.*)$/)) || [];
    if (!marks || title === undefined) continue;
    const plain = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    out.push({ level: marks.length, title, slug: count ? `${plain}-${count}` : plain, line });
  }
  return out;
}

/** @param {readonly Heading[]} headings  of one chapter, its own first
 *  @returns {string[]} lines of a list */
function chapterContents([chapter, ...rest]) {
  const link = (/** @type {Heading} */ { title, slug }) =>
    `[${title.replace(/^class |^.*\.(?=\w+\(\)$|\w+$)/, '')}](#${slug})`;
  const out = [`- [${chapter.title}](#${chapter.slug})`];
  const plain = rest.filter(({ level, title }) => level === 3 && !title.startsWith('class '));
  if (plain.length > 0) out[0] += `: ${plain.map(link).join(', ')}`;
  for (const [i, heading] of rest.entries()) {
    if (heading.level !== 3 || !heading.title.startsWith('class ')) continue;
    const end = rest.findIndex(({ level }, at) => at > i && level === 3);
    const members = rest.slice(i + 1, end < 0 ? undefined : end);
    out.push(`  - ${link(heading)}${members.length ? ': ' : ''}${members.map(link).join(', ')}`);
  }
  return out;
}

/** @param {string} text  with a line <!-- contents -->  @returns {string} with a list in its place */
export function withContents(text) {
  const headings = headingsOf(text.split('\n'));
  const starts = headings.flatMap(({ level }, i) => (level === 2 ? [i] : []));
  const lines = starts.flatMap((start, i) => chapterContents(headings.slice(start, starts[i + 1])));
  return text.replace('<!-- contents -->', lines.join('\n'));
}

/** @param {string} type  @param {Map<string, string>} slugs  @returns {string} HTML */
function linkedType(type, slugs) {
  const safe = type.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const linked = safe.replace(/\b[A-Z]\w+/g, (name) =>
    slugs.has(name) ? `<a href="#${slugs.get(name)}">${name}</a>` : name,
  );
  return `<code>${linked}</code>`;
}

/** @param {string} code  @param {Map<string, string>} slugs  @param {string} own
 *  @returns {string[]} a line that links the types of the code */
function typesOf(code, slugs, own) {
  const names = new Set(code.match(/\b[A-Z]\w+/g));
  const known = [...names].filter((name) => slugs.has(name) && name !== own);
  return known.length > 0
    ? ['', `Types: ${known.map((name) => `[\`${name}\`](#${slugs.get(name)})`).join(', ')}.`]
    : [];
}

/** @param {string} text  @returns {string} the same; types that it describes are links */
export function withLinks(text) {
  const lines = text.split('\n');
  const headings = headingsOf(lines);
  const slugs = new Map();
  for (const { level, title, slug } of headings) {
    const name = title.replace(/^class /, '');
    if (level === 3 && /^[A-Z]\w+$/.test(name) && !slugs.has(name)) slugs.set(name, slug);
  }
  const titles = new Map(headings.map(({ line, title }) => [line, title]));
  let own = '';
  /** @type {string[] | undefined} */
  let code;
  return lines
    .flatMap((line, i) => {
      own = titles.get(i)?.replace(/^class /, '') ?? own;
      if (line === '```ts') code = [];
      else if (code && line !== '```') code.push(line);
      else if (code) {
        const types = typesOf(code.join('\n'), slugs, own);
        code = undefined;
        return [line, ...types];
      }
      const [, before, type, after] = line.match(/^(\| `\w+\??` \| )`(.*)`( \| .*)$/) ?? [];
      const isLinked = type && [...type.matchAll(/\b[A-Z]\w+/g)].some(([name]) => slugs.has(name));
      return [isLinked ? before + linkedType(type, slugs) + after : line];
    })
    .join('\n');
}
