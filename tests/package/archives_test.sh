#!/usr/bin/env bash
# Makes the packages of a finished build and uses each: the archive in a root that holds nothing but the C
# and C++ libraries (as root, else in its folder), the wheel through pip, the .deb unpacked.
#
#   tests/package/archives_test.sh BUILD_FOLDER MODEL_FOLDER
set -euo pipefail
build=$(realpath "$1")
model=$(realpath "$2")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for tool in cpack dpkg-shlibdeps objdump python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is not installed: skipped"
    exit 77
  fi
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$repo/scripts/package.sh" "$build" "$scratch/packages"

options=(--quant_type w8a8 --yes --calib_tokens 64 --quiet)
weights=quant_model_weights-00001-of-00001.safetensors

echo "--- archive"
mkdir "$scratch/bare" "$scratch/bare/tmp"
tar -C "$scratch/bare" -xzf "$scratch"/packages/*.tar.gz
mv "$scratch"/bare/msmodelslim-* "$scratch/bare/app"
if [[ $(id -u) -eq 0 ]] && unshare --mount chroot / true 2>/dev/null; then
  cp -r "$model" "$scratch/bare/model"
  ldd "$build/src/msmodelslim" | grep -oE '/[^ ]*(libc|libm|ld-linux[^/]*|libstdc\+\+|libgcc_s)\.so[^ ]*' | while read -r library; do
    mkdir -p "$scratch/bare$(dirname "$library")"
    cp -L "$library" "$scratch/bare$library"
  done
  mkdir "$scratch/bare/proc"
  # shellcheck disable=SC2016  # the inner shell expands them
  unshare --mount bash -c 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"' "$scratch/bare" \
    /app/bin/msmodelslim quant --model_path /model --save_path /tmp/result "${options[@]}"
else
  "$scratch/bare/app/bin/msmodelslim" quant --model_path "$model" --save_path "$scratch/bare/tmp/result" "${options[@]}"
fi
test -s "$scratch/bare/tmp/result/quant_model_description.json"

echo "--- wheel"
python3 -m pip install --quiet --no-index --no-deps --prefix "$scratch/env" "$scratch"/packages/*.whl 2>/dev/null
program=$(find "$scratch/env" -path '*/bin/msmodelslim')
"$program" quant --model_path "$model" --save_path "$scratch/from_wheel" "${options[@]}"
cmp "$scratch/from_wheel/$weights" "$scratch/bare/tmp/result/$weights"

echo "--- .deb"
dpkg-deb -f "$scratch"/packages/*.deb Depends | grep -qE 'libdnnl|libopenblas'
dpkg-deb -x "$scratch"/packages/*.deb "$scratch/deb"
"$scratch/deb/usr/bin/msmodelslim" models >/dev/null
man -l "$scratch/deb/usr/share/man/man1/msmodelslim.1.gz" 2>/dev/null | grep -q QUANT || {
  zcat -f "$scratch"/deb/usr/share/man/man1/msmodelslim.1* | grep -q 'SH QUANT'
}

echo "--- completion"
# shellcheck disable=SC1091  # made by the build
source "$scratch/deb/usr/share/bash-completion/completions/msmodelslim"
answers() {  # answers WORD...: what completes the last one
  COMP_WORDS=(msmodelslim "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _msmodelslim
  echo "${COMPREPLY[*]}"
}
[[ $(answers doc) == doctor ]]
[[ $(answers quant --calib_d) == --calib_dataset ]]
[[ $(answers eval pp) == ppl ]]
[[ $(answers eval ppl --float) == --float_path ]]
