/** Typed errors.  Every error that this package throws on purpose has a `code` and a sentence that
 *  says what to do; anything else that comes out of it is a bug. */

const BRAND = Symbol.for('wasm-pymalloc.error');

/** What went wrong:
 *
 *  | code             | class      | meaning                                                     |
 *  |------------------|------------|-------------------------------------------------------------|
 *  | `NO_DESCRIPTOR`  | TypeError  | the module does not link the library, or was stripped       |
 *  | `BAD_DESCRIPTOR` | TypeError  | its custom section `pymalloc` is damaged                    |
 *  | `VERSION`        | TypeError  | its layout is newer than this package understands           |
 *  | `NO_EXPORT`      | TypeError  | a function that the call needs is not exported              |
 *  | `NO_MEMORY`      | TypeError  | the instance exports no memory and none was passed          |
 *  | `LOADING`        | TypeError  | the Emscripten Module, or a promise, is not there yet       |
 *  | `ABORTED`        | TypeError  | the Emscripten Module ended with an error                   |
 *  | `DETACHED`       | TypeError  | the memory's buffer, or that of the bytes, is detached      |
 *  | `DISPOSED`       | TypeError  | the allocator was disposed of                               |
 *  | `BAD_ARGUMENT`   | TypeError  | the caller passed something this call does not take         |
 *  | `BAD_POINTER`    | TypeError  | an address that is no live block, or one of another domain  |
 *  | `BAD_SNAPSHOT`   | TypeError  | what should be a snapshot is none                           |
 *  | `BAD_TRACE`      | TypeError  | what should be an allocation trace is none                  |
 *  | `LOAD_FAILED`    | Error      | a file or URL could not be read                             |
 *  | `NOT_WASM`       | TypeError  | what was read is no wasm module, perhaps an error page      |
 *  | `TRUNCATED`      | TypeError  | the module ends too early                                   |
 *  | `BAD_WASM`       | TypeError  | this host does not compile the module                       |
 *  | `BLOCKED`        | TypeError  | this host forbids compiling wasm at run time                |
 *  | `NOT_PYODIDE`    | TypeError  | attach was given something that is no loaded Pyodide        |
 *  | `UNSUPPORTED`    | TypeError  | a Pyodide that attach does not know; a module that observe  |
 *  |                  |            | leaves alone: several memories, a shared or 64-bit one; a   |
 *  |                  |            | 64-bit memory in a host that has none                       |
 *  | `NO_ALLOCATOR`   | TypeError  | observe found no malloc and free in the module              |
 *  | `NOT_PROVEN`     | TypeError  | its malloc and free do not behave as such                   |
 *  | `NO_PROFILE`     | TypeError  | the module is not linked, or not instantiated, for profiles |
 *  | `PROFILING`      | TypeError  | a profile is on already                                     |
 *  | `FOREIGN_HOOK`   | Error      | somebody else's allocator hooks are installed in Pyodide    |
 *  | `NO_ROOM`        | RangeError | the memory cannot grow by what an allocator needs           |
 *  | `BAD_MEMORY`     | RangeError | linear memory holds what no sound heap holds                |
 *  | `RETRY`          | RangeError | a shared memory changed while it was read                   |
 *  | `HEAP_GONE`      | RangeError | the heap was destroyed                                      |
 *  | `CORRUPTION`     | Error      | the allocator found its heap damaged and stopped            |
 *  | `GUEST_TRAP`     | Error      | a guest function called by this package trapped (see cause) |
 *
 *  @typedef {'NO_DESCRIPTOR' | 'BAD_DESCRIPTOR' | 'VERSION' | 'NO_EXPORT' | 'NO_MEMORY' | 'LOADING'
 *    | 'ABORTED' | 'DETACHED' | 'DISPOSED' | 'BAD_ARGUMENT' | 'BAD_POINTER' | 'BAD_SNAPSHOT' | 'BAD_TRACE' | 'LOAD_FAILED'
 *    | 'NOT_WASM' | 'TRUNCATED' | 'BAD_WASM' | 'BLOCKED' | 'NOT_PYODIDE' | 'UNSUPPORTED'
 *    | 'NO_ALLOCATOR' | 'NOT_PROVEN' | 'NO_PROFILE' | 'PROFILING' | 'FOREIGN_HOOK' | 'NO_ROOM' | 'BAD_MEMORY' | 'RETRY' | 'HEAP_GONE' | 'CORRUPTION' | 'GUEST_TRAP'} ErrorCode */

/** Base of all errors of this package.  `instanceof PymallocError` also holds for the two classes
 *  below, which descend from TypeError and RangeError. */
export class PymallocError extends Error {
  /** @param {ErrorCode} code  @param {string} message  @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'PymallocError';
    /** @type {ErrorCode} */
    this.code = code;
    brand(this);
  }

  /** @override  @param {unknown} value  @returns {boolean} */
  static [Symbol.hasInstance](value) {
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
    return this === PymallocError || Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** The wrong thing was passed: a module, an instance or an argument. */
export class PymallocTypeError extends TypeError {
  /** @param {ErrorCode} code  @param {string} message  @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'PymallocTypeError';
    /** @type {ErrorCode} */
    this.code = code;
    brand(this);
  }
}

/** Linear memory does not hold what it should. */
export class PymallocRangeError extends RangeError {
  /** @param {ErrorCode} code  @param {string} message  @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'PymallocRangeError';
    /** @type {ErrorCode} */
    this.code = code;
    brand(this);
  }
}

/** @param {object} error */
function brand(error) {
  Object.defineProperty(error, BRAND, { value: true });
}

/** @param {string} message  @returns {PymallocRangeError} what linear memory holds cannot be */
export function badMemory(message) {
  return new PymallocRangeError(
    'BAD_MEMORY',
    `${message}. The heap was overwritten, or the module and the instance do not belong together`,
  );
}

/** @param {string} message  @returns {PymallocTypeError} the custom section is damaged */
export function badDescriptor(message) {
  return new PymallocTypeError(
    'BAD_DESCRIPTOR',
    `custom section "pymalloc": ${message}. Link the module again with the unmodified library`,
  );
}

/** @param {string} message  what would be right  @param {unknown[]} passed  what was passed instead,
 *    if that is what is wrong
 *  @returns {PymallocTypeError} */
export function badArgument(message, ...passed) {
  const found = passed.length > 0 ? `, not ${described(passed[0])}` : '';
  return new PymallocTypeError('BAD_ARGUMENT', message + found);
}

/** Is every property one that the call knows?  A typing error would be ignored otherwise.
 *  @param {object} options  @param {readonly string[]} names  @param {string} [what]
 *  @throws {PymallocTypeError} BAD_ARGUMENT */
export function checkNames(options, names, what = 'option') {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw badArgument(`no ${what} is called "${unknown}": there are ${names.join(', ')}`);
}

const TEXT_MOST = 40;

/** @param {unknown} value  @returns {string} in few words what it is; it is not called */
export function described(value) {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > TEXT_MOST ? `${value.slice(0, TEXT_MOST)}...` : value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== 'Object') return `${/^[AEIOU]/.test(tag) ? 'an' : 'a'} ${tag}`;
  const names = Object.keys(value).slice(0, 3);
  return names.length > 0 ? `an object with ${names.join(', ')}` : 'an object without properties';
}

/** @param {unknown} value  @returns {string} a number as an address */
export function hex(value) {
  return typeof value === 'number' ? `0x${value.toString(16)}` : String(value);
}
