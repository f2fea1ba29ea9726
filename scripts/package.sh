#!/usr/bin/env bash
# Makes what can be given to others out of a finished build:
#
#   scripts/package.sh [BUILD_FOLDER [OUTPUT_FOLDER]]     default: build, build/packages
#
#   msmodelslim_<version>_<arch>.deb           for the Debian or Ubuntu release that built it
#   msmodelslim-<version>-linux-<arch>.tar.gz  with its libraries; needs glibc and libstdc++ only
#   msmodelslim-<version>-py3-none-<tag>.whl   the same for `pip install`
#
# Of a folder that was compiled for another processor (scripts/cross_aarch64.sh) it makes the last two.
# Prints the oldest glibc and libstdc++ that the archive runs with. Needs dpkg-dev, python3 and objdump.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath "${1:-$repo/build}")
mkdir -p "${2:-$build/packages}"
out=$(realpath "${2:-$build/packages}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
version=$(sed -n 's/^project(msmodelslim VERSION \([0-9.]*\).*/\1/p' "$repo/CMakeLists.txt")
arch=$(uname -m)
tools=
loaded=(ldd)  # prints `name => path` for each library
sysroot=$(sed -n 's/^MSMODELSLIM_SYSROOT:[A-Z]*=//p' "$build/CMakeCache.txt")
if [[ -n $sysroot ]]; then
  arch=aarch64
  tools=aarch64-linux-gnu-
  loaded=(qemu-aarch64-static -L "$sysroot" -E LD_TRACE_LOADED_OBJECTS=1)
else
  (cd "$build" && cpack -G DEB -B "$scratch/deb" >"$scratch/cpack.log" 2>&1) || {
    cat "$scratch/cpack.log" >&2
    exit 1
  }
  mv "$scratch"/deb/*.deb "$out/"
fi

# The program, what it reads, and its libraries but those of the C and C++ compilers.
stage=$scratch/msmodelslim-$version-linux-$arch
cmake --install "$build" --prefix "$stage" --strip >/dev/null
rm -rf "$stage/include" "$stage"/lib*
mkdir -p "$stage/lib/msmodelslim"
"${loaded[@]}" "$build/src/msmodelslim" | awk '$3 ~ /^\// { print $1, $3 }' | while read -r name path; do
  case $name in
    libc.so* | libm.so* | libdl.so* | libpthread.so* | librt.so* | libstdc++.so* | libgcc_s.so*) ;;
    *)
      cp -L "$sysroot$path" "$stage/lib/msmodelslim/$name"
      "${tools}strip" --strip-unneeded "$stage/lib/msmodelslim/$name"
      ;;
  esac
done
cp "$repo/LICENSE" "$repo/README.md" "$repo/README.zh.md" "$stage/share/msmodelslim/"
tar -C "$scratch" -czf "$out/${stage##*/}.tar.gz" --owner=0 --group=0 --sort=name "${stage##*/}"

# newest PREFIX: the newest version that any file of the archive asks for, GLIBC_2.35 -> 2.35.
newest() {
  "${tools}objdump" -T "$stage/bin/msmodelslim" "$stage"/lib/msmodelslim/* | grep -o "$1_[0-9.]*" | sort -Vu | tail -n 1 | cut -d _ -f 2
}
glibc=$(newest GLIBC)
echo "runs with glibc $glibc and libstdc++ with GLIBCXX_$(newest GLIBCXX), or newer"

python3 "$repo/scripts/make_wheel.py" "$stage" "$version" "manylinux_${glibc/./_}_$arch" "$out"
(cd "$out" && ls -l ./*"$version"*)
