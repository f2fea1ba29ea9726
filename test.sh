#!/usr/bin/env bash
# Builds everything and runs every test.
#
#   ./test.sh [ctest arguments]     for example: ./test.sh -R tokenizer
#   ./test.sh --all                 also runs a server and speaks to it with curl, the openai client and a
#                                   browser, where these are installed (tests/interop/all.sh)
#
# MSMODELSLIM_WERROR=ON   warnings are errors
# MSMODELSLIM_BUILD=DIR   build folder (default: build)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

all=false
if [[ ${1:-} == --all ]]; then
  all=true
  shift
fi
folder=${MSMODELSLIM_BUILD:-build}
options=(-DMSMODELSLIM_TESTS=ON)
if [[ -n ${MSMODELSLIM_WERROR:-} ]]; then
  options+=("-DMSMODELSLIM_WERROR=$MSMODELSLIM_WERROR")
fi
scripts/install_deps.sh
scripts/build.sh "$folder" "${options[@]}"
ctest --test-dir "$folder" --output-on-failure -j2 "$@"
if $all; then
  tests/interop/all.sh
fi
