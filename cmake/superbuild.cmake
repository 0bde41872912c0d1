# Presets `demo` and `test`: make sure of the tools, then build the targets one by one, each with
# its own preset, toolchain and folder build/NAME.  The tests of all of them run in one ctest.
execute_process(
  COMMAND "${CMAKE_SOURCE_DIR}/wasm/setup.sh" ${PYM_SUPERBUILD} COMMAND_ERROR_IS_FATAL ANY)

project(pymalloc_superbuild LANGUAGES NONE)
include(ExternalProject)
include(wasm/tools.cmake)
pym_find_clang()
set(CMAKE_MESSAGE_LOG_LEVEL WARNING) # the sub-builds have their own to say

# sub_build(NAME [DEPENDS OTHERS] ARGS CONFIGURE_ARGUMENTS...): configure and build build/NAME
set(sub_builds)
function(sub_build name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;ARGS")
  ExternalProject_Add(${name}
    SOURCE_DIR "${CMAKE_SOURCE_DIR}"
    BINARY_DIR "${CMAKE_SOURCE_DIR}/build/${name}"
    DEPENDS ${arg_DEPENDS}
    CONFIGURE_COMMAND "${CMAKE_COMMAND}" -B <BINARY_DIR> --log-level=WARNING ${arg_ARGS}
    BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR>
    INSTALL_COMMAND ""
    BUILD_ALWAYS TRUE
    USES_TERMINAL_CONFIGURE TRUE
    USES_TERMINAL_BUILD TRUE)
  set(sub_builds ${sub_builds} ${name} PARENT_SCOPE)
endfunction()

# include_tests(): one ctest runs the tests of all sub-builds
macro(include_tests)
  enable_testing()
  set(sub_tests)
  foreach(name IN LISTS sub_builds)
    string(APPEND sub_tests "subdirs([==[${CMAKE_SOURCE_DIR}/build/${name}]==])\n")
  endforeach()
  file(CONFIGURE OUTPUT sub_tests.cmake CONTENT "${sub_tests}" @ONLY)
  set_property(DIRECTORY PROPERTY TEST_INCLUDE_FILES "${CMAKE_BINARY_DIR}/sub_tests.cmake")
endmacro()

# npm_packages(TARGET FOLDER): what FOLDER/package-lock.json names, once each time that it changes
function(npm_packages target folder)
  set(installed "${CMAKE_SOURCE_DIR}/${folder}/node_modules/.package-lock.json")
  add_custom_command(OUTPUT "${installed}"
    COMMAND "${CMAKE_COMMAND}" -E env "PATH=${PYM_CACHE}/bin:$ENV{PATH}"
      "${PYM_NPM}" ci --no-audit --no-fund --silent
    DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/package-lock.json"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/${folder}"
    USES_TERMINAL)
  add_custom_target(${target} ALL DEPENDS "${installed}")
endfunction()

set(top -S "${CMAKE_SOURCE_DIR}")
set(example -G Ninja -DCMAKE_BUILD_TYPE=Release
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-wasi.cmake")
set(lua -S "${CMAKE_SOURCE_DIR}/examples/lua" ${example})
include(cmake/${PYM_SUPERBUILD}.cmake)
