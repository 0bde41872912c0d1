# Preset `test`: every target with its tests, the JavaScript tests, one run of ctest over all.
sub_build(native ARGS ${top} --preset native)
sub_build(native64 ARGS ${top} --preset native64)
sub_build(native-asan ARGS ${top} --preset native-asan -DCMAKE_C_COMPILER=${PYM_CLANG})
sub_build(native-tsan ARGS ${top} --preset native-tsan -DCMAKE_C_COMPILER=${PYM_CLANG})
sub_build(wasi ARGS ${top} --preset wasi)
sub_build(wasi-2022 ARGS ${top} --preset wasi -DPYM_TEST_PREFIX=wasi-2022
  "-DPYM_WASI_SYSROOT=${PYM_CACHE}/wasi-libc-2022/usr")
sub_build(freestanding ARGS ${top} --preset freestanding)
sub_build(freestanding64 ARGS ${top} --preset freestanding64)
sub_build(emscripten ARGS ${top} --preset emscripten)
sub_build(lua ARGS ${lua})
foreach(name quickjs quickjs-ng sqlite duktape lua-5.5 mruby squirrel)
  sub_build(${name} ARGS -S "${CMAKE_SOURCE_DIR}/examples/${name}" ${example})
endforeach()
sub_build(python ARGS -S "${CMAKE_SOURCE_DIR}/examples/cpython" ${example})
sub_build(components ARGS -S "${CMAKE_SOURCE_DIR}/examples/components" ${example})
# Memories with 64-bit addresses: what the JavaScript tests read, and an example.
foreach(name tests/js/wasm64 examples/heap64)
  string(REPLACE "tests/js/" "js-" build "${name}")
  string(REPLACE "examples/" "" build "${build}")
  sub_build(${build} ARGS -S "${CMAKE_SOURCE_DIR}/${name}" -G Ninja
    "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-freestanding64.cmake")
endforeach()
# js/wasm/pymalloc.wasm, the allocator of the npm package
sub_build(js-guest ARGS -S "${CMAKE_SOURCE_DIR}/js/guest" -G Ninja
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-freestanding.cmake")
# js/wasm/pyodide.wasm, the same for Pyodide
sub_build(js-pyodide ARGS -S "${CMAKE_SOURCE_DIR}/js/pyodide" -G Ninja
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-freestanding.cmake")
# The interpreter of the page.
sub_build(lua-page ARGS -S "${CMAKE_SOURCE_DIR}/js/page/guest" -G Ninja
  "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-emscripten.cmake")

# One interpreter and one heap a thread.
foreach(name lua-workers micropython-workers)
  sub_build(${name} ARGS -S "${CMAKE_SOURCE_DIR}/examples/${name}" -G Ninja -DPYM_TESTS=OFF
    -DCMAKE_BUILD_TYPE=Release "--toolchain=${CMAKE_SOURCE_DIR}/wasm/toolchain-emscripten.cmake")
endforeach()

include_tests()

npm_packages(js js)
npm_packages(js_tests tests)
npm_packages(js_tests_pyodide tests/pyodide)
npm_packages(js_tests_observe tests/observe)
npm_packages(page_packages js/page)
npm_packages(js_components examples/components)

# js/page/dist, the page as a static host has it.
add_custom_target(page ALL
  COMMAND "${PYM_NODE}" js/page/build.js
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "The page"
  USES_TERMINAL)
add_dependencies(page page_packages lua-page js-pyodide)

# js_test(NAME FILE [PROPERTIES]): a file of node:test
function(js_test name file)
  add_test(NAME ${name} COMMAND "${PYM_NODE}" --no-warnings --test "${file}"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES ENVIRONMENT_MODIFICATION
    "PATH=path_list_prepend:${PYM_CACHE}/bin" ${ARGN})
endfunction()
file(GLOB js_tests CONFIGURE_DEPENDS tests/js/*.test.js tests/js/*.test.mjs)
foreach(file IN LISTS js_tests)
  get_filename_component(name "${file}" NAME_WE)
  js_test(js.${name} "${file}")
endforeach()
set_tests_properties(js.pack PROPERTIES RESOURCE_LOCK pack) # npm pack writes js/types
file(GLOB page_tests CONFIGURE_DEPENDS tests/page/*.test.js tests/page/*.test.mjs)
foreach(file IN LISTS page_tests)
  get_filename_component(name "${file}" NAME_WE)
  js_test(page.${name} "${file}")
endforeach()
# A release twice, from two folders.
js_test(release tests/release.test.mjs)
set_tests_properties(release PROPERTIES RESOURCE_LOCK pack RUN_SERIAL ON)
js_test(browser.lib tests/browser/lib.test.mjs)
js_test(browser.page tests/browser/page.test.mjs)
js_test(browser.views tests/browser/views.test.mjs)
js_test(browser.any tests/browser/any.test.mjs)
js_test(browser.profile tests/browser/profile.test.mjs)
js_test(browser.threads tests/browser/threads.test.mjs)
js_test(browser.memory64 tests/browser/memory64.test.mjs)
foreach(browser chromium firefox)
  js_test(browser.pyodide_page.${browser} tests/browser/pyodide_page.test.mjs
    ENVIRONMENT "BROWSER=${browser}")
endforeach()
foreach(release 0.28 0.29 314 315) # the npm names in tests/pyodide/package.json
  js_test(pyodide.${release} tests/pyodide/attach.test.mjs ENVIRONMENT "PYODIDE=${release}")
  js_test(pyodide.start.${release} tests/pyodide/start.test.mjs ENVIRONMENT "PYODIDE=${release}")
  js_test(pyodide.profile.${release} tests/pyodide/profile.test.mjs
    ENVIRONMENT "PYODIDE=${release}")
endforeach()
js_test(pyodide.hosts tests/pyodide/hosts.test.mjs)
# Packages of npm that do not link the library.
foreach(name allocators bad browser examples fuzz identity installed known ledger limits packages preload threads watch)
  js_test(observe.${name} tests/observe/${name}.test.mjs)
endforeach()
# Components of jco, images of Wizer.
js_test(components examples/components/components.test.mjs)
js_test(wizer examples/components/wizer.test.mjs)

# The documents: their links, the files that they name, what they show.
file(GLOB docs_tests CONFIGURE_DEPENDS tests/docs/*.test.mjs)
foreach(file IN LISTS docs_tests)
  get_filename_component(name "${file}" NAME_WE)
  js_test(docs.${name} "${file}")
endforeach()

# The formatter and the linter, of C and JavaScript.
add_test(NAME style.format COMMAND "${PYM_NODE}" tests/style/style.mjs check
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
js_test(style.self tests/style/style.test.mjs)
add_test(NAME style.lint COMMAND "${PYM_NODE}" tests/style/style.mjs lint
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")

# One program on every host and one app with every bundler, with the package as users get it; what
# docs/hosts.md says of them.
function(packed_test name)
  add_test(NAME ${name} COMMAND "${PYM_NODE}" --no-warnings ${ARGN}
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED packed FIXTURES_SETUP hosts
    ENVIRONMENT_MODIFICATION "PATH=path_list_prepend:${PYM_CACHE}/bin")
endfunction()
packed_test(hosts.pack tests/hosts/pack.mjs)
set_tests_properties(hosts.pack PROPERTIES FIXTURES_REQUIRED "" FIXTURES_SETUP packed
  RESOURCE_LOCK pack)
foreach(host node20 node22 node24 node26 deno bun workerd chromium firefox)
  packed_test(hosts.${host} tests/hosts/run.mjs ${host})
endforeach()
packed_test(bundlers --test tests/bundlers/bundlers.test.mjs)
packed_test(hosts.table tests/hosts/table.mjs --check)
set_tests_properties(hosts.table PROPERTIES FIXTURES_REQUIRED hosts FIXTURES_SETUP "")
