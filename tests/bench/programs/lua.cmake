# Lua 5.4: the interpreter of examples/lua.
unpack(lua-5.4.7.tar.gz lua-5.4.7)
set(lua "${CMAKE_BINARY_DIR}/lua-5.4.7/src")
file(GLOB sources "${lua}/*.c")
list(REMOVE_ITEM sources "${lua}/lua.c" "${lua}/luac.c")
add_library(lua STATIC ${sources})
target_include_directories(lua SYSTEM PUBLIC "${lua}")
target_compile_options(lua PUBLIC "SHELL:-mllvm -wasm-enable-sjlj" PRIVATE -w)
target_compile_definitions(lua PUBLIC _WASI_EMULATED_SIGNAL _WASI_EMULATED_PROCESS_CLOCKS
  PRIVATE L_tmpnam=1)
target_link_libraries(lua PUBLIC setjmp wasi-emulated-signal wasi-emulated-process-clocks)
program(lua examples/lua/main.c ADAPTER pymalloc::lua DEFINE LUA_ON_LIBC
  LIBRARIES lua OPTIONS -Wl,-z,stack-size=1048576)
