# Toolchain file for wasm32-unknown-unknown: clang >= 19 and no C library at all.  For wasm64 it is
# included by toolchain-freestanding64.cmake.
include("${CMAKE_CURRENT_LIST_DIR}/tools.cmake")
pym_find_clang()
if(NOT DEFINED arch)
  set(arch wasm32)
endif()

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR ${arch})
set(CMAKE_C_COMPILER "${PYM_CLANG}")
set(CMAKE_C_COMPILER_TARGET ${arch}-unknown-unknown)
set(CMAKE_AR "${PYM_CLANG_AR}")
set(CMAKE_RANLIB "${PYM_CLANG_RANLIB}")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "Flags of a release build")

# With bulk memory the compiler turns memcpy and memset into instructions: nothing is left to call.
set(CMAKE_C_FLAGS_INIT "-ffreestanding -mbulk-memory")
# When it links with -O2, clang runs a wasm-opt that it happens to find.  The same module on every
# machine instead: -O0 here stops that and changes nothing else (--no-wasm-opt of clang 19 does not
# link at all).
set(CMAKE_EXE_LINKER_FLAGS_INIT "-O0 -nostdlib -Wl,--no-entry")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_EXECUTABLE_SUFFIX_C .wasm)
set(CMAKE_CROSSCOMPILING_EMULATOR "${PYM_NODE};${CMAKE_CURRENT_LIST_DIR}/run-freestanding.mjs")
