# What the examples of interpreters have in common: sources, a WASI command, its tests.  Included
# after project(); the library itself each of them adds by add_subdirectory, as an embedder would.
set(top "${CMAKE_CURRENT_LIST_DIR}/..")
include("${top}/wasm/tools.cmake")

# interpreter_sources(NAME ARCHIVE [FOLDER]): what wasm/setup.sh fetches for NAME and checks by
# SHA-256, unpacked into the build folder; sets `sources` to ARCHIVE's folder FOLDER.
function(interpreter_sources name archive folder)
  execute_process(COMMAND "${top}/wasm/setup.sh" ${name} COMMAND_ERROR_IS_FATAL ANY)
  if(NOT EXISTS "${CMAKE_BINARY_DIR}/${folder}")
    file(ARCHIVE_EXTRACT INPUT "${PYM_CACHE}/src/${archive}" DESTINATION "${CMAKE_BINARY_DIR}")
  endif()
  set(sources "${CMAKE_BINARY_DIR}/${folder}" PARENT_SCOPE)
endfunction()

# The engine TARGET raises errors with longjmp: WebAssembly exceptions.
function(uses_longjmp target)
  if(NOT EXISTS "${CMAKE_SYSROOT}/lib/wasm32-wasi/libsetjmp.a")
    message(FATAL_ERROR "The wasi-libc in ${CMAKE_SYSROOT} is too old: ${target} needs its "
      "libsetjmp.  Run wasm/setup.sh wasi.")
  endif()
  target_compile_options(${target} PUBLIC "SHELL:-mllvm -wasm-enable-sjlj")
  target_link_libraries(${target} PUBLIC setjmp)
endfunction()

# wasi_command(NAME [STACK bytes] SOURCES file... LIBRARIES target... [DEFINITIONS name...])
# A LIBRARIES entry TOOLS stands for the exports, the recorder and the report.
function(wasi_command name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "STACK" "SOURCES;LIBRARIES;DEFINITIONS")
  if(NOT arg_STACK)
    set(arg_STACK 1048576)
  endif()
  list(TRANSFORM arg_LIBRARIES REPLACE "^TOOLS$"
    "pymalloc::exports;pymalloc::record;pymalloc::report")
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES C_STANDARD 11)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wconversion -Werror)
  target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_link_options(${name} PRIVATE -Wl,-z,stack-size=${arg_STACK})
endfunction()

# node_test(NAME FILES file... ENVIRONMENT NAME=value...): files of node:test
enable_testing()
function(node_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FILES;ENVIRONMENT")
  add_test(NAME ${name} COMMAND "${PYM_NODE}" --test ${arg_FILES}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES ENVIRONMENT
    "${arg_ENVIRONMENT};PYM_WASMEDGE=${PYM_WASMEDGE}")
endfunction()

# Pages of linear memory of each program, a budget: tests/bench/pages.json.
function(pages_budget name target)
  set(pages "${PYM_NODE}" "${top}/tests/bench/pages.mjs")
  add_test(NAME ${name}.pages COMMAND ${pages} ${name} $<TARGET_FILE_DIR:${target}>)
  add_custom_target(${name}-pages-update
    COMMAND ${pages} --update ${name} $<TARGET_FILE_DIR:${target}> DEPENDS ${target} ${ARGN})
endfunction()
