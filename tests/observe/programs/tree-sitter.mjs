/** The JavaScript grammar of tree-sitter: a main module and a side module that it links. */
import { createRequire } from 'node:module';
import { Language, Parser } from 'web-tree-sitter';

const from = createRequire(import.meta.url);
await Parser.init();
const language = await Language.load(
  from.resolve('tree-sitter-javascript/tree-sitter-javascript.wasm'),
);
const parser = new Parser();
parser.setLanguage(language);
const source = 'function f(a, b) { return a.map((x) => x + b * 2).filter(Boolean); }\n'.repeat(300);
let count = 0;
for (let i = 0; i < 3 * Number(process.env.ROUNDS ?? 1); i++) {
  const tree = parser.parse(source);
  count = tree.rootNode.descendantCount;
  tree.delete();
}
console.log(count, parser.parse('let x = 1').rootNode.toString());
parser.delete();
