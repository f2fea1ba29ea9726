#!/usr/bin/env bash
# Configures (Release, Ninja) and builds.
#
#   scripts/build.sh FOLDER [TARGET...] [-D...]
#
# FOLDER is taken from the repository root. Arguments that begin with -D go to CMake, the others are
# targets (default: everything). Options given once stay in the build folder.
# BUILD_JOBS sets the number of parallel compilers (default: one per core, as far as memory reaches).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:?usage: scripts/build.sh FOLDER [TARGET...] [-D...]}
shift
options=()
targets=()
for argument in "$@"; do
  case $argument in
    -D*) options+=("$argument") ;;
    *) targets+=("$argument") ;;
  esac
done

jobs=${BUILD_JOBS:-}
if [[ -z $jobs ]]; then
  jobs=$(nproc)
  # The largest source files need about 1 GiB to compile.
  if [[ -r /proc/meminfo ]]; then
    fit=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
    if ((fit >= 1 && fit < jobs)); then
      jobs=$fit
    fi
  fi
fi

# The sources need GCC 12 or later, which is not the default everywhere.
if [[ -z ${CXX:-} ]] && command -v g++ >/dev/null && command -v g++-12 >/dev/null &&
  (($(g++ -dumpversion | cut -d . -f 1) < 12)); then
  export CC=gcc-12 CXX=g++-12
fi

export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
if [[ ! -f $folder/build.ninja ]]; then
  options=(-G Ninja -DCMAKE_BUILD_TYPE=Release "${options[@]}")
fi
# CMake's report is long and only of interest when it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake -S . -B "$folder" "${options[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
if ((${#targets[@]} > 0)); then
  cmake --build "$folder" -j "$jobs" --target "${targets[@]}"
else
  cmake --build "$folder" -j "$jobs"
fi
