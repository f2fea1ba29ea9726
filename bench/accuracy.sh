#!/usr/bin/env bash
# Quantizes a model by one recipe after the other and evaluates all results: rows of a table. bench/recipes/ holds plain
# recipes to compare with, those of the Python tool's own figures.
#
#   bench/accuracy.sh MODEL_FOLDER TEXT SEQLEN WINDOWS RECIPE.yaml...
#
# Calibration: the recipe's set, or CALIB=FILE; CALIB_TOKENS=N bounds it; OPTIONS: more words for `quant`. Columns:
# recipe, bits per parameter of the whole folder, perplexity, mean KL to the float model per token and its standard
# error, top-1 agreement, CPU seconds and peak memory of `quant`. The results lie in a scratch folder until the end.
set -euo pipefail
model=$1 text=$2 seqlen=$3 windows=$4
shift 4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/build/src/msmodelslim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
read -ra options <<<"${OPTIONS:-}"
[[ -z ${CALIB:-} ]] || options+=(--calib_dataset "$CALIB")
[[ -z ${CALIB_TOKENS:-} ]] || options+=(--calib_tokens "$CALIB_TOKENS")

field() {  # field FILE PREFIX: what follows it on its line
  sed -n "s/^$2 *//p" "$1"
}

case $(grep -o '"torch_dtype": *"[a-z0-9]*"' "$model/config.json") in
*float32*) source_bits=32 ;;
*) source_bits=16 ;;
esac

folders=()
for recipe in "$@"; do
  name=$(basename "$recipe" .yaml)
  if "$program" quant --model_path "$model" --save_path "$scratch/$name" --config_path "$recipe" --yes \
    "${options[@]}" >"$scratch/$name.quant" 2>"$scratch/log"; then
    folders+=("$scratch/$name")
  else
    tail -n 3 "$scratch/log" >&2
  fi
done
"$program" eval ppl --model_path "${folders[@]}" --float_path "$model" --text "$text" --seqlen "$seqlen" \
  --windows "$windows" >"$scratch/eval"

echo "float perplexity: $(field "$scratch/eval" "perplexity float" | head -n 1)"
echo
echo "| recipe | bits | perplexity | mean KL | top-1 % | CPU s | peak GB |"
echo "|---|---:|---:|---:|---:|---:|---:|"
for ((i = 0; i < ${#folders[@]}; ++i)); do
  quant=${folders[i]}.quant
  result() { field "$scratch/eval" "$1" | sed -n "$((i + 1))p"; }
  bits=$(field "$quant" weights | awk -v bits=$source_bits '{ printf "%.2f", bits * $4 / $1 }')
  echo "| $(basename "${folders[i]}") | $bits | $(result "perplexity  ") | $(result "mean KL per token" | sed 's/+-/±/') |" \
    "$(result "top-1 agreement" | tr -d ' %') | $(field "$quant" time | awk '{ print $4 }') |" \
    "$(field "$quant" "peak memory" | awk '{ print $1 }') |"
done
