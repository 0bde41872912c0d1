# Preset `emscripten-6`: the tests of the Emscripten target with the newest one that Debian has, in 32-bit
# and in 64-bit memories.  Not in preset `test`: that Emscripten builds its own libraries first, which
# takes minutes.
sub_build(emscripten-6 ARGS ${top} --preset emscripten -DPYM_TEST_PREFIX=emscripten-6
  "-DPYM_EMSDK=${PYM_CACHE}/emsdk-6")
sub_build(emscripten-6-64 ARGS ${top} --preset emscripten -DPYM_TEST_PREFIX=emscripten-6-64
  "-DPYM_EMSDK=${PYM_CACHE}/emsdk-6" -DCMAKE_C_FLAGS=-m64 "-DPYM_NODE=${PYM_CACHE}/bin/node24")
include_tests()
