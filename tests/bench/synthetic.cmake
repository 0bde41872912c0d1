# Patterns of allocation, and heaps of every size: synthetic.c.
set(sources synthetic.c synthetic_main.c)
pym_bench(synthetic ${sources} FLAGS ${warnings})
add_executable(synthetic_record ${sources})
set_target_properties(synthetic_record PROPERTIES OUTPUT_NAME synthetic-record C_STANDARD 11)
target_compile_definitions(synthetic_record PRIVATE SYNTHETIC_RECORD)
target_compile_options(synthetic_record PRIVATE ${warnings})
target_link_libraries(synthetic_record PRIVATE peer_pym)
add_dependencies(bench_modules synthetic_record)
