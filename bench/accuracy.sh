#!/usr/bin/env bash
# Quantizes a model by one recipe after the other and evaluates each result: rows of a table. bench/recipes/ holds plain
# recipes to compare with, those of the Python tool's own figures.
#
#   bench/accuracy.sh MODEL_FOLDER TEXT SEQLEN WINDOWS RECIPE.yaml...
#
# Calibration: the recipe's set, or CALIB=FILE; CALIB_TOKENS=N bounds it. Columns: recipe, bits per parameter of the
# whole folder, perplexity, mean KL to the float model per token, top-1 agreement, CPU seconds and peak memory of `quant`.
set -euo pipefail
model=$1 text=$2 seqlen=$3 windows=$4
shift 4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/build/src/msmodelslim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
options=()
[[ -z ${CALIB:-} ]] || options+=(--calib_dataset "$CALIB")
[[ -z ${CALIB_TOKENS:-} ]] || options+=(--calib_tokens "$CALIB_TOKENS")

field() {  # field FILE PREFIX: what follows it on its line
  sed -n "s/^$2 *//p" "$1"
}

case $(grep -o '"torch_dtype": *"[a-z0-9]*"' "$model/config.json") in
*float32*) source_bits=32 ;;
*) source_bits=16 ;;
esac

echo "| recipe | bits | perplexity | mean KL | top-1 % | CPU s | peak GB |"
echo "|---|---:|---:|---:|---:|---:|---:|"
for recipe in "$@"; do
  "$program" quant --model_path "$model" --save_path "$scratch/out" --config_path "$recipe" --yes --overwrite \
    "${options[@]}" >"$scratch/quant" 2>"$scratch/log" || {
    tail -n 3 "$scratch/log" >&2
    continue
  }
  "$program" eval ppl --model_path "$scratch/out" --float_path "$model" --text "$text" --seqlen "$seqlen" \
    --windows "$windows" >"$scratch/eval" 2>>"$scratch/log"
  bits=$(field "$scratch/quant" weights | awk -v bits=$source_bits '{ printf "%.2f", bits * $4 / $1 }')
  seconds=$(field "$scratch/quant" time | awk '{ print $4 }')
  memory=$(field "$scratch/quant" "peak memory" | awk '{ print $1 }')
  perplexity=$(field "$scratch/eval" "perplexity  " | tail -n 1)
  kl=$(field "$scratch/eval" "mean KL per token" | awk '{ print $1 }')
  same=$(field "$scratch/eval" "top-1 agreement" | tr -d ' %')
  echo "| $(basename "$recipe" .yaml) | $bits | $perplexity | $kl | $same | $seconds | $memory |"
done
