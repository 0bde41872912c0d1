/** What an import of the file is where hosts compile it, as workerd does: for attachSync(pyodide, { wasm }). */
declare const wasm: WebAssembly.Module;
export default wasm;
