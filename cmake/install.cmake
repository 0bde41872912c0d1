# Install rules: headers, libraries, the CMake package `pymalloc` and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pymalloc)
install(TARGETS ${targets} EXPORT pymalloc
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/pymalloc)
# In a folder of their own, since <adapters/lua.h> beside pymalloc.h is too common a name.
install(FILES src/pymalloc.h src/fast.h src/pymalloc_python.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc)
install(FILES src/adapters/lua.h src/adapters/quickjs.h src/adapters/sqlite.h
  src/adapters/duktape.h src/adapters/cpython.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc/adapters)
install(EXPORT pymalloc NAMESPACE pymalloc:: FILE pymallocConfig.cmake DESTINATION ${package_dir})

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
pkg_config(pymalloc "${PROJECT_DESCRIPTION}" -lpymalloc)
if(TARGET pymalloc_malloc)
  set(malloc -lpymalloc_malloc)
  if(PYM_SYSTEM STREQUAL emscripten)
    list(APPEND malloc -sMALLOC=none)
  endif()
  pkg_config(pymalloc-malloc "malloc and its family, in place of libc's" "${malloc}" pymalloc)
endif()
if(exports)
  if(PYM_SYSTEM STREQUAL emscripten)
    install(FILES wasm/emscripten/post.js DESTINATION ${CMAKE_INSTALL_LIBDIR}/pymalloc)
    list(APPEND exports -Wl,--export=pym_descriptor --post-js=\${libdir}/pymalloc/post.js)
  endif()
  list(APPEND exports -Wl,--export=pym_root)
  pkg_config(pymalloc-exports "what hosts of a wasm module call" "${exports}" pymalloc)
endif()
