# Flags shared by every target: warnings, sanitizers, compiler cache.
add_library(msmodelslim_options INTERFACE)
target_compile_options(msmodelslim_options INTERFACE -Wall -Wextra -Wshadow -Wno-unused-parameter
                                                     -ffp-contract=off)
if(MSMODELSLIM_WERROR)
  target_compile_options(msmodelslim_options INTERFACE -Werror)
endif()
if(MSMODELSLIM_SANITIZE)
  # The checks left out double GCC's time; what most of them find, null pointers first of all, the
  # AddressSanitizer finds as well.
  target_compile_options(msmodelslim_options INTERFACE -fsanitize=${MSMODELSLIM_SANITIZE}
    -fno-omit-frame-pointer
    -fno-sanitize=null,vptr,object-size,pointer-overflow,alignment,nonnull-attribute,returns-nonnull-attribute)
  target_link_options(msmodelslim_options INTERFACE -fsanitize=${MSMODELSLIM_SANITIZE})
endif()
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
