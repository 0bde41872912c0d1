/** What an import of the file is where hosts compile it, as workerd does: for createHeap({ wasm }). */
declare const wasm: WebAssembly.Module;
export default wasm;
