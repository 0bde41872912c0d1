# Preset `cpython`: the last step of the build runs a Python program and shows its memory.
sub_build(python ARGS -S "${CMAKE_SOURCE_DIR}/examples/cpython" ${example})
add_custom_target(run ALL
  COMMAND "${PYM_NODE}" --no-warnings js/bin/wasm-pymalloc.js run --stats --dir .
    build/python/python.wasm examples/cpython/programs/json_texts.py 10
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMENT "Python on wasm-pymalloc, under Node.js"
  USES_TERMINAL)
add_dependencies(run python)
