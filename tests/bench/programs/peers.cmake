# The allocators that a program can be linked with, as targets allocator_PEER:
#
#   pym       wasm-pymalloc, plugged in by its adapter, as examples/ does it; in C++ programs
#             as malloc
#   malloc    wasm-pymalloc in place of malloc, without an adapter
#   libc      wasi-libc's malloc, a dlmalloc
#   dlmalloc, emmalloc, mimalloc   Emscripten 6's: ../em_allocators.cmake
#   both      CPython with the adapter, and malloc ours as well: cpython.cmake
#   blocks    quickjs-ng without its own arenas, over wasm-pymalloc: quickjs-ng.cmake
#   own       CPython's own pymalloc, over wasi-libc's malloc: cpython.cmake
#
# All are compiled by the same clang, so nothing but the allocator differs between the modules of a
# program.
add_library(allocator_pym INTERFACE)
target_link_libraries(allocator_pym INTERFACE pymalloc::malloc)
add_library(allocator_malloc INTERFACE)
target_link_libraries(allocator_malloc INTERFACE pymalloc::malloc)
add_library(allocator_libc INTERFACE)

include("${CMAKE_CURRENT_LIST_DIR}/../em_allocators.cmake")
