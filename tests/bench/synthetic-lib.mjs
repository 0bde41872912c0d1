// What the scripts about synthetic.c share.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countInstructions, fail } from './lib.mjs';

/** Bytes alive of the sweep, and the name of such a kind. */
export const LIVES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
export const liveKind = (bytes) => `live-${bytes}`;

/** Names of the kinds that a module has, in their order. */
export function kindsOf(path) {
  const module = new WebAssembly.Module(readFileSync(path));
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => 8;
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  const memory = Buffer.from(exports.memory.buffer);
  return Array.from({ length: exports.kinds() }, (_, kind) => {
    const at = exports.kind_name(kind);
    return memory.toString('latin1', at, memory.indexOf(0, at));
  });
}

/** The kind of a name: { name, kind, live }; `live-1000` is the kind `live` with 1000 bytes. */
export function findKind(name, names) {
  const live = /^live-(\d+)$/.exec(name);
  const kind = names.indexOf(live ? 'live' : name);
  if (kind < 0) fail(`no kind "${name}": ${names.join(', ')} (live as live-BYTES)`);
  return { name, kind, live: live ? Number(live[1]) : 0 };
}

/** Runs the modules of a folder as WASI commands under WasmEdge.  Counts of compiled modules are
 *  some 2 % lower than interpreted ones, and come twenty times as fast. */
export class Commands {
  #wasmedge;
  #modules;
  #work;
  #compile;
  #compiled = new Map();

  /** @param {string} work  folder for files
   *  @param {boolean} compile  whether WasmEdge compiles the modules first */
  constructor(wasmedge, modules, work, compile) {
    this.#wasmedge = wasmedge;
    this.#modules = modules;
    this.#work = work;
    this.#compile = compile;
  }

  #program(peer) {
    if (!this.#compile) return this.#modules[peer];
    if (!this.#compiled.has(peer)) this.#compiled.set(peer, this.#compileModule(peer));
    return this.#compiled.get(peer);
  }

  #compileModule(peer) {
    const to = join(this.#work, `synthetic-${peer}.so`);
    for (const level of ['1', '0']) {
      // its optimizer crashes over mimalloc
      const { status } = spawnSync(this.#wasmedge, [
        'compile',
        '--enable-all-statistics',
        '--optimize',
        level,
        this.#modules[peer],
        to,
      ]);
      if (status === 0) return to;
    }
    return fail(`WasmEdge cannot compile ${this.#modules[peer]}`);
  }

  /** Addresses that the module `record` gives for a job, as the floor reads them, and the pages
   *  they lie in. */
  #record({ kind, live }, operations) {
    const input = this.#job([kind, operations, live, 0]);
    const output = join(this.#work, 'addresses');
    const stdio = [openSync(input), openSync(output, 'w'), 'inherit'];
    const { status } = spawnSync(this.#wasmedge, [this.#modules.record], { stdio });
    stdio.slice(0, 2).forEach((file) => closeSync(file));
    if (status !== 0) fail(`the module "record" ends with ${status}`);
    const addresses = readFileSync(output);
    let last = 0;
    for (let i = 0; i < addresses.length; i += 4) last = Math.max(last, addresses.readUInt32LE(i));
    return { addresses, pages: (last >>> 16) + 3 };
  }

  #job(words, more = Buffer.alloc(0)) {
    const file = join(this.#work, 'job');
    writeFileSync(file, Buffer.concat([Buffer.from(Uint32Array.from(words).buffer), more]));
    return file;
  }

  /** One run: { instructions, checksum, operations, live, pages, heapBase }. */
  run(peer, which, operations) {
    const { kind, live } = which;
    let input;
    if (peer.endsWith('floor')) {
      const { addresses, pages } = this.#record(which, operations);
      input = this.#job([kind, operations, live, pages], addresses);
    } else {
      input = this.#job([kind, operations, live, 0]);
    }
    const { instructions, stdout } = countInstructions(
      this.#wasmedge,
      this.#program(peer),
      [],
      input,
    );
    const figures = /(\d+) checksum, (\d+) operations, (\d+) live, (\d+) pages, (\d+) heap base/
      .exec(stdout)
      .slice(1)
      .map(Number);
    const [checksum, done, alive, pages, heapBase] = figures;
    return { instructions, checksum, operations: done, live: alive, pages, heapBase };
  }

  /** Instructions of an operation, those of the start and the filling left out; and what the longer
   *  of the two runs comes to. */
  perOperation(peer, which, operations) {
    const [once, twice] = [1, 2].map((n) => this.run(peer, which, n * operations));
    const each = (twice.instructions - once.instructions) / (twice.operations - once.operations);
    return { ...twice, each };
  }
}
