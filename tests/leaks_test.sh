#!/usr/bin/env bash
# Quantizes a tiny model under valgrind: once without data, once calibrated. Fails on memory that is lost and on
# reads of what is not there.
#
#   tests/leaks_test.sh BUILD_FOLDER
set -euo pipefail
build=$(realpath "${1:?usage: tests/leaks_test.sh BUILD_FOLDER}")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE

quantize() {  # quantize NAME OPTIONS...
  local name=$1
  shift
  valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
    --error-exitcode=9 --log-file="$scratch/log" \
    "$build/src/msmodelslim" quant --model_path "$repo/tests/golden/data/models/qwen2" \
    --save_path "$scratch/$name" --yes --quiet "$@" || {
    cat "$scratch/log" >&2
    echo "leaks_test: $name failed" >&2
    exit 1
  }
  echo "$name: nothing lost, nothing read that is not there"
}

quantize "w4a8 without data" --config_path data-free-w4a8
quantize "w8a8 calibrated" --quant_type w8a8 --calib_tokens 64
