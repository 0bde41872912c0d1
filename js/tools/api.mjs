/** docs/api.md from the JSDoc of everything that the package exports, at each address in the exports
 *  of its package.json.
 *
 *    node js/tools/api.mjs            writes it
 *    node js/tools/api.mjs --check    exit code 1 if it is not current
 *
 *  examples() is for the test that runs them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

import { withContents, withLinks } from './api-links.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const OUT = path('../../docs/api.md');
const { name: PACKAGE, exports: EXPORTS } = JSON.parse(
  readFileSync(path('../package.json'), 'utf8'),
);

/** One that is imported from.  Types are made of the source that has the same name.
 *  @typedef {{name: string, file: string}} Address */
/** @type {Address[]} */
const ADDRESSES = Object.entries(EXPORTS)
  .filter(([, { types }]) => types)
  .map(([at, { types }]) => ({
    name: PACKAGE + at.slice(1),
    file: path(`../${types.replace(/^\.\/types\/(.*)\.d\.ts$/, 'src/$1.js')}`),
  }));

const config = ts.getParsedCommandLineOfConfigFile(path('../tsconfig.json'), {}, ts.sys);
const program = ts.createProgram(
  ADDRESSES.map(({ file }) => file),
  config.options,
);
const checker = program.getTypeChecker();

/** @typedef {{name: string, example: string}} Example */
/** @typedef {{name: string, sort: string, symbol: ts.Symbol, declaration: ts.Declaration}} Entry */

/** Addresses with something to import by name, the main one first.
 *  @returns {(Address & {entries: Entry[]})[]} */
function interfaces() {
  return ADDRESSES.filter(({ file }) => file.endsWith('.js')).map((address) => ({
    ...address,
    entries: entriesOf(address.file),
  }));
}

/** @param {string} source  @returns {Entry[]} what it exports, in the order of the sources */
function entriesOf(source) {
  const file = program.getSourceFile(source);
  const found = new Map();
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(file))) {
    const symbol =
      exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const declaration = ownDeclaration(symbol);
    found.set(exported.name, {
      name: exported.name,
      sort: sortOf(declaration, exported.name),
      symbol,
      declaration,
    });
  }
  return [...found.values()];
}

/** @param {ts.Symbol} symbol  @returns {ts.Declaration} not one that only imports a typedef */
function ownDeclaration(symbol) {
  let [declaration] = symbol.declarations;
  for (let hops = 0; ts.isJSDocTypedefTag(declaration) && hops < 5; hops++) {
    const type = declaration.typeExpression?.type;
    if (!type || !ts.isImportTypeNode(type)) break;
    const target = checker.getTypeFromTypeNode(type);
    const next = (target.aliasSymbol ?? target.symbol)?.declarations?.[0];
    if (!next || next === declaration) break;
    declaration = next;
  }
  return declaration;
}

/** @param {ts.Declaration} declaration  @param {string} name  @returns {string} */
function sortOf(declaration, name) {
  if (ts.isFunctionDeclaration(declaration)) return 'functions';
  if (ts.isClassDeclaration(declaration)) {
    return /Error$/.test(declaration.name.text) ? 'errors' : 'classes';
  }
  if (ts.isVariableDeclaration(declaration)) return 'constants';
  return /^Event|Event$/.test(name) ? 'events' : 'types';
}

/** @param {string | ts.NodeArray<ts.JSDocComment> | undefined} comment  @returns {string} */
function textOf(comment) {
  const text = typeof comment === 'string' ? comment : (ts.getTextOfJSDocComment(comment) ?? '');
  return text
    .split('\n')
    .map((line) => line.replace(/^ (?! )/, ''))
    .join('\n')
    .trim();
}
const oneLine = (text) => text.replace(/\s+/g, ' ').trim();

/** @param {ts.Node} node  @returns {ts.JSDoc | undefined} */
const docOf = (node) => ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1);

/** @param {ts.Node} node  @param {string} name  @returns {string[]} text of each such tag */
const tags = (node, name) =>
  ts
    .getJSDocTags(node)
    .filter((tag) => tag.tagName.text === name)
    .map((tag) => textOf(tag.comment));

/** @param {ts.Node} node  @returns {string[]} code */
const examplesOf = (node) =>
  tags(node, 'example').map((text) =>
    text
      .split('\n')
      .map((line) => line.replace(/^ ?\* ?/, '').replace(/\s+$/, ''))
      .join('\n'),
  );

/** A type on one line, without the paths of imports and of this machine. */
const typeText = (text) =>
  oneLine(
    text
      .replace(/import\([^)]*\)\./g, '')
      .replace(/\n \*/g, ' ')
      .replace(/@type |[{}]$/g, (m) => m),
  );

// ---- Functions and methods ----

/** @param {string} title  @param {ts.Node} node  @param {ts.Signature[]} signatures
 *  @param {string} call  what stands before the parentheses  @returns {string[]} */
function describeCall(title, node, signatures, call, level) {
  const out = [`${level} ${title}`, ''];
  const lines = signatures.map(
    (signature) =>
      call
      + typeText(
        checker.signatureToString(
          signature,
          node,
          ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.OmitParameterModifiers,
        ),
      ),
  );
  out.push('```ts', ...lines, '```', '', textOf(docOf(node)?.comment), '');
  out.push(...listOf(node));
  for (const code of examplesOf(node)) out.push('```js', code, '```', '');
  return out;
}

/** @param {ts.Node} node  @returns {string[]} parameters, result, errors */
function listOf(node) {
  const out = [];
  for (const tag of overloadTags(node)) {
    const text = oneLine(textOf(tag.comment));
    if (ts.isJSDocParameterTag(tag) && text) out.push(`- \`${tag.name.getText()}\`: ${text}`);
    if (ts.isJSDocReturnTag(tag) && text) out.push(`- returns ${text}`);
    if (tag.tagName.text === 'throws') out.push(`- throws ${text}`);
  }
  return out.length > 0 ? [...out, ''] : [];
}

/** @param {ts.Node} node  @returns {ts.JSDocTag[]} of the node and of its overloads */
function overloadTags(node) {
  const all = [...ts.getJSDocTags(node)];
  return all.flatMap((tag) =>
    ts.isJSDocOverloadTag(tag)
      ? [
          ...tag.typeExpression.parameters,
          ...(tag.typeExpression.type ? [tag.typeExpression.type] : []),
        ]
      : [tag],
  );
}

/** @param {Entry} entry  @returns {string[]} */
function describeFunction({ name, declaration, symbol }) {
  const { valueDeclaration } = symbol;
  const type = checker.getTypeOfSymbolAtLocation(symbol, valueDeclaration ?? declaration);
  return describeCall(`${name}()`, declaration, type.getCallSignatures(), name, '###');
}

/** @param {ts.Node} member  @returns {boolean} part of the interface */
const isPublic = (member) =>
  member.name && !ts.isPrivateIdentifier(member.name) && !ts.isComputedPropertyName(member.name);

/** @param {Entry} entry  @returns {string[]} */
function describeClass({ name, declaration }) {
  const [heritage] = declaration.heritageClauses ?? [];
  const out = [
    `### class ${name}`,
    '',
    textOf(docOf(declaration)?.comment),
    '',
    ...(heritage ? [`Extends \`${heritage.types[0].getText()}\`.`, ''] : []),
  ];
  const variable = name[0].toLowerCase() + name.slice(1);
  for (const member of declaration.members.filter(isPublic)) {
    const isStatic = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static;
    const at = `${isStatic ? name : variable}.${member.name.text}`;
    const type = checker.getTypeAtLocation(member);
    if (ts.isMethodDeclaration(member)) {
      out.push(...describeCall(`${at}()`, member, type.getCallSignatures(), at, '####'));
    } else {
      const doc = textOf(docOf(member)?.comment);
      out.push(
        `#### ${at}`,
        '',
        '```ts',
        `${at}: ${typeText(checker.typeToString(type))}`,
        '```',
        '',
      );
      if (doc) out.push(doc, '');
      const returns = tags(member, 'returns').filter(Boolean);
      if (returns.length > 0) out.push(`- ${oneLine(returns[0])}`, '');
      for (const text of tags(member, 'throws')) out.push(`- throws ${oneLine(text)}`, '');
      for (const code of examplesOf(member)) out.push('```js', code, '```', '');
    }
  }
  return out;
}

// ---- Constants and types ----

/** @param {Entry} entry  @returns {string[]} */
function describeConstant({ name, declaration, symbol }) {
  const statement = declaration.parent.parent;
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
  return [
    `### ${name}`,
    '',
    '```ts',
    `${name}: ${typeText(checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation))}`,
    '```',
    '',
    textOf(docOf(statement)?.comment),
    '',
  ];
}

/** @param {Entry} entry  @returns {string[]} */
function describeType({ name, declaration }) {
  if (!ts.isJSDocTypedefTag(declaration)) return describeClass({ name, declaration });
  const doc = declaration.parent;
  const type = declaration.typeExpression;
  const text = textOf(doc.comment) || textOf(declaration.comment);
  if (!type || !ts.isJSDocTypeLiteral(type)) {
    return [`### ${name}`, '', '```ts', typeText(type.type.getText()), '```', '', text, ''];
  }
  const rows = type.jsDocPropertyTags.map((tag) => [
    `\`${tag.name.getText()}${tag.isBracketed ? '?' : ''}\``,
    `\`${typeText(tag.typeExpression.type.getText()).replace(/\|/g, '\\|')}\``,
    oneLine(textOf(tag.comment)).replace(/\|/g, '\\|'),
  ]);
  return [
    `### ${name}`,
    '',
    text,
    '',
    '| property | type | |',
    '|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ];
}

const DESCRIBE = {
  functions: describeFunction,
  classes: describeClass,
  errors: describeClass,
  constants: describeConstant,
  events: describeType,
  types: describeType,
};
const CHAPTERS = [
  ['functions', 'Functions'],
  ['classes', 'Classes'],
  ['constants', 'Constants'],
  ['errors', 'Errors'],
  [
    'events',
    'Events',
    'Listeners of [heap.on()](#heapon) get them, the oldest first, when the host calls [heap.poll()](#heappoll) '
      + 'or each time that [heap.watch()](#heapwatch) looks.  A module keeps the newest 32.',
  ],
  ['types', 'Types'],
];

/** @param {Entry[]} entries  @param {string} sort  @returns {string[]} */
const describe = (entries, sort) =>
  entries.filter((e) => e.sort === sort).flatMap((e) => DESCRIBE[sort](e));

// ---- The document ----

/** @param {string} source  @returns {string} what its first comment says, up to an empty line */
function introduction(source) {
  const file = program.getSourceFile(source);
  const [comment] = ts.getJSDocCommentsAndTags(file.statements[0]).filter(ts.isJSDoc);
  return oneLine(textOf(comment.comment).split('\n\n')[0]);
}

/** @returns {string[]} a table of the addresses */
const describeAddresses = () => [
  '| import from | |',
  '|---|---|',
  ...ADDRESSES.map(({ name, file }) => `| \`${name}\` | ${introduction(file)} |`),
  '',
];

/** @param {Address & {entries: Entry[]}} address  @param {Entry[]} described  in what is above
 *  @returns {string[]} */
function describeOther({ name, file, entries }, described) {
  const above = entries.filter((e) => described.some((d) => d.declaration === e.declaration));
  const own = entries.filter((e) => !above.includes(e));
  return [
    `## ${name}`,
    '',
    introduction(file),
    '',
    ...CHAPTERS.flatMap(([sort]) => describe(own, sort)),
    `${own.length > 0 ? 'And, ' : ''}as above: ${above.map((e) => `\`${e.name}\``).join(', ')}.`,
    '',
  ];
}

/** @returns {string} the document */
export function render() {
  const [main, ...others] = interfaces();
  const out = [
    '# JavaScript interface of wasm-pymalloc',
    '',
    'Generated from the sources of the npm package: `npm run api` in `js/` writes it, a test holds it '
      + 'current and runs every example. Introduction: [js/README.md](../js/README.md).',
    '',
    ...describeAddresses(),
    '<!-- contents -->',
    '',
    ...CHAPTERS.flatMap(([sort, title, text = '']) => [
      `## ${title}`,
      '',
      text,
      '',
      ...describe(main.entries, sort),
    ]),
    ...others.flatMap((address, i) =>
      describeOther(
        address,
        [main, ...others.slice(0, i)].flatMap(({ entries }) => entries),
      ),
    ),
  ];
  const text = withContents(withLinks(out.join('\n')));
  return `${text.replace(/\n{3,}/g, '\n\n').trimEnd()}\n`;
}

/** @returns {{examples: Example[], without: string[]}} of all functions and methods; without:
 *  names of those that have none */
export function examples() {
  /** @type {Map<ts.Node, string>} */
  const calls = new Map();
  for (const { name, sort, declaration } of interfaces().flatMap(({ entries }) => entries)) {
    if (sort === 'functions') calls.set(declaration, name);
    if (sort !== 'classes') continue;
    for (const member of declaration.members.filter(isPublic).filter(ts.isMethodDeclaration)) {
      calls.set(member, `${name}.${member.name.text}`);
    }
  }
  const all = [...calls].map(([node, name]) => ({ name, codes: examplesOf(node) }));
  return {
    examples: all.flatMap(({ name, codes }) => codes.map((example) => ({ name, example }))),
    without: all.filter(({ codes }) => codes.length === 0).map(({ name }) => name),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = render();
  if (!process.argv.includes('--check')) {
    writeFileSync(OUT, text);
  } else if (readFileSync(OUT, 'utf8') !== text) {
    console.error('docs/api.md is not what the sources say: npm run api in js/');
    process.exitCode = 1;
  }
}
