# CPython 3.13, or another PYTHON_VERSION: what examples/cpython has built, linked anew.
#
#   python-pym    the library, called directly                python-both   and as malloc
#   python-hooks  the library through PyMem_SetAllocator alone
#   python-own    CPython's own pymalloc, over wasi-libc's malloc: the files that look for it
#                 compiled with it
#   others        upstream's build for WASI, all of it on that malloc
set(PYTHON_VERSION 3.13 CACHE STRING "Version of CPython: 3.13 or 3.11")
execute_process(COMMAND "${top}/examples/cpython/build.sh" ${PYTHON_VERSION}
  OUTPUT_VARIABLE cpython OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(libpython INTERFACE)
file(GLOB python_libraries "${cpython}/lib/lib*.a")
list(REMOVE_ITEM python_libraries "${cpython}/lib/libpython.a")
target_link_libraries(libpython INTERFACE "${cpython}/lib/libpython.a" ${python_libraries}
  dl wasi-emulated-signal wasi-emulated-getpid wasi-emulated-process-clocks m)
target_link_options(libpython INTERFACE -Wl,-z,stack-size=4194304 -Wl,--stack-first)

set(example "${PYM_SOURCE}/examples/cpython")
add_library(python-main OBJECT "${example}/main.c" "${example}/pymallocmodule.c")
target_include_directories(python-main SYSTEM PRIVATE "${cpython}/include")
target_link_libraries(python-main PRIVATE pymalloc::cpython)

# python_module(PEER OBJECTS LIBRARIES...)
function(python_module peer objects)
  if(NOT peer IN_LIST PEERS)
    return()
  endif()
  add_executable(python-${peer} ${objects})
  set_target_properties(python-${peer} PROPERTIES SUFFIX .wasm LINKER_LANGUAGE C)
  target_link_libraries(python-${peer} PRIVATE ${ARGN})
endfunction()
set(own_main "${cpython}/lib/python.o")
python_module(pym $<TARGET_OBJECTS:python-main> libpython pymalloc::cpython_direct)
python_module(hooks $<TARGET_OBJECTS:python-main> libpython pymalloc::cpython)
python_module(both $<TARGET_OBJECTS:python-main> allocator_malloc libpython pymalloc::cpython_direct)
file(GLOB own_pymalloc "${cpython}/lib/obmalloc.o" "${cpython}/lib/pylifecycle.o")
python_module(own "${own_main};${own_pymalloc}" libpython)
foreach(peer malloc libc dlmalloc emmalloc mimalloc)
  if(TARGET allocator_${peer})
    set(python_objects "${own_main}")
    if(peer STREQUAL mimalloc) # CPython has one of its own, of the same names
      file(GLOB plain "${cpython}/lib/obmalloc-plain.o")
      list(APPEND python_objects ${plain})
    endif()
    python_module(${peer} "${python_objects}" allocator_${peer} libpython)
  endif()
endforeach()

# Where programs.mjs shows it to the interpreters.
set(stdlib "${CMAKE_BINARY_DIR}/lib/python${PYTHON_VERSION}")
add_custom_command(OUTPUT stdlib.stamp
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${stdlib}"
  COMMAND "${CMAKE_COMMAND}" -E copy_directory "${cpython}/stdlib" "${stdlib}"
  COMMAND "${CMAKE_COMMAND}" -E touch stdlib.stamp
  DEPENDS "${cpython}/lib/libpython.a"
  COMMENT "Copying the standard library")
add_custom_target(stdlib ALL DEPENDS stdlib.stamp)
