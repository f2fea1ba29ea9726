#!/usr/bin/env bash
# Quantizes with a build for x86-64 and with one for aarch64, under qemu, and compares what they write: the same
# bytes where no calibration data goes in, nearly the same values else.
#
#   tests/aarch64/same_results.sh BUILD BUILD_AARCH64
#
# The models: those of tests/golden, and two blocks of MSMODELSLIM_SMOLLM2 when that is set.
set -euo pipefail
build=$(realpath "$1")
build_arm=$(realpath "$2")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
emulator=(qemu-aarch64-static -L "$build_arm/sysroot" -E OMP_WAIT_POLICY=PASSIVE)

quantize() {  # quantize MODEL OPTIONS...: writes $scratch/x86 and $scratch/arm
  local model=$1
  shift
  rm -rf "$scratch/x86" "$scratch/arm"
  "$build/src/msmodelslim" quant --model_path "$model" --save_path "$scratch/x86" --yes --quiet --verify none "$@"
  "${emulator[@]}" "$build_arm/src/msmodelslim" quant --model_path "$model" --save_path "$scratch/arm" --yes --quiet \
    --verify none "$@"
}

same_bytes() {  # every file but the report, which names the time
  diff -r --exclude='quant_report.*' "$scratch/x86" "$scratch/arm"
}

models=("$repo"/tests/golden/data/models/*)
if [[ -n ${MSMODELSLIM_SMOLLM2:-} ]]; then
  python3 "$repo/tests/aarch64/cut_model.py" "$MSMODELSLIM_SMOLLM2" "$scratch/two_blocks" 2
  models+=("$scratch/two_blocks")
fi
for model in "${models[@]}"; do
  for recipe in w8a16 w8a8 w4a16 w4a8 mxfp8 mxfp4; do
    # In groups that divide the inputs of all these models.
    sed 's/group_size: 128/group_size: 32/' "$repo/recipes/data_free/data-free-$recipe.yaml" >"$scratch/$recipe.yaml"
    quantize "$model" --config_path "$scratch/$recipe.yaml"
    same_bytes
    echo "${model##*/} data-free-$recipe: the same bytes"
  done
  quantize "$model" --quant_type w8a8 --calib_tokens 256
  echo "${model##*/} w8a8: $(python3 "$repo/tests/aarch64/compare_folders.py" "$scratch/x86" "$scratch/arm")"
done
