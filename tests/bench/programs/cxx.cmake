# C++ programs: new and delete are malloc and free, so `pym` is here what `malloc` is.
set(CMAKE_CXX_COMPILER "${CMAKE_C_COMPILER}")
set(CMAKE_CXX_COMPILER_TARGET "${CMAKE_C_COMPILER_TARGET}")
set(CMAKE_CXX_COMPILER_WORKS TRUE) # the probe would want a libc++ in the sysroot
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "Flags of a release build")
enable_language(CXX)
add_library(cxx INTERFACE)
target_compile_options(cxx INTERFACE -std=c++20 -fno-exceptions -fno-rtti -Wall -Wextra -Werror)
if(NOT DEFINED ENV{WASI_SDK_PATH}) # a wasi-sdk brings its libc++ itself
  set(libcxx "${PYM_CACHE}/libcxx-19/usr/lib/llvm-19")
  target_compile_options(cxx INTERFACE -nostdinc++
    "SHELL:-isystem ${libcxx}/include/wasm32-wasi/c++/v1")
  target_link_options(cxx INTERFACE "-L${libcxx}/lib/wasm32-wasi"
    "-L${PYM_CACHE}/libcxxabi-19/usr/lib/llvm-19/lib/wasm32-wasi")
endif()
target_link_libraries(cxx INTERFACE c++ c++abi)
program(containers tests/bench/programs/containers.cpp LIBRARIES cxx)
program(documents tests/bench/programs/documents.cpp LIBRARIES cxx)
