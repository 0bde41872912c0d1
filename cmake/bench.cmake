# Preset `bench`: every allocator's modules, every engine; results in build/bench/results.csv, .md,
# .svg.  `--target bench-short` is the same in under two minutes, into short.csv.
set(modules "${CMAKE_BINARY_DIR}/modules")
ExternalProject_Add(modules
  SOURCE_DIR "${CMAKE_SOURCE_DIR}"
  BINARY_DIR "${modules}"
  CONFIGURE_COMMAND "${CMAKE_COMMAND}" --preset wasi -S <SOURCE_DIR> -B <BINARY_DIR>
    --log-level=WARNING -DPYM_BENCH=ON
  BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR> --target bench_modules
  INSTALL_COMMAND ""
  EXCLUDE_FROM_ALL TRUE
  BUILD_ALWAYS TRUE
  USES_TERMINAL_CONFIGURE TRUE
  USES_TERMINAL_BUILD TRUE)

set(PYM_TRACES "${CMAKE_SOURCE_DIR}/../shared/traces" CACHE PATH "Folder of CPython traces")
set(traces "${PYM_TRACES}" build/traces tests/traces)
if(DEFINED ENV{EMSDK})
  set(emcc "$ENV{EMSDK}/upstream/emscripten/emcc")
else()
  find_program(emcc emcc HINTS "${PYM_CACHE}/bin" NO_CACHE REQUIRED)
endif()

# What interpreters ask for, on a larger scale than tests/traces has it.
set(recorded "${CMAKE_BINARY_DIR}/recorded")
add_custom_command(OUTPUT "${recorded}"
  COMMAND "${CMAKE_COMMAND}" -E env "PATH=${PYM_CACHE}/bin:$ENV{PATH}" tests/traces/record.sh large
  COMMAND "${CMAKE_COMMAND}" -E touch "${recorded}"
  DEPENDS "${CMAKE_SOURCE_DIR}/tests/traces/record.sh"
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Recording traces into build/traces"
  USES_TERMINAL)
add_custom_target(bench_traces DEPENDS "${recorded}")

# bench_run(TARGET RESULTS FORM REPLAY_OPTIONS... [FIGURES OPTIONS...]): all steps, one after the
# other; FORM is that of tests/bench/synthetic.sh
function(bench_run target results form)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "FIGURES")
  set(csv "${CMAKE_BINARY_DIR}/${results}.csv")
  add_custom_target(${target} ${all}
    COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
    COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "clang=${PYM_CLANG}" "emcc=${emcc}"
      "WasmEdge=${PYM_WASMEDGE}"
    COMMAND "${PYM_NODE}" tests/bench/figures.mjs --csv "${csv}" ${arg_FIGURES} "${PYM_WASMEDGE}"
      "${modules}/tests/bench" ${traces}
    COMMAND "${PYM_NODE}" tests/bench/replay.mjs --csv "${csv}" ${arg_UNPARSED_ARGUMENTS}
      "${modules}/tests/bench" ${traces}
    COMMAND tests/bench/synthetic.sh ${form} "${PYM_NODE}" "${PYM_WASMEDGE}"
      "${modules}/tests/bench" "${csv}"
    COMMAND "${PYM_NODE}" tests/bench/table.mjs "${csv}" > "${CMAKE_BINARY_DIR}/${results}.md"
    COMMAND "${PYM_NODE}" tests/bench/synthetic-table.mjs "${csv}"
      >> "${CMAKE_BINARY_DIR}/${results}.md"
    COMMAND "${PYM_NODE}" tests/bench/plot.mjs "${csv}" "${CMAKE_BINARY_DIR}/${results}.svg"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    COMMENT "Results: ${csv}, .md, .svg"
    USES_TERMINAL
    VERBATIM)
  add_dependencies(${target} modules)
endfunction()

set(all ALL)
bench_run(bench results full --engines node20,node22,node24,node26,bun,js128
  FIGURES --records 1000000)
add_dependencies(bench bench_traces)
set(all)
bench_run(bench-short short short --engines node20 --rounds 3 --records 1000000
  FIGURES --records 100000)

# The same replay where programs of Emscripten are linked as usual, with its JavaScript and its sbrk,
# against its other allocators: `cmake --build build/bench --target bench-emscripten`.
set(glue "${CMAKE_BINARY_DIR}/glue")
ExternalProject_Add(glue
  SOURCE_DIR "${CMAKE_SOURCE_DIR}"
  BINARY_DIR "${glue}"
  CONFIGURE_COMMAND "${CMAKE_COMMAND}" --preset emscripten -S <SOURCE_DIR> -B <BINARY_DIR>
    --log-level=WARNING -DPYM_BENCH=ON
  BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR> --target bench_modules
  INSTALL_COMMAND ""
  EXCLUDE_FROM_ALL TRUE
  BUILD_ALWAYS TRUE
  USES_TERMINAL_CONFIGURE TRUE
  USES_TERMINAL_BUILD TRUE)
set(csv "${CMAKE_BINARY_DIR}/emscripten.csv")
add_custom_target(bench-emscripten
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
  COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "emcc=${emcc}"
  COMMAND "${PYM_NODE}" tests/bench/replay.mjs --csv "${csv}" --engines node20,node26
    "${glue}/tests/bench" ${traces}
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Results: ${csv}"
  USES_TERMINAL
  VERBATIM)
add_dependencies(bench-emscripten glue bench_traces)

# The results of the last full run into the document.
set(result "${CMAKE_BINARY_DIR}/results")
add_custom_target(bench-docs
  COMMAND "${PYM_NODE}" tests/bench/table.mjs "${result}.csv" docs/benchmarks.md
  COMMAND "${PYM_NODE}" tests/bench/synthetic-table.mjs "${result}.csv" docs/benchmarks.md
  COMMAND "${CMAKE_COMMAND}" -E copy "${result}.csv" docs/benchmarks.csv
  COMMAND "${CMAKE_COMMAND}" -E copy "${result}.svg" docs/benchmarks.svg
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  VERBATIM)
