# Recipes and calibration sets are found relative to the executable (see base/resources.h).
include(GNUInstallDirs)
# Archives carry libraries beside the program; RPATH, unlike RUNPATH, holds for what these need too.
set_target_properties(msmodelslim PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/msmodelslim")
target_link_options(msmodelslim PRIVATE -Wl,--disable-new-dtags)
install(TARGETS msmodelslim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Not in packages, which then would need Open MPI; install.sh adds it.
if(TARGET msmodelslim_mpi)
  install(TARGETS msmodelslim_mpi LIBRARY DESTINATION lib/msmodelslim COMPONENT mpi EXCLUDE_FROM_ALL)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes ${PROJECT_SOURCE_DIR}/calib
        DESTINATION ${CMAKE_INSTALL_DATADIR}/msmodelslim)

# The C++ library: find_package(msmodelslim), msmodelslim::msmodelslim.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/msmodelslim)
install(TARGETS msmodelslim_library EXPORT msmodelslimTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/msmodelslim
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT msmodelslimTargets NAMESPACE msmodelslim:: DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/msmodelslimConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/msmodelslimConfig.cmake
              ${PROJECT_BINARY_DIR}/msmodelslimConfigVersion.cmake
        DESTINATION ${package_dir})

# What shells and man know about the program comes from its own help texts.
if(NOT MSMODELSLIM_SANITIZE)
  set(shell_files ${PROJECT_BINARY_DIR}/shell)
  add_custom_command(OUTPUT ${shell_files}/msmodelslim.1
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/shell_files.sh ${shell_files} ${CMAKE_CROSSCOMPILING_EMULATOR}
            $<TARGET_FILE:msmodelslim>
    DEPENDS msmodelslim ${PROJECT_SOURCE_DIR}/scripts/shell_files.sh VERBATIM)
  add_custom_target(shell_files ALL DEPENDS ${shell_files}/msmodelslim.1)
  install(FILES ${shell_files}/msmodelslim.bash RENAME msmodelslim
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${shell_files}/_msmodelslim DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${shell_files}/msmodelslim.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

set(CPACK_PACKAGE_NAME msmodelslim)
set(CPACK_PACKAGE_VENDOR msmodelslim)
set(CPACK_PACKAGE_CONTACT "msmodelslim <msmodelslim@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Makes large language models small")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
