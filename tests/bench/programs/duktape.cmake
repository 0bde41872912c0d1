# Duktape: the interpreter of examples/duktape.
unpack(duktape-2.7.0.tar.xz duktape-2.7.0)
set(duktape "${CMAKE_BINARY_DIR}/duktape-2.7.0/src")
add_library(duktape STATIC "${duktape}/duktape.c")
target_include_directories(duktape SYSTEM PUBLIC "${duktape}")
target_compile_options(duktape PUBLIC "SHELL:-mllvm -wasm-enable-sjlj" PRIVATE -w)
target_link_libraries(duktape PUBLIC setjmp)
program(duk examples/duktape/main.c ADAPTER pymalloc::duktape DEFINE DUK_ON_LIBC
  LIBRARIES duktape OPTIONS -Wl,-z,stack-size=1048576)
