/** What a document refers to and what is not there. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

import { files, root } from './markdown.mjs';

/** @typedef {import('./markdown.mjs').Document} Document */

/** @param {Document} document  @param {Map<string, Document>} documents  by name
 *  @returns {string[]} links of it that lead nowhere */
export function deadLinks(document, documents) {
  return document.links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path, anchor] = link.split('#');
    const name = path ? normalize(join(dirname(document.name), path)) : document.name;
    const isHere = name === document.name || existsSync(join(root, name));
    if (relative('.', name).startsWith('..') || !isHere) return true;
    if (anchor === undefined) return false;
    const target = name === document.name ? document : documents.get(name);
    return !target?.anchors.has(anchor);
  });
}

const KNOWN = /\.(c|h|js|mjs|cjs|md|cmake|json|txt|sh|py|csv|svg|png|lua|sql)$/;

/** Folders whose files a document may name: those of the repository and, below `src/`, its rooms. */
const FOLDERS = new Set(
  files().flatMap((name) => [name.split('/')[0], name.match(/^src\/([^/]+)\//)?.[1] ?? '']),
);

/** Files of the repository that a text names: words with a slash and an ending that is known.  They are
 *  looked for from the root, from `src/` and from the document's own folder.
 *  @param {Document} document  @param {(path: string) => boolean} [exists]
 *  @returns {string[]} those that are nowhere */
export function missingFiles(document, exists = isThere) {
  const diffs = document.blocks.filter(({ lang }) => lang === 'diff').map(({ text }) => text);
  const added = new Set(diffs.flatMap((text) => text.match(/(?<=^\+\+\+ b\/).*/gm) ?? []));
  const code = document.blocks.filter(({ lang }) => lang !== 'diff').map(({ text }) => text);
  const texts = [...document.words, ...code];
  const words = texts.flatMap((text) => text.split(/[\s'"`()<>[\]{},;:=|]+/));
  const named = words.filter(
    (word) => KNOWN.test(word) && !word.startsWith('./') && /^[\w.@*-]+(\/[\w.@*-]+)+$/.test(word),
  );
  const folders = ['', 'src/', `${dirname(document.name)}/`];
  return [...new Set(named)].filter((word) => {
    const path = word.replace(/^wasm-pymalloc\//, '');
    if (added.has(path) || !isOurs(path, document.name)) return false;
    return !folders.some((folder) => exists(folder + path));
  });
}

/** @param {string} path  @param {string} name  of the document
 *  @returns {boolean} not of what a build makes, nor of what npm installs; nor a file of old, which the
 *    changelog may name */
const isOurs = (path, name) =>
  FOLDERS.has(path.split('/')[0])
  && !/(^|\/)(node_modules|dist|build)\//.test(path)
  && (name !== 'CHANGELOG.md' || path.startsWith('docs/'));

const all = new Set(files());

/** @param {string} path  from the root; `*` may stand for a part of a name  @returns {boolean} */
function isThere(path) {
  if (!path.includes('*')) return all.has(normalize(path));
  const pattern = normalize(path)
    .split('*')
    .map((part) => part.replace(/[.+]/g, '\\$&'))
    .join('[^/]*');
  return [...all].some((name) => new RegExp(`^${pattern}$`).test(name));
}
