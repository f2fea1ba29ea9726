#!/usr/bin/env bash
# Makes a folder with what a cross compiler needs of an Arm Debian: headers and libraries, unpacked from
# packages that apt fetches from this machine's own sources. Nothing is installed; no root needed.
#
#   scripts/aarch64_sysroot.sh FOLDER
#
# A folder that was made from the same list is left as it is.
set -euo pipefail
folder=${1:?usage: scripts/aarch64_sysroot.sh FOLDER}

# Those of install_deps.sh that have an architecture or that CMake looks for.
packages=(
  libc6-dev libstdc++-12-dev libopenblas-pthread-dev
  libboost-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev libhwy-dev
  libicu-dev libpcre2-dev libspdlog-dev libssl-dev libxxhash-dev libyaml-cpp-dev nlohmann-json3-dev
)
if [[ -f $folder/packages && $(<"$folder/packages") == "${packages[*]}" ]]; then
  echo "aarch64_sysroot: $folder is ready"
  exit 0
fi

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
cat >"$apt/apt.conf" <<END
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
END
export APT_CONFIG=$apt/apt.conf
for command in "update" "install -y --download-only ${packages[*]}"; do
  # shellcheck disable=SC2086  # words
  if ! apt-get -qq $command >"$apt/log" 2>&1; then
    tail -n 20 "$apt/log" >&2
    exit 1
  fi
done

rm -rf "$folder"
mkdir -p "$folder"
for package in "$apt"/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$folder"
done
rm -rf "$folder/usr/share/doc" "$folder/usr/share/man" "$folder/usr/share/locale"
# Links to /lib/... shall stay inside.
find "$folder" -type l -lname '/*' | while read -r link; do
  ln -sfr "$folder$(readlink "$link")" "$link"
done
echo "${packages[*]}" >"$folder/packages"
echo "aarch64_sysroot: $(du -sh "$folder" | cut -f 1) in $folder"
