#!/usr/bin/env bash
# Data-free quantization against llama.cpp's llama-quantize (BF16 -> Q8_0) of the same model, in turns.
#
#   bench/data_free.sh MODEL_FOLDER MODEL.gguf LLAMA_QUANTIZE [ROUNDS]
#
# MODEL.gguf holds the same weights as BF16. Prints wall and CPU seconds of every run, and how long the disk needs for the
# bytes of the last result (a copy with fsync).
set -euo pipefail
model=$1 gguf=$2 llama=$3 rounds=${4:-3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/dynamic.yaml" <<'YAML'
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver, part_file_size: 4}]
YAML

timed() {  # timed NAME COMMAND...
  local name=$1
  shift
  rm -rf "$scratch/out"
  /usr/bin/time -f "%e %U %S" -o "$scratch/time" "$@" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    exit 1
  }
  read -r wall user system <"$scratch/time"
  printf '%-24s %6.1f s wall %6.1f CPU s\n' "$name" "$wall" "$(echo "$user + $system" | bc)"
}

quant=("$here/build/src/msmodelslim" quant --model_path "$model" --save_path "$scratch/out" --yes --quiet)
for ((round = 0; round < rounds; ++round)); do
  timed "llama-quantize Q8_0" "$llama" "$gguf" "$scratch/out" Q8_0 "$(nproc)"
  timed "msmodelslim w8a16" "${quant[@]}" --quant_type w8a16
  timed "msmodelslim w8a8 dynamic" "${quant[@]}" --config_path "$scratch/dynamic.yaml"
  timed "the same, --verify none" "${quant[@]}" --config_path "$scratch/dynamic.yaml" --verify none
  mv "$scratch/out" "$scratch/result"
  # shellcheck disable=SC2016
  timed "its bytes copied" bash -c 'cp --reflink=never -r "$1" "$2" && sync -f "$2"' - "$scratch/result" "$scratch/out"
  rm -rf "$scratch/result"
done
