# Preset `bench`: every allocator's modules, every engine; results in build/bench/programs.csv, .md
# (whole programs) and results.csv, .md, .svg (the rest).  Parts of it, and short forms:
#
#   --target bench-programs   bench-programs-short   one engine, about three minutes
#   --target bench-allocators bench-short            one engine, about five minutes
#   --target bench-cpython    CPython's programs, into docs/cpython.md
#   --target bench-docs       the results of the last full runs into README and docs/benchmarks.md
#   --target bench-docs-short those of the short ones
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
set(engines node20,node22,node24,node26,bun,js128)

ExternalProject_Add(programs
  SOURCE_DIR "${CMAKE_SOURCE_DIR}/tests/bench/programs"
  BINARY_DIR "${CMAKE_BINARY_DIR}/programs"
  CMAKE_ARGS -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_TOOLCHAIN_FILE=${CMAKE_SOURCE_DIR}/wasm/toolchain-wasi.cmake"
  INSTALL_COMMAND ""
  EXCLUDE_FROM_ALL TRUE
  BUILD_ALWAYS TRUE
  USES_TERMINAL_CONFIGURE TRUE
  USES_TERMINAL_BUILD TRUE)

# CPython alone.
ExternalProject_Add(programs-cpython
  SOURCE_DIR "${CMAKE_SOURCE_DIR}/tests/bench/programs"
  BINARY_DIR "${CMAKE_BINARY_DIR}/programs-cpython"
  CMAKE_ARGS -DCMAKE_BUILD_TYPE=Release -DPROGRAMS=cpython
    "-DCMAKE_TOOLCHAIN_FILE=${CMAKE_SOURCE_DIR}/wasm/toolchain-wasi.cmake"
  INSTALL_COMMAND ""
  EXCLUDE_FROM_ALL TRUE
  BUILD_ALWAYS TRUE
  USES_TERMINAL_CONFIGURE TRUE
  USES_TERMINAL_BUILD TRUE)

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

# bench_programs(TARGET RESULTS OPTIONS...): whole programs with every allocator
function(bench_programs target results)
  set(csv "${CMAKE_BINARY_DIR}/${results}.csv")
  add_custom_target(${target}
    COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
    COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "clang=${PYM_CLANG}"
    COMMAND "${PYM_NODE}" tests/bench/programs.mjs --csv "${csv}" ${ARGN}
      "${CMAKE_BINARY_DIR}/programs"
    COMMAND "${PYM_NODE}" tests/bench/programs-table.mjs "${csv}"
      > "${CMAKE_BINARY_DIR}/${results}.md"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    COMMENT "Results: ${csv}, .md"
    USES_TERMINAL
    VERBATIM)
  add_dependencies(${target} programs)
endfunction()
bench_programs(bench-programs programs --engines node20,node24,node26,bun,js128)
bench_programs(bench-programs-short programs-short --engines node24 --short)

# The tables of docs/cpython.md: preset `bench-cpython`.
set(csv "${CMAKE_BINARY_DIR}/cpython.csv")
add_custom_target(bench-cpython
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
  COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "clang=${PYM_CLANG}"
  COMMAND "${PYM_NODE}" tests/bench/programs.mjs --csv "${csv}" --only cpython
    --engines node20,node24,node26 --peers pym,both,own,mimalloc
    "${CMAKE_BINARY_DIR}/programs-cpython"
  COMMAND "${PYM_NODE}" tests/bench/programs-table.mjs --python "${csv}" docs/cpython.md
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Results: ${csv}, docs/cpython.md"
  USES_TERMINAL
  VERBATIM)
add_dependencies(bench-cpython programs-cpython)

# bench_allocators(TARGET RESULTS FORM LONGEST_OPTIONS... [REPLAY OPTIONS...] [FIGURES OPTIONS...]):
# the other measurements, one after the other; FORM is that of tests/bench/synthetic.sh
function(bench_allocators target results form)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "REPLAY;FIGURES")
  set(csv "${CMAKE_BINARY_DIR}/${results}.csv")
  set(bench "${modules}/tests/bench")
  set(replay "${PYM_NODE}" tests/bench/replay.mjs --csv "${csv}" ${arg_REPLAY})
  set(longest "${PYM_NODE}" tests/bench/longest.mjs --csv "${csv}" ${arg_UNPARSED_ARGUMENTS})
  add_custom_target(${target}
    COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
    COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "clang=${PYM_CLANG}"
      "WasmEdge=${PYM_WASMEDGE}"
    COMMAND "${PYM_NODE}" tests/bench/figures.mjs --csv "${csv}" ${arg_FIGURES} "${PYM_WASMEDGE}"
      "${bench}" ${traces}
    COMMAND ${replay} "${bench}" ${traces}
    COMMAND ${replay} --touch block "${bench}" ${traces}
    COMMAND ${longest} --steps "${bench}"
    COMMAND ${longest} "${bench}"
    COMMAND tests/bench/synthetic.sh ${form} "${PYM_NODE}" "${PYM_WASMEDGE}" "${bench}" "${csv}"
    COMMAND "${PYM_NODE}" tests/bench/table.mjs "${csv}" > "${CMAKE_BINARY_DIR}/${results}.md"
    COMMAND "${PYM_NODE}" tests/bench/longest-table.mjs "${csv}"
      >> "${CMAKE_BINARY_DIR}/${results}.md"
    COMMAND "${PYM_NODE}" tests/bench/synthetic-table.mjs "${csv}"
      >> "${CMAKE_BINARY_DIR}/${results}.md"
    COMMAND "${PYM_NODE}" tests/bench/plot.mjs "${csv}" "${CMAKE_BINARY_DIR}/${results}.svg"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    COMMENT "Results: ${csv}, .md, .svg"
    USES_TERMINAL
    VERBATIM)
  add_dependencies(${target} modules)
endfunction()
bench_allocators(bench-allocators results full --percent 100
  REPLAY --engines ${engines} FIGURES --records 1000000)
add_dependencies(bench-allocators bench_traces)
bench_allocators(bench-short short short --percent 10 --runs 3
  REPLAY --engines node24 --rounds 3 --records 300000 FIGURES --records 100000)

# All of it, one after the other.
add_custom_target(bench ALL
  COMMAND "${CMAKE_COMMAND}" --build "${CMAKE_BINARY_DIR}" --target bench-programs
  COMMAND "${CMAKE_COMMAND}" --build "${CMAKE_BINARY_DIR}" --target bench-allocators
  USES_TERMINAL)

# The same replay where programs of Emscripten are linked as usual, with its JavaScript and its
# sbrk, against its other allocators: `cmake --build build/bench --target bench-emscripten`.  Its
# newest: wasm/setup.sh emscripten-6 first, or EMSDK.
set(glue "${CMAKE_BINARY_DIR}/glue")
set(emsdk "${PYM_CACHE}/emsdk-6")
if(DEFINED ENV{EMSDK})
  set(emsdk "$ENV{EMSDK}")
endif()
ExternalProject_Add(glue
  SOURCE_DIR "${CMAKE_SOURCE_DIR}"
  BINARY_DIR "${glue}"
  CONFIGURE_COMMAND "${CMAKE_COMMAND}" --preset emscripten -S <SOURCE_DIR> -B <BINARY_DIR>
    --log-level=WARNING -DPYM_BENCH=ON "-DPYM_EMSDK=${emsdk}"
  BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR> --target bench_modules
  INSTALL_COMMAND ""
  EXCLUDE_FROM_ALL TRUE
  BUILD_ALWAYS TRUE
  USES_TERMINAL_CONFIGURE TRUE
  USES_TERMINAL_BUILD TRUE)
set(csv "${CMAKE_BINARY_DIR}/emscripten.csv")
add_custom_target(bench-emscripten
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${csv}"
  COMMAND "${PYM_NODE}" tests/bench/versions.mjs "${csv}" "emcc=${emsdk}/upstream/emscripten/emcc"
  COMMAND "${PYM_NODE}" tests/bench/replay.mjs --csv "${csv}" --engines node20,node26
    "${glue}/tests/bench" ${traces}
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Results: ${csv}"
  USES_TERMINAL
  VERBATIM)
add_dependencies(bench-emscripten glue bench_traces)

# bench_docs(TARGET PROGRAMS RESULTS): into the documents
function(bench_docs target programs results)
  set(programs "${CMAKE_BINARY_DIR}/${programs}")
  set(results "${CMAKE_BINARY_DIR}/${results}")
  add_custom_target(${target}
    COMMAND "${PYM_NODE}" tests/bench/programs-table.mjs --short "${programs}.csv" README.md
    COMMAND "${PYM_NODE}" tests/bench/programs-table.mjs "${programs}.csv" docs/benchmarks.md
    COMMAND "${PYM_NODE}" tests/bench/programs-table.mjs --python "${programs}.csv"
      examples/cpython/README.md
    COMMAND "${PYM_NODE}" tests/bench/table.mjs --short "${results}.csv" README.md
    COMMAND "${PYM_NODE}" tests/bench/table.mjs "${results}.csv" docs/benchmarks.md
    COMMAND "${PYM_NODE}" tests/bench/longest-table.mjs "${results}.csv" docs/benchmarks.md
    COMMAND "${PYM_NODE}" tests/bench/synthetic-table.mjs "${results}.csv" docs/benchmarks.md
    COMMAND "${CMAKE_COMMAND}" -E copy "${programs}.csv" docs/programs.csv
    COMMAND "${CMAKE_COMMAND}" -E copy "${results}.csv" docs/benchmarks.csv
    COMMAND "${CMAKE_COMMAND}" -E copy "${results}.svg" docs/benchmarks.svg
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    VERBATIM)
endfunction()
bench_docs(bench-docs programs results)
bench_docs(bench-docs-short programs-short short)
