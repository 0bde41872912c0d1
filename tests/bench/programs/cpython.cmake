# CPython 3.11: what examples/cpython has built once a machine, linked anew.
#
#   python-pym    the library through PyMem_SetAllocator      python-both   and as malloc
#   python-own    CPython's own pymalloc, over wasi-libc's malloc
#   others        upstream's build for WASI, all of it on that malloc
execute_process(COMMAND "${top}/examples/cpython/build.sh"
  OUTPUT_VARIABLE cpython OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(libpython INTERFACE)
target_link_libraries(libpython INTERFACE "${cpython}/lib/libpython3.11.a"
  "${cpython}/lib/libmpdec.a" "${cpython}/lib/libexpat.a"
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
python_module(pym $<TARGET_OBJECTS:python-main> libpython pymalloc::cpython)
python_module(both $<TARGET_OBJECTS:python-main> allocator_malloc libpython pymalloc::cpython)
python_module(own "${own_main};${cpython}/lib/obmalloc.o" libpython)
foreach(peer malloc libc dlmalloc emmalloc mimalloc)
  if(TARGET allocator_${peer})
    python_module(${peer} "${own_main}" allocator_${peer} libpython)
  endif()
endforeach()

# Where programs.mjs shows it to the interpreters.
set(stdlib "${CMAKE_BINARY_DIR}/lib/python3.11")
add_custom_command(OUTPUT stdlib.stamp
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${stdlib}"
  COMMAND "${CMAKE_COMMAND}" -E copy_directory "${cpython}/stdlib" "${stdlib}"
  COMMAND "${CMAKE_COMMAND}" -E touch stdlib.stamp
  DEPENDS "${cpython}/lib/libpython3.11.a"
  COMMENT "Copying the standard library")
add_custom_target(stdlib ALL DEPENDS stdlib.stamp)
