# Preset `other-hosts`: hosts and languages that the preset `test` leaves out, since what they need is large
# (1.5 GB of Debian packages in the cache folder): hosts in Go and C, WASI hosts, Rust.
set(library -S "${CMAKE_SOURCE_DIR}" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYM_TESTS=OFF)
sub_build(archive-wasi ARGS ${library}
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-wasi.cmake")
sub_build(archive-freestanding ARGS ${library}
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-freestanding.cmake")
sub_build(lua ARGS ${lua})
sub_build(sqlite ARGS -S "${CMAKE_SOURCE_DIR}/examples/sqlite" ${example})
sub_build(python ARGS -S "${CMAKE_SOURCE_DIR}/examples/cpython" ${example})
sub_build(tenant ARGS -S "${CMAKE_SOURCE_DIR}/examples/hosts" ${example})

npm_packages(js_tests_wasi tests/wasi)

enable_testing()
# host_test(NAME COMMAND...): from the top, with the programs of the cache folder
function(host_test name)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES ENVIRONMENT_MODIFICATION
    "PATH=path_list_prepend:${PYM_CACHE}/bin")
endfunction()
host_test(hosts.readers "${PYM_NODE}" --test examples/hosts/hosts.test.mjs)
host_test(hosts.wasi "${PYM_NODE}" --no-warnings tests/wasi/table.mjs --check)
host_test(rust.build examples/rust/build.sh build/rust build/archive-wasi/libpymalloc.a
  build/archive-freestanding/libpymalloc.a)
host_test(rust.results "${PYM_NODE}" --no-warnings examples/rust/rust.test.mjs build/rust)
set_tests_properties(rust.build PROPERTIES FIXTURES_SETUP rust)
set_tests_properties(rust.results PROPERTIES FIXTURES_REQUIRED rust)
