// Part of the JavaScript that emcc writes, where pymalloc::exports is linked: Module.pymalloc, from
// which Heap.from(Module) of the package wasm-pymalloc reads.  The glue keeps neither the module nor
// its exports by name, but its variables are at hand here.
//
//   memory      the WebAssembly.Memory
//   exports     what wasm/exports.txt lists, pym_root, and where they are linked pym_profile and
//               pym_frames_*: the functions, by name
//   descriptor  the custom section `pymalloc`, a copy of the bytes
//   aborted     true once the program has ended by abort()
//
// All but `aborted` are undefined until the program is loaded.
// While a Module.instantiateWasm is under way, the exports are an empty object; a function of theirs
// that is called then is lost for good.
var pymallocLoaded = () => !!wasmExports && Object.keys(wasmExports).length > 0;
Module['pymalloc'] = {
  get ['memory']() {
    return pymallocLoaded() ? wasmMemory : undefined;
  },
  get ['exports']() {
    return pymallocLoaded()
      ? {
          ['pym_root']: _pym_root,
          ['pym_check']: _pym_check,
          ['pym_check_message']: _pym_check_message,
          ['pym_dump_stderr']: _pym_dump_stderr,
          ['pym_heap_destroy']: _pym_heap_destroy,
          ['pym_heap_new']: _pym_heap_new,
          ['pym_limit_set']: _pym_limit_set,
          // Each of a target that not every program links.
          ...(typeof _pym_profile === 'function' && { ['pym_profile']: _pym_profile }),
          ...(typeof _pym_frames_lua === 'function' && { ['pym_frames_lua']: _pym_frames_lua }),
          ...(typeof _pym_frames_python === 'function' && {
            ['pym_frames_python']: _pym_frames_python,
          }),
        }
      : undefined;
  },
  get ['descriptor']() {
    if (!pymallocLoaded()) return undefined;
    const address = _pym_descriptor(); // a BigInt where memory has 64-bit addresses
    const start = typeof address === 'bigint' ? Number(address) : address >>> 0;
    const header = new DataView(wasmMemory.buffer, start, 16); // src/core/layout.h
    const bytes = 16 + header.getUint16(10, true) * header.getUint32(12, true);
    return new Uint8Array(wasmMemory.buffer.slice(start, start + bytes));
  },
  get ['aborted']() {
    return !!ABORT;
  },
};
