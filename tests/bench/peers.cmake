# The allocators of the benchmark.  pym_bench(NAME SOURCE...) builds one module a peer,
# NAME-PEER.wasm, from the same source with the same flags.
#
#   pym         wasm-pymalloc                     lto       ... compiled together with its caller
#   libc        wasi-libc's dlmalloc              floor     no allocator
# and with PYM_BENCH (preset `bench`, which fetches what they need):
#   hardened    PYM_DEBUG=1                       calls     nothing inlined at the calls
#   malloc      wasm-pymalloc under malloc()      obmalloc  CPython 3.11's own, over wasi-libc's
#   twice       pym, counting every block once more
#   dlmalloc, emmalloc, mimalloc                  Emscripten 6's: em_allocators.cmake
set(peer_flags -O2 -mbulk-memory)

# pym_peer(NAME DEFINITIONS... [LIBRARIES TARGETS...] [FLAGS COMPILER_AND_LINKER_FLAGS...])
function(pym_peer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES;FLAGS")
  add_library(peer_${name} INTERFACE)
  target_compile_definitions(peer_${name} INTERFACE ${arg_UNPARSED_ARGUMENTS})
  target_compile_options(peer_${name} INTERFACE ${peer_flags} ${arg_FLAGS})
  target_link_options(peer_${name} INTERFACE ${arg_FLAGS} -Wl,--export=__wasm_call_ctors)
  target_link_libraries(peer_${name} INTERFACE ${arg_LIBRARIES})
  target_include_directories(peer_${name} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}")
  set(pym_peers ${pym_peers} ${name} PARENT_SCOPE)
endfunction()

# pym_core(NAME FLAGS...): the library once more, with other flags
get_target_property(core pymalloc SOURCES)
list(TRANSFORM core PREPEND "${PYM_SOURCE}/")
function(pym_core name)
  add_library(core_${name} STATIC ${core})
  target_compile_options(core_${name} PUBLIC ${peer_flags} ${ARGN})
  set_target_properties(core_${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
  target_include_directories(core_${name} PUBLIC "${PYM_SOURCE}/src")
endfunction()

set(pym_peers)
add_custom_target(bench_modules)
pym_core(lto -flto)
pym_peer(pym PEER_PYM LIBRARIES pymalloc::pymalloc)
pym_peer(lto PEER_PYM LIBRARIES core_lto FLAGS -flto)
pym_peer(libc PEER_LIBC)
pym_peer(floor PEER_FLOOR)

if(PYM_BENCH)
  include(em_allocators.cmake)
  include(peers_others.cmake)
endif()

# pym_bench(NAME SOURCE... [PEERS PEERS...] [FLAGS FLAGS...]): one module a peer, all of them
# unless named.  FLAGS are for the compiler: definitions, include folders, warnings.
function(pym_bench name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PEERS;FLAGS")
  if(NOT arg_PEERS)
    set(arg_PEERS ${pym_peers})
  endif()
  foreach(peer IN LISTS arg_PEERS)
    if(peer IN_LIST pym_peers)
      add_executable(${name}_${peer} ${arg_UNPARSED_ARGUMENTS})
      set_target_properties(${name}_${peer} PROPERTIES OUTPUT_NAME ${name}-${peer} C_STANDARD 11)
      target_compile_options(${name}_${peer} PRIVATE ${arg_FLAGS})
      target_link_libraries(${name}_${peer} PRIVATE peer_${peer})
      add_dependencies(bench_modules ${name}_${peer})
    endif()
  endforeach()
endfunction()
