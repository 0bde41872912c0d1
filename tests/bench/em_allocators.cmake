# The allocators of Emscripten 6 (6.0.5: mimalloc is 3.4.1) as targets allocator_dlmalloc,
# allocator_emmalloc and allocator_mimalloc: its sources, compiled by our clang for WASI, over an
# sbrk like its own (em_host.c).  So the rest of a program is the same code whoever its allocator
# is.
#
# Flags are those of its tools/system_libs.py.  The sources are in the folder that wasm/setup.sh
# em-allocators or emscripten-6 made; PYM_EM_ALLOCATORS lists what there is.
set(em "${PYM_CACHE}/emscripten-6/usr/share/emscripten")
if(NOT EXISTS "${em}/system/lib/mimalloc")
  set(em "${PYM_CACHE}/debian-forky/usr/share/emscripten")
endif()

# Their headers, of which they need little.
foreach(header heap trace threading console html5)
  file(CONFIGURE OUTPUT "em/emscripten/${header}.h" CONTENT "#include \"em_host.h\"\n" @ONLY)
endforeach()

set(PYM_EM_ALLOCATORS)
if(EXISTS "${em}/system/lib/mimalloc")
  set(PYM_EM_ALLOCATORS dlmalloc emmalloc mimalloc)
else()
  message(WARNING "No sources of Emscripten 6: run wasm/setup.sh em-allocators.  Without its peers")
endif()
set(em_lib "${em}/system/lib")
# It breaks C's rules of aliasing, and clang 19 makes use of them.
set_source_files_properties("${em_lib}/emmalloc.c" PROPERTIES COMPILE_OPTIONS -fno-strict-aliasing)
file(GLOB em_mimalloc "${em_lib}/mimalloc/src/*.c")
list(FILTER em_mimalloc EXCLUDE REGEX "/(alloc-override|free|page-queue|static)\\.c$")
set(em_sources_dlmalloc "${em_lib}/dlmalloc.c")
set(em_sources_emmalloc "${em_lib}/emmalloc.c")
set(em_sources_mimalloc ${em_mimalloc} "${em_lib}/mimalloc/src/prim/prim.c" "${em_lib}/emmalloc.c")
set(em_flags_dlmalloc -DBENCH_ALIGNED_ALLOC)
set(em_flags_emmalloc -DBENCH_MALLINFO)
set(em_flags_mimalloc -DBENCH_MALLINFO -DEMMALLOC_NO_STD_EXPORTS -DMI_ENABLE_LARGE_PAGES=0
  "-DMI_ARENA_SLICE_SHIFT=(12+MI_SIZE_SHIFT)" -DMI_MAX_ALIGN_SIZE=8 -DMI_DEFAULT_ARENA_RESERVE=65536
  -DMI_MALLOC_OVERRIDE -DMI_DEBUG=0 -DMI_LIBC_MUSL -DMI_USE_BUILTIN_THREAD_POINTER
  "-D__builtin_thread_pointer()=((void *)em_thread)" "SHELL:-include em_host.h"
  "-I${em_lib}/mimalloc/include")
set(em_links_mimalloc wasi-emulated-process-clocks)

# em_allocator(ALLOCATOR NAME FLAGS...): it as allocator_NAME, compiled with more flags
function(em_allocator allocator name)
  set(folder "${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
  add_library(objects_${name} OBJECT ${em_sources_${allocator}} "${folder}/em_host.c")
  target_compile_options(objects_${name} PRIVATE -mbulk-memory --target=wasm32-unknown-emscripten
    -w -O2 -fno-unroll-loops -fno-builtin -DNDEBUG -D__wasi__ ${em_flags_${allocator}} ${ARGN}
    "-I${folder}" "-I${CMAKE_CURRENT_BINARY_DIR}/em"
    -isystem "${CMAKE_SYSROOT}/include/wasm32-wasi")
  add_library(allocator_${name} INTERFACE)
  target_sources(allocator_${name} INTERFACE $<TARGET_OBJECTS:objects_${name}>)
  target_link_libraries(allocator_${name} INTERFACE ${em_links_${allocator}})
endfunction()

foreach(allocator IN LISTS PYM_EM_ALLOCATORS)
  em_allocator(${allocator} ${allocator})
endforeach()
