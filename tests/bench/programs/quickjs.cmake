# QuickJS: the interpreter of examples/quickjs.
unpack(quickjs-2025.04.26.tar.xz quickjs-2025.04.26)
set(quickjs "${CMAKE_BINARY_DIR}/quickjs-2025.04.26")
add_library(quickjs STATIC "${quickjs}/quickjs.c" "${quickjs}/dtoa.c" "${quickjs}/cutils.c"
  "${quickjs}/libregexp.c" "${quickjs}/libunicode.c")
target_include_directories(quickjs SYSTEM PUBLIC "${quickjs}")
target_compile_options(quickjs PUBLIC "SHELL:-mllvm -wasm-enable-sjlj"
  PRIVATE "SHELL:-include malloc.h" -fwrapv -w)
target_compile_definitions(quickjs PRIVATE _GNU_SOURCE "CONFIG_VERSION=\"2025-04-26\"")
target_link_libraries(quickjs PUBLIC setjmp)
program(qjs examples/quickjs/main.c ADAPTER pymalloc::quickjs DEFINE QJS_ON_LIBC LIBRARIES quickjs
  OPTIONS -Wl,-z,stack-size=2097152)
