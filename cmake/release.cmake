# Preset `release`: what a release holds, in build/release (cmake/release.mjs, docs/releasing.md).
set(PYM_RELEASE_URL "" CACHE STRING "Where the files of the release will be fetched from")
npm_packages(js js)
add_custom_target(release ALL
  COMMAND "${CMAKE_COMMAND}" -E env "PATH=${PYM_CACHE}/bin:$ENV{PATH}" "${PYM_NODE}"
    cmake/release.mjs build/release/files "$<$<BOOL:${PYM_RELEASE_URL}>:--url;${PYM_RELEASE_URL}>"
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMAND_EXPAND_LISTS
  USES_TERMINAL)
add_dependencies(release js)
