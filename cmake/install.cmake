# Install rules: headers, libraries, the CMake package `pymalloc` and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pymalloc)
install(TARGETS ${targets} EXPORT pymalloc
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/pymalloc)
# In a folder of their own, since <adapters/lua.h> beside pymalloc.h is too common a name.
install(FILES src/pymalloc.h src/pymalloc_python.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc)
install(FILES src/adapters/lua.h src/adapters/quickjs.h src/adapters/sqlite.h
  src/adapters/duktape.h src/adapters/cpython.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pymalloc/adapters)
install(EXPORT pymalloc NAMESPACE pymalloc:: FILE pymallocConfig.cmake DESTINATION ${package_dir})

write_basic_package_version_file(${PROJECT_BINARY_DIR}/pymallocConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/pymallocConfigVersion.cmake DESTINATION ${package_dir})

configure_file(cmake/pymalloc.pc.in pymalloc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pymalloc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
