# Peers that wasm/setup.sh bench fetches: see peers.cmake.
pym_core(hardened)
target_compile_definitions(core_hardened PUBLIC PYM_DEBUG=1)
pym_peer(hardened PEER_PYM LIBRARIES core_hardened)
pym_peer(calls PEER_PYM PYM_NO_INLINE LIBRARIES pymalloc::pymalloc)
pym_peer(malloc PEER_LIBC LIBRARIES pymalloc::malloc)

# What the statistics of the fast path cost: every block is counted once more, in other places.
file(READ "${PYM_SOURCE}/src/pymalloc.h" header)
set(twice "${header}")
foreach(counter mallocs frees)
  set(once "++*(uint64_t *)(void *)pym__word(pym__heap_data, ${counter} + s);")
  string(REPLACE "${once}" "${once}\n  ++*(uint64_t *)(void *)pym__word(pym__twice, ${counter} + s);"
    twice "${twice}")
endforeach()
if(twice STREQUAL header)
  message(WARNING "pymalloc.h counts in another way (peers_others.cmake): no peer `twice`")
else()
  string(REPLACE "extern unsigned char pym__heap_data[]"
    "__attribute__((weak)) _Alignas(8) unsigned char pym__twice[4096];\nextern unsigned char pym__heap_data[]"
    twice "${twice}")
  file(CONFIGURE OUTPUT twice/pymalloc.h CONTENT "${twice}" @ONLY)
  pym_peer(twice PEER_PYM LIBRARIES pymalloc::pymalloc)
  target_include_directories(peer_twice BEFORE INTERFACE "${CMAKE_CURRENT_BINARY_DIR}/twice")
endif()

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

foreach(allocator IN LISTS PYM_EM_ALLOCATORS)
  pym_peer(${allocator} PEER_LIBC LIBRARIES allocator_${allocator})
endforeach()
