/** The functions of WebAssembly as they were before anybody put others in their place: the preload
 *  does, and must not meet itself. */

const { instantiate, compile, Module, Instance, instantiateStreaming, compileStreaming } =
  WebAssembly;

export const original = Object.freeze({
  instantiate: instantiate.bind(WebAssembly),
  compile: compile.bind(WebAssembly),
  Module,
  Instance,
  instantiateStreaming,
  compileStreaming,
});
