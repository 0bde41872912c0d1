/** What the documents of the repository say, taken apart: links, headings, code. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import GithubSlugger from 'github-slugger';
import { lexer, walkTokens } from 'marked';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** @returns {string[]} every file that git knows or would add, from the root */
export function files() {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { status, stdout, stderr } = spawnSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`git lists no files: ${stderr}`);
  return stdout.split('\0').filter(Boolean);
}

/** @typedef {object} Document
 *  @property {string} name  from the root
 *  @property {string[]} links  as they are written, images too
 *  @property {Set<string>} anchors  of its headings, as GitHub makes them
 *  @property {string[]} words  pieces of inline code
 *  @property {{ lang: string, text: string }[]} blocks  of code */

/** @param {string} name  @param {string} [text]  of the document; default: the file
 *  @returns {Document} */
export function parse(name, text = readFileSync(`${root}${name}`, 'utf8')) {
  const slugger = new GithubSlugger();
  /** @type {Document} */
  const out = { name, links: [], anchors: new Set(), words: [], blocks: [] };
  walkTokens(lexer(text), (token) => {
    if (token.type === 'link' || token.type === 'image') out.links.push(token.href);
    if (token.type === 'heading') {
      out.anchors.add(slugger.slug(token.text.replace(/`|\[([^\]]*)\]\([^)]*\)/g, '$1')));
    }
    if (token.type === 'codespan') out.words.push(token.text);
    if (token.type === 'code') out.blocks.push({ lang: token.lang ?? '', text: token.text });
  });
  return out;
}
