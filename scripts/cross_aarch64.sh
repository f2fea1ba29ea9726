#!/usr/bin/env bash
# Builds for aarch64 on x86-64 (Debian 12) and tests the result under qemu; docs/aarch64.md says what that shows.
#
#   scripts/cross_aarch64.sh                   build in build-aarch64, run the tests, make the archive and the wheel
#   scripts/cross_aarch64.sh kernels quantize  of the tests, only those of these folders of tests/unit
#   scripts/cross_aarch64.sh --build           build only
#
# Installs what is missing: Debian's cross compiler and qemu (root). MSMODELSLIM_SMOLLM2: a folder with a model,
# of which two blocks are quantized too. QEMU_CPU (default neoverse-n1) has the instructions of Kunpeng 920.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build="build-aarch64"
export QEMU_CPU=${QEMU_CPU:-neoverse-n1}

build_only=false
folders=()
for argument in "$@"; do
  case $argument in
    --build) build_only=true ;;
    -*)
      sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
    *) folders+=("$argument") ;;
  esac
done

scripts/install_deps.sh
missing=()
for package in g++-aarch64-linux-gnu qemu-user-static; do
  dpkg-query -W "$package" >/dev/null 2>&1 || missing+=("$package")
done
if ((${#missing[@]} > 0)); then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove --no-install-recommends "${missing[@]}" >/dev/null
fi
scripts/aarch64_sysroot.sh "$build/sysroot"
scripts/build.sh "$build" "-DCMAKE_TOOLCHAIN_FILE=$PWD/cmake/aarch64.cmake" \
  "-DMSMODELSLIM_SYSROOT=$PWD/$build/sysroot" -DMSMODELSLIM_WERROR=ON
if $build_only; then
  exit 0
fi

emulator=(qemu-aarch64-static -L "$build/sysroot" -E OMP_WAIT_POLICY=PASSIVE)
results=()
failed=false
check() {  # check NAME COMMAND...
  local name=$1 start=$SECONDS state=passed
  shift
  echo "=== $name"
  if ! "$@"; then
    state=FAILED
    failed=true
  fi
  results+=("$(printf '%6d s  %s %s' $((SECONDS - start)) "$name" "$state")")
}

# One process per folder: a start takes a second here.
tests() {  # tests FOLDER [FILTER]
  "${emulator[@]}" "$build/tests/$1_test" --gtest_brief=1 --gtest_filter="${2:-*}"
}
if ((${#folders[@]} == 0)); then
  for program in "$build"/tests/*_test; do
    folder=${program##*/}
    folders+=("${folder%_test}")
  done
fi
for folder in "${folders[@]}"; do
  check "$folder" tests "$folder"
done
QEMU_CPU=cortex-a72 check "products without sdot" tests kernels 'Gemm*'
OPENBLAS_CORETYPE=TSV110 check "products of Kunpeng 920" tests kernels 'Gemm.*'
if (($# == 0)); then
  check "same results as x86-64" tests/aarch64/same_results.sh build "$build"
  check "archive" tests/aarch64/archive_test.sh "$build"
fi
printf '%s\n' "${results[@]}"
if $failed; then exit 1; fi
