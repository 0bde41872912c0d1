# The replay without a C library, the same in 32-bit and in 64-bit memories, for memory64.mjs:
# replay-pym.wasm, replay-record.wasm, replay-floor.wasm.
function(replay_without_libc name)
  add_executable(replay_${name} replay.c)
  set_target_properties(replay_${name} PROPERTIES OUTPUT_NAME replay-${name} C_STANDARD 11)
  target_compile_options(replay_${name} PRIVATE -O2 -mbulk-memory -Wall -Wextra -Werror)
  target_compile_definitions(replay_${name} PRIVATE PYM_DEBUG=0 ${ARGN})
  target_include_directories(replay_${name} PRIVATE "${PYM_SOURCE}/src")
endfunction()
replay_without_libc(floor PEER_FLOOR)
replay_without_libc(pym PEER_PYM)
replay_without_libc(record PEER_PYM REPLAY_RECORD)
target_link_libraries(replay_pym PRIVATE core_O2) # a release build, whatever the tests are
target_link_libraries(replay_record PRIVATE core_O2)
