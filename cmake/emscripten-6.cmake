# Preset `emscripten-6`: the tests of the Emscripten target with the newest one that Debian has.  Not
# in preset `test`: that Emscripten builds its own libraries first, which takes minutes.
sub_build(emscripten-6 ARGS ${top} --preset emscripten -DPYM_TEST_PREFIX=emscripten-6
  "-DPYM_EMSDK=${PYM_CACHE}/emsdk-6")
include_tests()
