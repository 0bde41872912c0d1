# quickjs-ng: the interpreter of examples/quickjs-ng.  `blocks` is without its own arenas; every
# other peer has them, as upstream builds it.
set(quickjs_ng "${PYM_CACHE}/quickjs-ng-0.17.0/usr/src/quickjs-ng")
foreach(mode arenas blocks)
  add_library(quickjs_ng_${mode} STATIC "${quickjs_ng}/quickjs.c" "${quickjs_ng}/dtoa.c"
    "${quickjs_ng}/libregexp.c" "${quickjs_ng}/libunicode.c")
  target_include_directories(quickjs_ng_${mode} SYSTEM PUBLIC "${quickjs_ng}")
  target_compile_options(quickjs_ng_${mode} PRIVATE -fwrapv -w)
  target_compile_definitions(quickjs_ng_${mode} PRIVATE _GNU_SOURCE PUBLIC QJS_NG)
endforeach()
target_compile_definitions(quickjs_ng_blocks PRIVATE __SANITIZE_ADDRESS__)
program(qjs-ng examples/quickjs/main.c ADAPTER pymalloc::quickjs_ng DEFINE QJS_ON_LIBC
  LIBRARIES quickjs_ng_arenas OPTIONS -Wl,-z,stack-size=2097152)
if(blocks IN_LIST PEERS)
  add_executable(qjs-ng-blocks "${PYM_SOURCE}/examples/quickjs/main.c")
  set_target_properties(qjs-ng-blocks PROPERTIES SUFFIX .wasm)
  target_link_options(qjs-ng-blocks PRIVATE -Wl,-z,stack-size=2097152)
  target_link_libraries(qjs-ng-blocks PRIVATE pymalloc::quickjs_ng quickjs_ng_blocks)
endif()
