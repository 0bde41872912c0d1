# Where the tools are that wasm/setup.sh provides.  Included by the toolchain files and by every
# CMakeLists.txt that runs one of them.

# The cache folder: the same rule as in wasm/setup.sh.
if(DEFINED ENV{PYM_CACHE})
  set(PYM_CACHE "$ENV{PYM_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(PYM_CACHE "$ENV{XDG_CACHE_HOME}/wasm-pymalloc")
else()
  set(PYM_CACHE "$ENV{HOME}/.cache/wasm-pymalloc")
endif()

# A Node.js of the cache folder is there only if the system has none that is new enough.
find_program(PYM_NODE node HINTS "${PYM_CACHE}/bin" NO_CMAKE_FIND_ROOT_PATH)
find_program(PYM_NPM npm HINTS "${PYM_CACHE}/bin" NO_CMAKE_FIND_ROOT_PATH)
find_program(PYM_WASMEDGE wasmedge HINTS "${PYM_CACHE}/bin" NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(PYM_NODE PYM_NPM PYM_WASMEDGE)

# pym_find_clang(): set PYM_CLANG, PYM_CLANG_AR and PYM_CLANG_RANLIB in the caller's scope to a
# clang >= 19 that can link wasm: of the wasi-sdk at WASI_SDK_PATH, else Debian's; clang 19 first,
# the one that the tests run with.
function(pym_find_clang)
  if(DEFINED ENV{WASI_SDK_PATH})
    set(prefix "$ENV{WASI_SDK_PATH}/bin/")
    set(suffix "")
    if(NOT EXISTS "${prefix}clang")
      message(FATAL_ERROR "WASI_SDK_PATH=$ENV{WASI_SDK_PATH} has no bin/clang.")
    endif()
  else()
    foreach(version RANGE 19 25)
      find_program(clang clang-${version} NO_CACHE)
      find_program(ld wasm-ld-${version} NO_CACHE)
      find_program(ar llvm-ar-${version} NO_CACHE)
      if(clang AND ld AND ar)
        set(suffix "-${version}")
        break()
      endif()
      unset(clang)
      unset(ld)
      unset(ar)
    endforeach()
    if(NOT clang)
      message(FATAL_ERROR
        "No clang >= 19 with its wasm-ld and llvm-ar found.  Run wasm/setup.sh wasi, or install "
        "the Debian packages clang-19 lld-19 llvm-19 libclang-rt-19-dev-wasm32, or set "
        "WASI_SDK_PATH to a wasi-sdk.")
    endif()
    get_filename_component(prefix "${clang}" DIRECTORY)
    string(APPEND prefix "/")
  endif()
  set(PYM_CLANG "${prefix}clang${suffix}" PARENT_SCOPE)
  set(PYM_CLANG_AR "${prefix}llvm-ar${suffix}" PARENT_SCOPE)
  set(PYM_CLANG_RANLIB "${prefix}llvm-ranlib${suffix}" PARENT_SCOPE)
endfunction()

# pym_find_emscripten(): set PYM_EMSCRIPTEN in the caller's scope to the folder of an Emscripten >=
# 3.1.69, which has emcc and cmake/Modules; which one: toolchain-emscripten.cmake.
function(pym_find_emscripten)
  if(PYM_EMSDK)
    set(folder "${PYM_EMSDK}/upstream/emscripten")
  elseif(DEFINED ENV{EMSDK})
    set(folder "$ENV{EMSDK}/upstream/emscripten")
  else()
    set(folder "${PYM_CACHE}/emsdk/upstream/emscripten")
    find_program(emcc emcc NO_CACHE NO_CMAKE_FIND_ROOT_PATH)
    find_program(config em-config NO_CACHE NO_CMAKE_FIND_ROOT_PATH)
    if(emcc AND config)
      execute_process(COMMAND "${emcc}" -dumpversion OUTPUT_VARIABLE version)
      if(version VERSION_GREATER_EQUAL 3.1.69)
        execute_process(COMMAND "${config}" EMSCRIPTEN_ROOT OUTPUT_VARIABLE folder
          OUTPUT_STRIP_TRAILING_WHITESPACE)
      endif()
    endif()
  endif()
  if(NOT EXISTS "${folder}/emcc")
    message(FATAL_ERROR
      "No Emscripten in ${folder}.  Run wasm/setup.sh emscripten, or set EMSDK to an emsdk, or "
      "put an emcc >= 3.1.69 into PATH.")
  endif()
  set(PYM_EMSCRIPTEN "${folder}" PARENT_SCOPE)
endfunction()
