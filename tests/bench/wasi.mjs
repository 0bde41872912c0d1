// WASI preview 1 as a program of the benchmark needs it, the same in every engine: arguments, an
// empty environment, files that can be read and lie in memory, output that is kept, a clock and
// random bytes that are the same in each run.  Everything else fails with ENOSYS.
const OK = 0,
  EBADF = 8,
  ENOENT = 44,
  ENOSYS = 52;
const DIRECTORY = 3,
  REGULAR = 4,
  CHARACTER = 2;
const PREOPENED = 3; // the descriptor of the folder that holds the files

class Exit extends Error {
  constructor(code) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

const latin1 = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** One run of a command.  `files`: contents by name. */
export class Wasi {
  #memory;
  #args;
  #files;
  #open = new Map();
  #out = [];
  #time = 1_700_000_000_000_000_000n;
  #seed = 2463534242;

  constructor(args, files) {
    this.#args = args.map((text) => latin1(`${text}\0`));
    this.#files = files;
  }

  /** What the program wrote to standard output and standard error. */
  get output() {
    return this.#out.join('');
  }

  /** The instance, ready to start. */
  instantiate(module) {
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const known = typeof this[name] === 'function';
      (imports[from] ??= {})[name] = known ? (...a) => this[name](...a) : () => ENOSYS;
    }
    const { exports } = new WebAssembly.Instance(module, imports);
    this.#memory = exports.memory;
    return exports;
  }

  /** Runs the instance's command; its exit code. */
  start(exports) {
    try {
      exports._start();
    } catch (error) {
      if (error instanceof Exit) return error.code;
      throw error;
    }
    return 0;
  }

  get #view() {
    return new DataView(this.#memory.buffer);
  }
  #bytes(at, n) {
    return new Uint8Array(this.#memory.buffer, at, n);
  }
  #set32(at, value) {
    this.#view.setUint32(at, value, true);
    return OK;
  }

  /** Writes 64 bits for an answer. */
  set64(at, value) {
    this.#view.setBigUint64(at, value, true);
    return OK;
  }

  args_sizes_get(count, bytes) {
    this.#set32(count, this.#args.length);
    return this.#set32(
      bytes,
      this.#args.reduce((sum, a) => sum + a.length, 0),
    );
  }
  args_get(list, to) {
    for (const arg of this.#args) {
      this.#set32(list, to);
      this.#bytes(to, arg.length).set(arg);
      [list, to] = [list + 4, to + arg.length];
    }
    return OK;
  }
  environ_sizes_get(count, bytes) {
    return this.#set32(count, 0) | this.#set32(bytes, 0);
  }
  environ_get() {
    return OK;
  }

  clock_time_get(clock, precision, to) {
    this.#time += 10_000n;
    return this.set64(to, this.#time);
  }
  random_get(to, n) {
    const bytes = this.#bytes(to, n);
    for (let i = 0; i < n; i++) {
      this.#seed ^= this.#seed << 13;
      this.#seed ^= this.#seed >>> 17;
      this.#seed ^= this.#seed << 5;
      bytes[i] = this.#seed;
    }
    return OK;
  }
  proc_exit(code) {
    throw new Exit(code);
  }

  fd_prestat_get(fd, to) {
    return fd === PREOPENED ? this.#set32(to, 0) | this.#set32(to + 4, 1) : EBADF;
  }
  fd_prestat_dir_name(fd, to) {
    this.#bytes(to, 1)[0] = 46; // "."
    return OK;
  }
  fd_fdstat_get(fd, to) {
    if (fd > PREOPENED && !this.#open.has(fd)) return EBADF;
    this.#bytes(to, 24).fill(0);
    this.#bytes(to, 1)[0] = fd < PREOPENED ? CHARACTER : fd === PREOPENED ? DIRECTORY : REGULAR;
    this.#view.setBigUint64(to + 8, ~0n, true);
    this.#view.setBigUint64(to + 16, ~0n, true);
    return OK;
  }
  fd_fdstat_set_flags() {
    return OK;
  }

  #stat(bytes, to) {
    this.#bytes(to, 64).fill(0);
    this.#bytes(to + 16, 1)[0] = bytes ? REGULAR : CHARACTER;
    this.#view.setBigUint64(to + 32, BigInt(bytes?.length ?? 0), true);
    return OK;
  }
  #named(path, n) {
    return this.#files[String.fromCharCode(...this.#bytes(path, n))];
  }
  path_filestat_get(fd, flags, path, n, to) {
    const bytes = this.#named(path, n);
    return bytes ? this.#stat(bytes, to) : ENOENT;
  }
  fd_filestat_get(fd, to) {
    return fd < PREOPENED || this.#open.has(fd) ? this.#stat(this.#open.get(fd)?.bytes, to) : EBADF;
  }
  path_open(fd, lookup, path, n, oflags, rights, inheriting, fdflags, to) {
    const bytes = this.#named(path, n);
    if (!bytes) return ENOENT;
    const opened = PREOPENED + 1 + this.#open.size;
    this.#open.set(opened, { bytes, at: 0 });
    return this.#set32(to, opened);
  }
  fd_close(fd) {
    return this.#open.delete(fd) || fd <= PREOPENED ? OK : EBADF;
  }
  fd_seek(fd, offset, whence, to) {
    const file = this.#open.get(fd);
    if (!file) return EBADF;
    file.at = Number(offset) + [0, file.at, file.bytes.length][whence];
    return this.set64(to, BigInt(file.at));
  }

  #pieces(list, n) {
    return Array.from({ length: n }, (_, i) =>
      this.#bytes(
        this.#view.getUint32(list + 8 * i, true),
        this.#view.getUint32(list + 8 * i + 4, true),
      ),
    );
  }
  fd_read(fd, list, n, to) {
    const file = this.#open.get(fd);
    let done = 0;
    if (!file && fd !== 0) return EBADF;
    for (const piece of file ? this.#pieces(list, n) : []) {
      const part = file.bytes.subarray(file.at, file.at + piece.length);
      piece.set(part);
      file.at += part.length;
      done += part.length;
    }
    return this.#set32(to, done);
  }
  fd_write(fd, list, n, to) {
    if (fd !== 1 && fd !== 2) return EBADF;
    let done = 0;
    for (const piece of this.#pieces(list, n)) {
      for (const byte of piece) this.#out.push(String.fromCharCode(byte));
      done += piece.length;
    }
    return this.#set32(to, done);
  }
}
