#!/usr/bin/env bash
# Tokens per second of the runtime beside llama.cpp's llama-bench and vLLM's CPU build, in turns, each in a process that
# is warm: a prompt of 512 tokens, 64 tokens behind an almost empty context, and (ours) eight such answers at once.
#
#   bench/runtime.sh ROUNDS LLAMA_BENCH MODEL_FOLDER... -- MODEL.gguf... [-- COMPRESSED_TENSORS_FOLDER...]
#
# The last folders are vLLM's; VLLM_PYTHON is a Python that has it (see bench/peers.py).
set -euo pipefail
rounds=$1 llama_bench=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
threads=$(nproc)
folders=()
while (($# > 0)) && [[ $1 != -- ]]; do
  folders+=("$1")
  shift
done
shift
models=()
while (($# > 0)) && [[ $1 != -- ]]; do
  models+=("$1")
  shift
done
(($# == 0)) || shift
theirs() {  # theirs GGUF
  "$llama_bench" -m "$1" -t "$threads" -p 512 -n 64 -r 1 -o csv 2>/dev/null | awk -F '","' -v name="$(basename "$1")" '
    NR == 1 { gsub(/"/, ""); n = split($0, head, ","); for (i = 1; i <= n; i++) column[head[i]] = i; next }
    { rate = $column["avg_ts"]; gsub(/"/, "", rate); if ($column["n_prompt"] > 0) prefill = rate; else decode = rate }
    END { printf "| llama.cpp %s | %.1f | %.1f | |\n", name, prefill, decode }'
}

echo "| what | prefill tokens/s | decode tokens/s | eight at once (over one) |"
echo "|---|---:|---:|---:|"
for ((round = 0; round < rounds; ++round)); do
  for folder in "${folders[@]}"; do "$here/build/bench/runtime_bench" "$folder"; done
  for model in "${models[@]}"; do theirs "$model"; done
  for folder in "$@"; do "${VLLM_PYTHON:-python3}" "$here/bench/peers.py" vllm "$folder" 2>/dev/null | grep '^| vLLM'; done
done
