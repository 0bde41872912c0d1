# The allocators of Emscripten 6 (6.0.5: mimalloc is 3.4.1) as targets allocator_dlmalloc,
# allocator_emmalloc and allocator_mimalloc: its sources, compiled by our clang for WASI, over an sbrk
# like its own (em_host.c).  So the rest of a program is the same code whoever its allocator is.
#
# Flags are those of its tools/system_libs.py.  The sources are in the folder that wasm/setup.sh
# mimalloc or emscripten-6 made; PYM_EM_ALLOCATORS lists what there is.
set(em "${PYM_CACHE}/debian-forky/usr/share/emscripten")
if(NOT EXISTS "${em}/system/lib/mimalloc")
  set(em "${PYM_CACHE}/emscripten-6/usr/share/emscripten")
endif()

# Their headers, of which they need little.
foreach(header heap trace threading console html5)
  file(CONFIGURE OUTPUT "em/emscripten/${header}.h" CONTENT "#include \"em_host.h\"\n" @ONLY)
endforeach()

# emscripten_allocator(NAME FLAGS... SOURCES SOURCES...)
function(emscripten_allocator name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_library(objects_${name} OBJECT ${arg_SOURCES} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/em_host.c")
  target_compile_options(objects_${name} PRIVATE -mbulk-memory --target=wasm32-unknown-emscripten -w -O2
    -fno-unroll-loops -fno-builtin -DNDEBUG -D__wasi__ ${arg_UNPARSED_ARGUMENTS}
    "-I${CMAKE_CURRENT_FUNCTION_LIST_DIR}" "-I${CMAKE_CURRENT_BINARY_DIR}/em"
    -isystem "${CMAKE_SYSROOT}/include/wasm32-wasi")
  add_library(allocator_${name} INTERFACE)
  target_sources(allocator_${name} INTERFACE $<TARGET_OBJECTS:objects_${name}>)
endfunction()

set(PYM_EM_ALLOCATORS)
if(EXISTS "${em}/system/lib/mimalloc")
  set(PYM_EM_ALLOCATORS dlmalloc emmalloc mimalloc)
  set(lib "${em}/system/lib")
  # It breaks C's rules of aliasing, and clang 19 makes use of them.
  set_source_files_properties("${lib}/emmalloc.c" PROPERTIES COMPILE_OPTIONS -fno-strict-aliasing)
  emscripten_allocator(dlmalloc SOURCES "${lib}/dlmalloc.c")
  emscripten_allocator(emmalloc -DBENCH_MALLINFO SOURCES "${lib}/emmalloc.c")
  file(GLOB mimalloc "${lib}/mimalloc/src/*.c")
  list(FILTER mimalloc EXCLUDE REGEX "/(alloc-override|free|page-queue|static)\\.c$")
  emscripten_allocator(mimalloc -DBENCH_MALLINFO -DEMMALLOC_NO_STD_EXPORTS -DMI_ENABLE_LARGE_PAGES=0
    "-DMI_ARENA_SLICE_SHIFT=(12+MI_SIZE_SHIFT)" -DMI_MAX_ALIGN_SIZE=8 -DMI_DEFAULT_ARENA_RESERVE=65536
    -DMI_MALLOC_OVERRIDE -DMI_DEBUG=0 -DMI_LIBC_MUSL -DMI_USE_BUILTIN_THREAD_POINTER
    "-D__builtin_thread_pointer()=((void *)em_thread)" "SHELL:-include em_host.h" -I${lib}/mimalloc/include
    SOURCES ${mimalloc} "${lib}/mimalloc/src/prim/prim.c" "${lib}/emmalloc.c")
  target_link_libraries(allocator_mimalloc INTERFACE wasi-emulated-process-clocks)
else()
  message(WARNING "No sources of Emscripten 6: run wasm/setup.sh mimalloc.  Its peers are left out")
endif()
