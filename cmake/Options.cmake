# Flags shared by every target: warnings, sanitizers, compiler cache.
add_library(msmodelslim_options INTERFACE)
target_compile_options(msmodelslim_options INTERFACE -Wall -Wextra -Wshadow -Wno-unused-parameter
                                                     -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees what is not there in its own std::string, behind precompiled headers most of all (its bugs
  # 105329 and 105651); the AddressSanitizer sees what is there.
  target_compile_options(msmodelslim_options INTERFACE -Wno-restrict -Wno-array-bounds
                                                       -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  target_compile_options(msmodelslim_options INTERFACE -Wno-psabi)  # about GCC before 10
endif()
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
# Reading these headers takes longer than compiling most files.
set(precompiled_headers <algorithm> <chrono> <cmath> <filesystem> <functional> <map> <memory>
    <optional> <set> <span> <string> <thread> <vector> <fmt/format.h> <nlohmann/json.hpp>)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  # What ccache needs to know a precompiled header by its content.
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(msmodelslim_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  else()
    target_compile_options(msmodelslim_options INTERFACE -fpch-preprocess)
  endif()
endif()
