# SQLite: the command of examples/sqlite, and SQLite's own speedtest1.
unpack(sqlite3-3.46.1.tar.xz sqlite3-3.46.1)
set(source "${CMAKE_BINARY_DIR}/sqlite3-3.46.1")
set(sqlite "${CMAKE_BINARY_DIR}/sqlite")
file(MAKE_DIRECTORY "${sqlite}")
add_custom_command(OUTPUT "${sqlite}/sqlite3.c" "${sqlite}/sqlite3.h"
  COMMAND "${source}/configure" --disable-tcl --disable-readline >configure.log
  COMMAND make -s sqlite3.c >make.log
  WORKING_DIRECTORY "${sqlite}"
  COMMENT "Making sqlite3.c")
add_library(sqlite STATIC "${sqlite}/sqlite3.c")
target_include_directories(sqlite SYSTEM PUBLIC "${sqlite}")
target_compile_options(sqlite PRIVATE -w)
target_compile_definitions(sqlite PUBLIC SQLITE_THREADSAFE=0 SQLITE_OMIT_LOAD_EXTENSION
  SQLITE_OMIT_WAL SQLITE_TEMP_STORE=3 _WASI_EMULATED_GETPID _WASI_EMULATED_MMAN)
target_link_libraries(sqlite PUBLIC wasi-emulated-getpid wasi-emulated-mman)
program(sqlite examples/sqlite/main.c ADAPTER pymalloc::sqlite DEFINE SQLITE_ON_LIBC
  LIBRARIES sqlite OPTIONS -Wl,-z,stack-size=1048576)

# With the adapter a main stands before speedtest1's own.
add_library(speedtest1-main OBJECT "${source}/test/speedtest1.c")
target_compile_definitions(speedtest1-main PRIVATE main=speedtest1_main)
target_compile_options(speedtest1-main PRIVATE -w)
target_link_libraries(speedtest1-main PRIVATE sqlite)
program(speedtest1 examples/sqlite/speedtest1.c ADAPTER pymalloc::sqlite DEFINE SQLITE_ON_LIBC
  LIBRARIES speedtest1-main sqlite OPTIONS -Wl,-z,stack-size=1048576)
