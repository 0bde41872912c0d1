/** What an import of the file gives, for createHeap({ wasm }): a module where the host compiles it, as
 *  workerd does; its address where a bundler copies it. */
declare const wasm: WebAssembly.Module | string;
export default wasm;
