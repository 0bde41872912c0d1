# The CMake package pymalloc.  pymalloc::* are for programs with threads if the component `threads` is
# asked for, or if the program is compiled with -pthread or -matomics.
set(pymalloc_variant one)
if("threads" IN_LIST pymalloc_FIND_COMPONENTS OR
    "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-pthread|-matomics" OR
    NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/pymalloc-one.cmake")
  set(pymalloc_variant threads)
endif()
set(pymalloc_threads_FOUND TRUE)
if(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/pymalloc-${pymalloc_variant}.cmake")
  set(pymalloc_FOUND FALSE)
  set(pymalloc_NOT_FOUND_MESSAGE "this pymalloc was built without its archives for threads")
  return()
endif()
include("${CMAKE_CURRENT_LIST_DIR}/pymalloc-${pymalloc_variant}.cmake")
