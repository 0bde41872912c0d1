/** What an import of the file gives where hosts compile it, as workerd does: a module, for
 *  attachSync(pyodide, { wasm }). */
declare const wasm: WebAssembly.Module;
export default wasm;
