# Peers that wasm/setup.sh bench fetches: see peers.cmake.
pym_core(hardened)
target_compile_definitions(core_hardened PUBLIC PYM_DEBUG=1)
pym_peer(hardened PEER_PYM LIBRARIES core_hardened)
pym_peer(calls PEER_PYM PYM_NO_INLINE LIBRARIES pymalloc::pymalloc)
pym_peer(malloc PEER_LIBC LIBRARIES pymalloc::malloc)

# What the statistics of the fast path cost: every block is counted once more, in other places.
file(READ "${PROJECT_SOURCE_DIR}/src/pymalloc.h" header)
foreach(counter mallocs frees)
  set(once "++*(uint64_t *)(void *)pym__word(pym__heap_data, ${counter} + s);")
  string(REPLACE "${once}" "${once}\n  ++*(uint64_t *)(void *)pym__word(pym__twice, ${counter} + s);"
    twice "${header}")
  if(twice STREQUAL header)
    message(FATAL_ERROR "pymalloc.h counts ${counter} in another way: see peers_others.cmake")
  endif()
  set(header "${twice}")
endforeach()
string(REPLACE "extern unsigned char pym__heap_data[]"
  "__attribute__((weak)) _Alignas(8) unsigned char pym__twice[4096];\nextern unsigned char pym__heap_data[]"
  header "${header}")
file(CONFIGURE OUTPUT twice/pymalloc.h CONTENT "${header}" @ONLY)
pym_peer(twice PEER_PYM LIBRARIES pymalloc::pymalloc)
target_include_directories(peer_twice BEFORE INTERFACE "${CMAKE_CURRENT_BINARY_DIR}/twice")

# CPython's own: the one file of its source, with headers of ours in place of what it includes.
set(python "${PYM_CACHE}/src/python3.11_3.11.2.orig.tar.gz")
set(obmalloc "${CMAKE_CURRENT_BINARY_DIR}/Python-3.11.2/Objects/obmalloc.c")
if(NOT EXISTS "${obmalloc}")
  file(ARCHIVE_EXTRACT INPUT "${python}" DESTINATION "${CMAKE_CURRENT_BINARY_DIR}"
    PATTERNS Python-3.11.2/Objects/obmalloc.c)
endif()
add_library(core_obmalloc STATIC "${obmalloc}")
target_include_directories(core_obmalloc PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/obmalloc")
target_compile_options(core_obmalloc PRIVATE ${peer_flags})
pym_peer(obmalloc PEER_OBMALLOC LIBRARIES core_obmalloc)

# mimalloc 3, from the sources that come with Debian's newest Emscripten, over WASI.
set(mimalloc "${PYM_CACHE}/emscripten-6/usr/share/emscripten/system/lib/mimalloc")
if(EXISTS "${mimalloc}")
  add_library(core_mimalloc STATIC "${mimalloc}/src/static.c")
  target_include_directories(core_mimalloc SYSTEM PUBLIC "${mimalloc}/include")
  target_compile_options(core_mimalloc PRIVATE ${peer_flags} -w)
  target_link_libraries(core_mimalloc PUBLIC wasi-emulated-process-clocks)
  pym_peer(mimalloc PEER_MIMALLOC LIBRARIES core_mimalloc)
else()
  message(WARNING "No mimalloc 3 in ${mimalloc}: left out")
endif()

# Emscripten of the EMSDK in the environment, of the cache folder, or the system's.
if(DEFINED ENV{EMSDK})
  set(PYM_EMCC "$ENV{EMSDK}/upstream/emscripten/emcc")
else()
  find_program(PYM_EMCC emcc HINTS "${PYM_CACHE}/bin" NO_CMAKE_FIND_ROOT_PATH)
endif()
if(NOT PYM_EMCC)
  message(FATAL_ERROR "No emcc: run wasm/setup.sh bench, or set EMSDK.")
endif()
set(pym_em_peers em-dlmalloc em-emmalloc em-mimalloc em-floor)

# A module that needs no glue: WASI's imports only, and no memory at the start but what its data
# needs, as the other peers have it.
function(pym_bench_emscripten name peer sources flags)
  string(REPLACE "em-" "" malloc ${peer})
  set(define PEER_LIBC)
  if(peer STREQUAL em-floor)
    set(malloc none)
    set(define PEER_FLOOR)
  endif()
  set(module "${CMAKE_CURRENT_BINARY_DIR}/${name}-${peer}.wasm")
  list(TRANSFORM sources PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(APPEND sources "${PROJECT_SOURCE_DIR}/tests/bench/emscripten.c")
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.h"
    "${PROJECT_SOURCE_DIR}/tests/bench/*.h")
  add_custom_command(OUTPUT "${module}"
    COMMAND "${PYM_EMCC}" ${peer_flags} -std=gnu11 -D${define}
      "-I${PROJECT_SOURCE_DIR}/tests/bench" ${flags} ${sources} -o "${module}"
      -sMALLOC=${malloc} -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH -sMAXIMUM_MEMORY=4GB
      -sINITIAL_HEAP=0 -Wl,--export=__wasm_call_ctors
    DEPENDS ${sources} ${headers}
    VERBATIM)
  add_custom_target(${name}_${peer} ALL DEPENDS "${module}")
endfunction()
