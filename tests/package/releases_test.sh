#!/usr/bin/env bash
# Makes the packages of a finished build and uses each in a root that was made for it, where nothing else is:
#
#   tests/package/releases_test.sh BUILD_FOLDER
#
#   Debian 12      the .deb with what it depends on, by apt; the archive; both quantize the same
#   Ubuntu 22.04   the archive, when UBUNTU_MIRROR names a mirror of it
#
# Needs root, debootstrap and the network.
set -euo pipefail
build=$(realpath "${1:?usage: tests/package/releases_test.sh BUILD_FOLDER}")
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
root=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  if [[ -n $root ]] && mountpoint -q "$root/proc"; then umount "$root/proc"; fi
  rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
environment=(HOME=/opt PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  if [[ -n ${!variable:-} ]]; then environment+=("$variable=${!variable}"); fi
done

inside() { chroot "$root" env -i "${environment[@]}" "$@"; }
enter() {  # enter NAME [RELEASE MIRROR]: makes a root with the packages and a model in /opt
  root=$scratch/$1
  shift
  "$repo/scripts/debian_root.sh" "$root" "$@"
  mount -t proc proc "$root/proc"
  cp "$scratch"/packages/* "$root/opt/"
  cp -r "$repo/tests/golden/data/models/qwen2" "$root/opt/model"
}
leave() {
  umount "$root/proc"
  rm -rf --one-file-system "$root"
  root=
}
quantize() {  # quantize PROGRAM OUTPUT
  inside "$1" quant --model_path /opt/model --save_path "$2" --quant_type w8a8 --yes --calib_tokens 64 --quiet
}
unpack() { inside tar -C /opt -xzf "/opt/$(basename "$scratch"/packages/*.tar.gz)"; }

"$repo/scripts/package.sh" "$build" "$scratch/packages"
archive=$(basename "$scratch"/packages/*.tar.gz .tar.gz)

echo "--- Debian 12"
enter debian
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends "/opt/$(basename "$scratch"/packages/*.deb)" >"$scratch/apt.log" 2>&1 || {
  tail -n 20 "$scratch/apt.log" >&2
  exit 1
}
quantize msmodelslim /opt/from_deb
inside apt-get remove -y -qq msmodelslim >/dev/null 2>&1
unpack
inside apt-get install -y -qq --no-install-recommends libstdc++6 >/dev/null 2>&1
quantize "/opt/$archive/bin/msmodelslim" /opt/from_archive
weights=quant_model_weights-00001-of-00001.safetensors
cmp "$root/opt/from_deb/$weights" "$root/opt/from_archive/$weights"
leave

if [[ -n ${UBUNTU_MIRROR:-} ]]; then
  echo "--- Ubuntu 22.04"
  enter ubuntu jammy "$UBUNTU_MIRROR"
  inside apt-get update -qq
  inside apt-get install -y -qq --no-install-recommends libstdc++6 >/dev/null 2>&1
  unpack
  quantize "/opt/$archive/bin/msmodelslim" /opt/from_archive
  leave
else
  echo "--- Ubuntu 22.04: UBUNTU_MIRROR is not set: skipped"
fi
