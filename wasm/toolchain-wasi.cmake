# Toolchain file for WASI (preview 1): clang >= 19 and wasi-libc.
#
# The sysroot is, in this order: PYM_WASI_SYSROOT; that of the wasi-sdk at WASI_SDK_PATH; the
# wasi-libc that wasm/setup.sh fetched; the system's package wasi-libc.
include("${CMAKE_CURRENT_LIST_DIR}/tools.cmake")
pym_find_clang()

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER "${PYM_CLANG}")
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR "${PYM_CLANG_AR}")
set(CMAKE_RANLIB "${PYM_CLANG_RANLIB}")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "Flags of a release build")

execute_process(COMMAND "${PYM_CLANG}" --target=wasm32-wasi -print-libgcc-file-name
  OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT EXISTS "${runtime}")
  message(FATAL_ERROR
    "${PYM_CLANG} has no runtime for wasm32 (${runtime}).  Run wasm/setup.sh wasi, or install the "
    "Debian package libclang-rt-19-dev-wasm32 (or of the number of your clang).")
endif()

set(PYM_WASI_SYSROOT "" CACHE PATH "Folder with include/wasm32-wasi and lib/wasm32-wasi")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PYM_WASI_SYSROOT)
if(NOT PYM_WASI_SYSROOT)
  if(DEFINED ENV{WASI_SDK_PATH})
    set(PYM_WASI_SYSROOT "$ENV{WASI_SDK_PATH}/share/wasi-sysroot")
  elseif(EXISTS "${PYM_CACHE}/wasi-libc-2024/usr")
    set(PYM_WASI_SYSROOT "${PYM_CACHE}/wasi-libc-2024/usr")
  else()
    set(PYM_WASI_SYSROOT /usr)
  endif()
endif()
if(NOT EXISTS "${PYM_WASI_SYSROOT}/lib/wasm32-wasi/libc.a")
  message(FATAL_ERROR
    "No wasi-libc in ${PYM_WASI_SYSROOT}.  Run wasm/setup.sh wasi, or install the Debian package "
    "wasi-libc, or set PYM_WASI_SYSROOT.")
endif()
set(CMAKE_SYSROOT "${PYM_WASI_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

# When it links with -O2, clang runs a wasm-opt that it happens to find.  The same module on every
# machine instead: -O0 here stops that and changes nothing else (--no-wasm-opt of clang 19 does not
# link at all).
set(CMAKE_EXE_LINKER_FLAGS_INIT "-O0")
set(CMAKE_EXECUTABLE_SUFFIX_C .wasm)
set(CMAKE_CROSSCOMPILING_EMULATOR "${PYM_NODE};--no-warnings;${CMAKE_CURRENT_LIST_DIR}/run-wasi.mjs")
