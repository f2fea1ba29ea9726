include("${CMAKE_CURRENT_LIST_DIR}/msmodelslimTargets.cmake")
