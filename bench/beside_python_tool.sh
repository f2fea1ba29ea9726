#!/usr/bin/env bash
# The Python tool and this program quantize a model by the same words; one evaluator scores all folders: rows of a table.
#
#   bench/beside_python_tool.sh PYTHON_TOOL MODEL_FOLDER CALIB.jsonl TEXT SEQLEN WINDOWS [NAME...]
#
# PYTHON_TOOL: its source tree with the compiled libraries, installed (pip install -e) for the interpreter PYTHON (default python3).
# The traditional rows need a model whose head is not tied to the embedding: the Python tool cannot save others. NAME: only
# these rows. Folders stay in OUT (default: a scratch folder that is removed) and are made once.
set -euo pipefail
tool=$1 model=$2 calib=$(realpath "$3") text=$4 seqlen=$5 windows=$6
shift 6
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/build/src/msmodelslim
python=${PYTHON:-python3}
if [[ -n ${OUT:-} ]]; then
  out=$(mkdir -p "$OUT" && realpath "$OUT")
else
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
wanted=("$@")
folders=()

is_wanted() {
  [[ ${#wanted[@]} -eq 0 || " ${wanted[*]} " == *" $1 "* ]]
}

once() {  # once FOLDER COMMAND...: unless the folder is there
  local folder=$1
  shift
  [[ -f $folder/quant_model_description.json ]] || "$@" >"$folder.log" 2>&1 || {
    tail -n 3 "$folder.log" >&2
    exit 1
  }
}

traditional() {  # traditional NAME ARGUMENTS...
  is_wanted "$1" || return 0
  local name=$1 script=example/Qwen/quant_qwen.py
  local words=(--model_path "$model" --calib_file "$calib" --device_type cpu "${@:2}")
  (cd "$tool/$(dirname $script)" &&
    once "$out/$name-python" "$python" "$(basename $script)" "${words[@]}" --save_directory "$out/$name-python")
  once "$out/$name" "$program" traditional $script "${words[@]}" --save_directory "$out/$name"
  folders+=("$out/$name" "$out/$name-python")
}

recipe() {  # recipe NAME MODEL_TYPE: bench/recipes/NAME.yaml or recipes/default/NAME.yaml with the calibration set
  is_wanted "$1" || return 0
  local name=$1 file
  file=$(find "$here/bench/recipes" "$here/recipes/default" -name "$name.yaml")
  cp "$calib" "$tool/lab_calib/"
  sed "/^  dataset: /d; s/^spec:\$/spec:\n  dataset: $(basename "$calib")/" "$file" >"$out/$name.yaml"
  local words=(quant --model_path "$model" --device cpu --model_type "$2")
  once "$out/$name-python" "$python" -m msmodelslim.cli "${words[@]}" --config_path "$out/$name.yaml" \
    --save_path "$out/$name-python" --trust_remote_code False
  once "$out/$name" "$program" "${words[@]}" --config_path "$file" --save_path "$out/$name" \
    --calib_dataset "$calib" --yes --verify none
  folders+=("$out/$name" "$out/$name-python")
}

recipe w8a8-dynamic default
recipe fp8 default
recipe iter_smooth-w8a8-mix default
recipe default-w8a8 Qwen3-8B
recipe w4a8-gptq default
recipe w4a4-autoround default

for method in 1 2 3; do traditional act-$method --w_bit 8 --a_bit 8 --act_method $method; done
for method in m1 m2 m4 m5 m6; do traditional $method --w_bit 8 --a_bit 8 --anti_method $method; done
traditional m3 --w_bit 8 --a_bit 16 --anti_method m3
traditional w8a16-gptq --w_bit 8 --a_bit 16 --w_method GPTQ
groups=(--w_bit 4 --a_bit 16 --is_lowbit True --open_outlier False --group_size 64)
traditional w4a16-gptq "${groups[@]}" --w_method GPTQ
traditional w4a16-hqq "${groups[@]}" --w_method HQQ
traditional w8a8-dynamic-hqq --w_bit 8 --a_bit 8 --is_dynamic True --w_method HQQ
traditional co_sparse --w_bit 8 --a_bit 8 --co_sparse True --fraction 0.02
traditional lowbit --w_bit 4 --a_bit 8 --is_lowbit True --fraction 0.02

"$program" eval ppl --model_path "${folders[@]}" --float_path "$model" --text "$text" --seqlen "$seqlen" \
  --windows "$windows" >"$out/eval"
echo "| recipe or arguments | perplexity | mean KL | perplexity there | KL there |"
echo "|---|---:|---:|---:|---:|"
result() { sed -n "s/^$1 *//p" "$out/eval" | sed -n "$2p" | sed 's/+-/±/'; }
for ((i = 0; i < ${#folders[@]}; i += 2)); do
  echo "| $(basename "${folders[i]}") | $(result "perplexity  " $((i + 1))) | $(result "mean KL per token" $((i + 1))) |" \
    "$(result "perplexity  " $((i + 2))) | $(result "mean KL per token" $((i + 2))) |"
done
