# Toolchain file for Emscripten >= 3.1.69: `emcmake cmake` does the same for the one that it is of.
#
# The Emscripten is, in this order: that of the emsdk PYM_EMSDK; that of the emsdk EMSDK; emcc in
# PATH; the one that wasm/setup.sh made.
include("${CMAKE_CURRENT_LIST_DIR}/tools.cmake")
set(PYM_EMSDK "" CACHE PATH "Folder with upstream/emscripten, as emsdk has it")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PYM_EMSDK)
pym_find_emscripten()

set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "Flags of a release build")
set(EMSCRIPTEN_ROOT_PATH "${PYM_EMSCRIPTEN}")
set(CMAKE_CROSSCOMPILING_EMULATOR "${PYM_NODE}")
include("${PYM_EMSCRIPTEN}/cmake/Modules/Platform/Emscripten.cmake")
