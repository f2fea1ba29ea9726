# Flags shared by every target: warnings, sanitizers, compiler cache.
add_library(msmodelslim_options INTERFACE)
target_compile_options(msmodelslim_options INTERFACE -Wall -Wextra -Wshadow -Wno-unused-parameter
                                                     -ffp-contract=off)
if(MSMODELSLIM_WERROR)
  target_compile_options(msmodelslim_options INTERFACE -Werror)
endif()
if(MSMODELSLIM_SANITIZE)
  target_compile_options(msmodelslim_options INTERFACE -fsanitize=${MSMODELSLIM_SANITIZE}
                                                       -fno-omit-frame-pointer)
  target_link_options(msmodelslim_options INTERFACE -fsanitize=${MSMODELSLIM_SANITIZE})
endif()
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
