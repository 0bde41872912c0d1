# Preset `demo`: the last step of the build runs a Lua program and shows its memory.
sub_build(lua ARGS ${lua})
add_custom_target(demo ALL
  COMMAND "${PYM_NODE}" --no-warnings js/bin/wasm-pymalloc.js run --stats --dir .
    build/lua/lua.wasm examples/lua/programs/json.lua
  COMMAND "${CMAKE_COMMAND}" -E echo "The same in a browser, drawn while it runs: npm --prefix js start"
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Lua on wasm-pymalloc, under Node.js"
  USES_TERMINAL)
add_dependencies(demo lua)
