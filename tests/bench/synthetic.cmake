# Patterns of allocation, and heaps of every size: synthetic.c.
set(sources synthetic.c synthetic_main.c)
pym_bench(synthetic ${sources} FLAGS ${warnings})
add_executable(synthetic_record ${sources})
set_target_properties(synthetic_record PROPERTIES OUTPUT_NAME synthetic-record C_STANDARD 11)
target_compile_definitions(synthetic_record PRIVATE SYNTHETIC_RECORD)
target_compile_options(synthetic_record PRIVATE ${warnings})
target_link_libraries(synthetic_record PRIVATE peer_pym)
add_dependencies(bench_modules synthetic_record)

# Nothing is timed: each kind gives its checksum, on each allocator that there is.
if(PYM_TEST_PREFIX STREQUAL wasi)
  add_test(NAME ${PYM_TEST_PREFIX}.synthetic
    COMMAND "${PYM_NODE}" --test "${CMAKE_CURRENT_SOURCE_DIR}/synthetic.test.mjs")
  set_tests_properties(${PYM_TEST_PREFIX}.synthetic PROPERTIES
    ENVIRONMENT "PYM_MODULES=${CMAKE_CURRENT_BINARY_DIR}")
endif()
