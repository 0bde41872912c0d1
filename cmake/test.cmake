# Preset `test`: every target with its tests, the JavaScript tests, one run of ctest over all.
sub_build(native ARGS ${top} --preset native)
sub_build(native-asan ARGS ${top} --preset native-asan -DCMAKE_C_COMPILER=${PYM_CLANG})
sub_build(wasi ARGS ${top} --preset wasi)
sub_build(wasi-2022 ARGS ${top} --preset wasi -DPYM_TEST_PREFIX=wasi-2022
  "-DPYM_WASI_SYSROOT=${PYM_CACHE}/wasi-libc-2022/usr")
sub_build(freestanding ARGS ${top} --preset freestanding)
sub_build(lua ARGS ${lua})
foreach(name quickjs sqlite duktape)
  sub_build(${name} ARGS -S "${CMAKE_SOURCE_DIR}/examples/${name}" ${example})
endforeach()

enable_testing()
set(include_tests)
foreach(name IN LISTS sub_builds)
  string(APPEND include_tests "subdirs([==[${CMAKE_SOURCE_DIR}/build/${name}]==])\n")
endforeach()
file(CONFIGURE OUTPUT sub_tests.cmake CONTENT "${include_tests}" @ONLY)
set_property(DIRECTORY PROPERTY TEST_INCLUDE_FILES "${CMAKE_BINARY_DIR}/sub_tests.cmake")

if(EXISTS "${CMAKE_SOURCE_DIR}/js/package-lock.json")
  set(installed "${CMAKE_SOURCE_DIR}/js/node_modules/.package-lock.json")
  add_custom_command(OUTPUT "${installed}"
    COMMAND "${CMAKE_COMMAND}" -E env "PATH=${PYM_CACHE}/bin:$ENV{PATH}"
      "${PYM_NPM}" ci --no-audit --no-fund
    DEPENDS "${CMAKE_SOURCE_DIR}/js/package-lock.json"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/js"
    USES_TERMINAL)
  add_custom_target(js ALL DEPENDS "${installed}")
endif()
file(GLOB js_tests CONFIGURE_DEPENDS tests/js/*.test.js tests/js/*.test.mjs)
foreach(file IN LISTS js_tests)
  get_filename_component(name "${file}" NAME_WE)
  add_test(NAME js.${name} COMMAND "${PYM_NODE}" --no-warnings --test "${file}"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(js.${name} PROPERTIES ENVIRONMENT_MODIFICATION
    "PATH=path_list_prepend:${PYM_CACHE}/bin")
endforeach()
