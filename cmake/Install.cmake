# Recipes and calibration sets are found relative to the executable (see base/resources.h).
include(GNUInstallDirs)
install(TARGETS msmodelslim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
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
