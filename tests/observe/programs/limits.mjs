/** An interpreter at a limit: it is told of the refusal in its own way, and goes on.
 *
 *    node --import ENTRY programs/limits.mjs quickjs
 *
 *  Prints what the first refusal was, what the interpreter said, and a result from afterwards. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const { watches } = await import(process.env.PYM_ENTRY);
const from = createRequire(import.meta.url);
const LIMIT = Number(process.env.LIMIT ?? 24 << 20);
let watch;
let first = null;

/** Limits the module that has allocated most. */
function limit() {
  const total = (one) => one.watch.stats().domains.malloc.totalBytes;
  watch = [...watches()].sort((a, b) => total(b) - total(a))[0].watch;
  watch.on('refused', ({ bytes, liveBytes }) => {
    first ??= { bytes, liveBytes };
  });
  watch.setLimit(LIMIT);
}

/** What is left at the limit is less than such a string, and room for an error. */
const GROW_JS = '(() => { let all = []; for (;;) all.push("x".repeat(40000) + all.length) })()';

const INTERPRETERS = {
  async quickjs() {
    const { getQuickJS } = await import('quickjs-emscripten');
    const context = (await getQuickJS()).newContext();
    return quickjsContext(context, (code) => context.evalCode(code));
  },
  async 'quickjs-asyncify'() {
    const { newAsyncContext } = await import('quickjs-emscripten');
    const context = await newAsyncContext();
    return quickjsContext(context, (code) => context.evalCodeAsync(code));
  },
  async 'quickjs-wasi'() {
    const { QuickJS } = await import('quickjs-wasi');
    const vm = await QuickJS.create({
      wasm: await readFile(from.resolve('quickjs-wasi/quickjs.wasm')),
    });
    vm.evalCode('1').dispose();
    limit();
    let said;
    try {
      vm.evalCode(GROW_JS);
    } catch (error) {
      said = error.message;
    }
    return [said, vm.dump(vm.evalCode('6 * 7'))];
  },
  async 'sql-js'() {
    const db = new (await (await import('sql.js')).default()).Database();
    // Its usual database is a file, whose contents are kept by JavaScript.
    db.run("ATTACH ':memory:' AS inside");
    db.run('CREATE TABLE inside.t (a TEXT)');
    limit();
    let said;
    try {
      for (;;) db.run('INSERT INTO inside.t VALUES (hex(zeroblob(5000)))');
    } catch (error) {
      said = error.message;
    }
    return [said, db.exec('SELECT 6 * 7')[0].values[0][0]];
  },
  async 'sqlite-wasm'() {
    const init = (await import('@sqlite.org/sqlite-wasm')).default;
    const sqlite3 = await init({ print: () => {}, printErr: () => {} });
    const db = new sqlite3.oo1.DB(':memory:', 'c');
    db.exec('CREATE TABLE t (a TEXT)');
    limit();
    let said;
    try {
      for (;;) db.exec('INSERT INTO t VALUES (hex(zeroblob(5000)))');
    } catch (error) {
      said = error.message;
    }
    return [said, db.selectValue('SELECT 6 * 7')];
  },
  async wasmoon() {
    const { LuaFactory } = await import('wasmoon');
    const lua = await new LuaFactory().createEngine();
    limit();
    let said;
    try {
      lua.doStringSync('local t = {} while true do t[#t + 1] = { #t } end');
    } catch (error) {
      said = error.message;
    }
    lua.doStringSync('collectgarbage()');
    return [said, lua.doStringSync('return 6 * 7')];
  },
  async php() {
    const { PHP } = await import('@php-wasm/universal');
    const { loadNodeRuntime } = await import('@php-wasm/node');
    const php = new PHP(await loadNodeRuntime('8.3', { emscriptenOptions: { processId: 1 } }));
    await php.run({ code: '<?php echo 1;' });
    limit();
    const { text } = await php
      .run({
        code:
          '<?php ini_set("memory_limit", "2G"); $a = []; '
          + 'for ($i = 0; ; $i++) $a[] = str_repeat("x", 1000) . $i;',
      })
      .catch((error) => ({ text: error.response?.text ?? error.message }));
    return [text, (await php.run({ code: '<?php echo 6 * 7;' })).text];
  },
  async ruby() {
    const { DefaultRubyVM } = await import('@ruby/wasm-wasi/dist/node');
    const bytes = await readFile(from.resolve('@ruby/3.4-wasm-wasi/dist/ruby.wasm'));
    const { vm } = await DefaultRubyVM(await WebAssembly.compile(bytes));
    vm.eval('1');
    limit();
    let said;
    try {
      vm.eval('a = []; loop { a << "x" * 300_000 + a.size.to_s }');
    } catch (error) {
      said = error.message;
    }
    return [said, vm.eval('6 * 7').toString()];
  },
  async pyodide() {
    const there = createRequire(new URL('../../pyodide/package.json', import.meta.url));
    const { loadPyodide } = await import(there.resolve('pyodide-314/pyodide.mjs'));
    const pyodide = await loadPyodide();
    limit();
    let said;
    try {
      pyodide.runPython('a = []\nwhile True: a.append(bytearray(300_000))');
    } catch (error) {
      said = error.message;
    }
    pyodide.runPython('a = None');
    return [said, pyodide.runPython('6 * 7')];
  },
  async micropython() {
    const { loadMicroPython } = await import('@micropython/micropython-webassembly-pyscript');
    const python = await loadMicroPython({ heapsize: 1 << 20 });
    python.runPython('1');
    limit();
    let said;
    try {
      python.runPython('a = []\nwhile True: a.append(bytearray(300_000))');
    } catch (error) {
      said = error.message;
    }
    python.runPython('a = None\nresult = 6 * 7');
    return [said, python.globals.get('result')];
  },
};

/** Modules that do not look whether malloc gave memory, or end the program then. */
const TRAPS = {
  async 'tree-sitter'() {
    const { Language, Parser } = await import('web-tree-sitter');
    await Parser.init();
    const parser = new Parser();
    parser.setLanguage(
      await Language.load(from.resolve('tree-sitter-javascript/tree-sitter-javascript.wasm')),
    );
    parser.parse('1');
    limit();
    const trees = [];
    for (;;) trees.push(parser.parse('f(a, b + 1);\n'.repeat(5000)));
  },
  async resvg() {
    const { Resvg, initWasm } = await import('@resvg/resvg-wasm');
    await initWasm(await readFile(from.resolve('@resvg/resvg-wasm/index_bg.wasm')));
    const svg = (size) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}"/>`;
    new Resvg(svg(8)).render().free();
    limit();
    for (let size = 64; ; size *= 2) new Resvg(svg(size)).render().free();
  },
  async yoga() {
    const { default: Yoga } = await import('yoga-layout');
    Yoga.Node.create().free();
    limit();
    const nodes = [];
    for (;;) nodes.push(Yoga.Node.create());
  },
};

/** @param {object} context  @param {(code: string) => any} evaluate */
async function quickjsContext(context, evaluate) {
  (await evaluate('1')).value.dispose();
  limit();
  const { error } = await evaluate(GROW_JS);
  const said = context.dump(error);
  error.dispose();
  return [`${said.name}: ${said.message}`, context.dump((await evaluate('6 * 7')).value)];
}

/** @param {() => Promise<void>} program  @returns {Promise<[string, null]>} how it ended */
async function trapped(program) {
  try {
    await program();
  } catch (error) {
    return [`${error.name}: ${error.message}`, null];
  }
  return ['it ended', null];
}

const name = process.argv[2];
const [said, after] = TRAPS[name] ? await trapped(TRAPS[name]) : await INTERPRETERS[name]();
const { peakBytes, failures } = watch.stats().domains.malloc;
console.log(
  JSON.stringify({
    limit: LIMIT,
    first,
    said,
    after: after === null ? null : Number(after),
    peakBytes,
    failures,
  }),
);
process.exit(0);
