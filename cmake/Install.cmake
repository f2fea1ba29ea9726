# Recipes and calibration sets are found relative to the executable (see base/resources.h).
include(GNUInstallDirs)
install(TARGETS msmodelslim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes ${PROJECT_SOURCE_DIR}/calib
        DESTINATION ${CMAKE_INSTALL_DATADIR}/msmodelslim)
