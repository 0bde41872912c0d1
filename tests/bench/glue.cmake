# The replay as programs of Emscripten have it: linked by emcc with its JavaScript, memory grown by
# its sbrk.  Peers as in peers.cmake; replay.mjs measures a folder of these as it does the others.
set(functions _trace_at,_piece,_max_ids,_addresses_at,_replay)
add_custom_target(bench_modules)

# glue(NAME DEFINITIONS... [OPTIONS LINK_OPTIONS...] [LIBRARIES TARGETS...])
function(glue name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "OPTIONS;LIBRARIES")
  add_executable(replay_${name} replay.c)
  set_target_properties(replay_${name} PROPERTIES OUTPUT_NAME replay-${name} SUFFIX .mjs
    C_STANDARD 11)
  target_compile_definitions(replay_${name} PRIVATE ${arg_UNPARSED_ARGUMENTS})
  target_compile_options(replay_${name} PRIVATE -O2 -mbulk-memory)
  target_link_libraries(replay_${name} PRIVATE ${arg_LIBRARIES})
  target_link_options(replay_${name} PRIVATE -O2 --no-entry -sMODULARIZE -sEXPORT_ES6
    -sEXIT_RUNTIME=0 -sMEMORY_GROWTH_GEOMETRIC_STEP=0.20 -sEXPORTED_FUNCTIONS=${functions}
    -sEXPORTED_RUNTIME_METHODS=wasmMemory ${arg_OPTIONS})
  add_dependencies(bench_modules replay_${name})
endfunction()

glue(pym PEER_PYM LIBRARIES pymalloc::pymalloc)
glue(malloc PEER_LIBC LIBRARIES pymalloc::malloc)
glue(floor PEER_FLOOR)
glue(record PEER_PYM REPLAY_RECORD LIBRARIES pymalloc::pymalloc)
foreach(malloc dlmalloc emmalloc mimalloc)
  glue(${malloc} PEER_LIBC OPTIONS -sMALLOC=${malloc})
endforeach()
