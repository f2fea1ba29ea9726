#!/usr/bin/env bash
# Makes the archive of a build for aarch64 and runs it under qemu in a root that holds nothing but the C and C++
# libraries. Needs root.
#
#   tests/aarch64/archive_test.sh BUILD_AARCH64
set -euo pipefail
build=$(realpath "$1")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rm -rf "$build/packages"
"$repo/scripts/package.sh" "$build"

bare=$scratch/bare
mkdir -p "$bare/tmp" "$bare/proc" "$bare/lib/aarch64-linux-gnu"
tar -C "$bare" -xzf "$build"/packages/*.tar.gz
mv "$bare"/msmodelslim-* "$bare/app"
cp -r "$repo/tests/golden/data/models/qwen2" "$bare/model"
cp -L "$build/sysroot/lib/ld-linux-aarch64.so.1" "$bare/lib"
for library in libc.so.6 libm.so.6 libstdc++.so.6 libgcc_s.so.1; do
  cp -L "$(find "$build/sysroot" -path '*/aarch64-linux-gnu/*' -name "$library" -print -quit)" "$bare/lib/aarch64-linux-gnu"
done
cp "$(command -v qemu-aarch64-static)" "$bare/qemu"
# shellcheck disable=SC2016  # the inner shell expands them
unshare --mount bash -c 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"' "$bare" \
  /qemu -E OMP_WAIT_POLICY=PASSIVE /app/bin/msmodelslim quant --model_path /model --save_path /tmp/result \
  --quant_type w8a8 --yes --calib_tokens 64 --quiet
test -s "$bare/tmp/result/quant_model_description.json"
