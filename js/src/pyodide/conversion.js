/** What Pyodide leaves out where it converts a JavaScript value for Python (toPy, to_py()) and a
 *  request for memory is refused:
 *
 *  - an exception of Python that is pending, without which toPy returns an error marker and the next
 *    call a SystemError;
 *  - the result of the allocation for the copy of a typed array: NULL is written to.
 *
 *  Both raise MemoryError here. */

/** @typedef {import('./guest.js').PyodideModule} PyodideModule */
/** @typedef {{defaultConverter?: (...args: any[]) => unknown}} Options */

const NEEDS = /** @type {const} */ ([
  'js2python_convert',
  'get_buffer_datatype',
  '_PyMem_Malloc',
  '_PyMem_Free',
  '_PyErr_Occurred',
  '_PyErr_NoMemory',
  '_pythonexc2js',
  '_Py_DecRef',
]);

/** A build without one of these functions converts as it did.
 *  @param {PyodideModule} pyodideModule */
export function guardConversion(pyodideModule) {
  const module = /** @type {Record<string, any>} */ (/** @type {unknown} */ (pyodideModule));
  if (NEEDS.some((name) => typeof module[name] !== 'function')) return;
  const { js2python_convert: convert, get_buffer_datatype: datatype } = module;
  // 0.28's toPy looks at it where it is missing.
  module['_PropagatePythonError'] ??= class extends Error {};
  let converting = false;

  /** @template T  @param {boolean} now  @param {() => T} fn  @returns {T} */
  const during = (now, fn) => {
    const before = converting;
    converting = now;
    try {
      return fn();
    } finally {
      converting = before;
    }
  };
  module['get_buffer_datatype'] = (/** @type {ArrayBufferView} */ buffer) => {
    // Python's own calls of it cannot throw, and are not those of a copy.
    if (converting && !canAllocate(module, buffer.byteLength)) throwNoMemory(module);
    return datatype(buffer);
  };
  module['js2python_convert'] = (/** @type {unknown} */ value, /** @type {Options} */ options) => {
    const { defaultConverter } = options;
    const passed = defaultConverter && {
      ...options,
      // May call Python, or the conversion again.
      defaultConverter: (
        /** @type {unknown} */ object,
        /** @type {(v: unknown) => unknown} */ again,
        /** @type {unknown} */ cache,
      ) =>
        during(false, () =>
          defaultConverter(
            object,
            (/** @type {unknown} */ v) => during(true, () => again(v)),
            cache,
          ),
        ),
    };
    const made = during(true, () => convert(value, passed ?? options));
    if (!module['_PyErr_Occurred']()) return made;
    if (made) module['_Py_DecRef'](made);
    return module['_pythonexc2js'](); // throws it
  };
}

/** @param {Record<string, any>} module  @param {number} bytes */
function canAllocate(module, bytes) {
  const block = module['_PyMem_Malloc'](bytes);
  module['_PyMem_Free'](block);
  return block !== 0;
}

/** @param {Record<string, any>} module */
function throwNoMemory(module) {
  module['_PyErr_NoMemory']();
  module['_pythonexc2js']();
}
