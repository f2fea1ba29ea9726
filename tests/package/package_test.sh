#!/usr/bin/env bash
# Installs a finished build, builds examples/ against what was installed, as another project would, and runs it.
#
#   tests/package/package_test.sh BUILD_FOLDER MODEL_FOLDER
set -euo pipefail
build=$(realpath "$1")
model=$(realpath "$2")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
"$scratch/prefix/bin/msmodelslim" --version
cmake -G Ninja -S "$repo/examples" -B "$scratch/examples" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
  -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" >"$scratch/log" 2>&1 || {
  cat "$scratch/log"
  exit 1
}
cmake --build "$scratch/examples"
"$scratch/examples/offline_inference" "$model" >"$scratch/answers"
cat "$scratch/answers"
LC_ALL=C grep -aq "^Prompt: Hello, my name is, Generated text: ." "$scratch/answers"
LC_ALL=C grep -aq "^Prompt: The future of AI is, Generated text: ." "$scratch/answers"
if "$scratch/examples/offline_inference" "$scratch" 2>"$scratch/error"; then
  echo "a folder without a model was accepted"
  exit 1
fi
grep -q "has no tokenizer" "$scratch/error"
