# Toolchain file for wasm64-unknown-unknown: memories with 64-bit addresses, up to 16 GiB.  Node.js 24
# runs them, and Node.js 20 and 22 do not.
include("${CMAKE_CURRENT_LIST_DIR}/tools.cmake")
find_program(PYM_NODE64 node24 HINTS "${PYM_CACHE}/bin" NO_CMAKE_FIND_ROOT_PATH REQUIRED)
set(PYM_NODE "${PYM_NODE64}" CACHE FILEPATH "Node.js" FORCE)
set(arch wasm64)
include("${CMAKE_CURRENT_LIST_DIR}/toolchain-freestanding.cmake")
