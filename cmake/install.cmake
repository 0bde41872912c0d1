# Install rules: headers, libraries, the CMake package `pymalloc` and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pymalloc)
foreach(variant IN LISTS variants)
  install(TARGETS ${targets_${variant}} pymalloc_exports EXPORT pymalloc_${variant}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/pymalloc)
  install(EXPORT pymalloc_${variant} NAMESPACE pymalloc:: FILE pymalloc-${variant}.cmake
    DESTINATION ${package_dir})
endforeach()
install(FILES cmake/pymallocConfig.cmake DESTINATION ${package_dir})
# In a folder of their own, since <adapters/lua.h> beside pymalloc.h is too common a name.
install(FILES src/pymalloc.h src/fast.h src/pymalloc_python.h src/pymalloc_component.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc)
list(TRANSFORM adapters REPLACE "(.+)" "src/adapters/\\1.h" OUTPUT_VARIABLE headers)
install(FILES ${headers} src/adapters/lua_frames.h src/adapters/lua_frames.c src/adapters/frames.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc/adapters)

write_basic_package_version_file(${PROJECT_BINARY_DIR}/pymallocConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/pymallocConfigVersion.cmake DESTINATION ${package_dir})

# pkg_config(NAME WHAT LIBS [REQUIRES]): NAME.pc, relative to where it lies
function(pkg_config name what libs)
  set(requires ${ARGN})
  string(REPLACE ";" " " libs "${libs}")
  configure_file(cmake/pymalloc.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
foreach(variant IN LISTS variants)
  string(REPLACE _ - package ${prefix_${variant}})
  set(threads "")
  if(variant STREQUAL threads AND NOT PYM_SYSTEM STREQUAL freestanding)
    set(threads -pthread)
  endif()
  pkg_config(${package} "${PROJECT_DESCRIPTION}" "-l${prefix_${variant}};${threads}")
  if(TARGET ${prefix_${variant}}_malloc)
    set(malloc -l${prefix_${variant}}_malloc)
    if(PYM_SYSTEM STREQUAL emscripten)
      list(APPEND malloc -sMALLOC=none)
    endif()
    pkg_config(${package}-malloc "malloc and its family, in place of libc's" "${malloc}" ${package})
  endif()
endforeach()
if(exports)
  if(PYM_SYSTEM STREQUAL emscripten)
    install(FILES wasm/emscripten/post.js DESTINATION ${CMAKE_INSTALL_LIBDIR}/pymalloc)
    list(APPEND exports -Wl,--export=pym_descriptor --post-js=\${libdir}/pymalloc/post.js)
  endif()
  list(APPEND exports -Wl,--export=pym_root)
  pkg_config(pymalloc-exports "what hosts of a wasm module call" "${exports}" pymalloc)
endif()
