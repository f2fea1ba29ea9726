#!/usr/bin/env bash
# `mpirun -n N msmodelslim quant` on this machine: the bytes of one process for 2 and 3 ranks, and what
# happens when ranks fail.
#
#   tests/mpi/ranks_test.sh PROGRAM MODEL_FOLDER
set -euo pipefail
program=$(realpath "$1")
model=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=1
# In containers Open MPI may not read the memory of its neighbours.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
launch=(mpirun --oversubscribe --bind-to none)
if [[ $(id -u) -eq 0 ]]; then
  launch+=(--allow-run-as-root)
fi

fail() {
  echo "ranks_test: $*" >&2
  exit 1
}

# Samples of several lengths, which make several chunks.
for length in 3 400 41 510 300 260 5 200 470 90; do
  awk -v n="$length" 'BEGIN { printf "["; for (i = 0; i < n; i++) printf "%s%d", i ? "," : "", (i * 7 + n * 3) % 310; print "]" }'
done >"$scratch/calib.jsonl"

linear_quant() { # linear_quant ACT_SCOPE WEIGHT_METHOD
  printf '%s\n' \
    'apiversion: modelslim_v1' 'spec:' '  process:' '    - type: linear_quant' '      qconfig:' \
    "        act: {scope: $1, dtype: int8, symmetric: false, method: minmax}" \
    "        weight: {scope: per_channel, dtype: int8, symmetric: true, method: $2}" \
    "  dataset: $scratch/calib.jsonl" '  save: [{type: ascendv1_saver}]'
}
linear_quant per_tensor minmax >"$scratch/static.yaml"
linear_quant per_token gptq | sed '/act:/s/false/true/' >"$scratch/gptq.yaml"

# Every file but the report, which has times in it.
same() { # same FOLDER FOLDER
  diff -rq --exclude='quant_report.*' "$1" "$2" || fail "$1 and $2 differ"
}

check() { # check NAME OPTION...
  local name=$1
  shift
  local options=(quant --model_path "$model" --calib_dataset "$scratch/calib.jsonl" --threads 1 "$@")
  "$program" "${options[@]}" --save_path "$scratch/$name-1" >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
  for threads in 2 4; do
    "$program" "${options[@]}" --threads "$threads" --save_path "$scratch/$name-threads" --overwrite \
      >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
    same "$scratch/$name-1" "$scratch/$name-threads"
  done
  for ranks in 2 3; do
    "${launch[@]}" -n "$ranks" "$program" "${options[@]}" --save_path "$scratch/$name-$ranks" \
      >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
    same "$scratch/$name-1" "$scratch/$name-$ranks"
    echo "$name: $ranks ranks, $(sed -n 's/^ranks *[0-9]*, which //p' "$scratch/log"), same bytes"
  done
}
check static --config_path "$scratch/static.yaml"
OMPI_MCA_btl=self,tcp check gptq --config_path "$scratch/gptq.yaml" # as between machines
check default --quant_type w8a8 --yes

# Wrong arguments: every rank fails, one says so.
code=0
"${launch[@]}" -n 3 "$program" quant --model_path "$model" --save_path "$scratch/none" --quant_type w9a9 \
  >"$scratch/log" 2>&1 || code=$?
((code == 2)) || fail "wrong arguments end with code $code"
(($(grep -c 'UsageError' "$scratch/log") == 1)) || fail "wrong arguments: $(cat "$scratch/log")"

# One rank alone fails: its message, its code, and no folder.
options=(quant --config_path "$scratch/gptq.yaml" --save_path "$scratch/none")
code=0
"${launch[@]}" -n 2 "$program" "${options[@]}" --model_path "$model" : \
  -n 1 "$program" "${options[@]}" --model_path "$scratch/nowhere" >"$scratch/log" 2>&1 || code=$?
((code != 0)) || fail "a rank that fails alone is not noticed"
(($(grep -c 'nowhere' "$scratch/log") == 1)) || fail "a rank that fails alone: $(cat "$scratch/log")"
[[ ! -e $scratch/none ]] || fail "a failed run has left a folder"

# Ranks on different data.
head -n 9 "$scratch/calib.jsonl" >"$scratch/other.jsonl"
code=0
"${launch[@]}" -n 1 "$program" "${options[@]}" --model_path "$model" --calib_dataset "$scratch/calib.jsonl" : \
  -n 1 "$program" "${options[@]}" --model_path "$model" --calib_dataset "$scratch/other.jsonl" \
  >"$scratch/log" 2>&1 || code=$?
((code == 2)) || fail "different data end with code $code"
(($(grep -c 'calibration set differ' "$scratch/log") == 1)) || fail "different data: $(cat "$scratch/log")"

# Other commands run in one process.
code=0
"${launch[@]}" -n 2 "$program" inspect "$model" >"$scratch/log" 2>&1 || code=$?
((code == 2)) || fail "inspect under mpirun ends with code $code"
echo "ranks_test: done"
