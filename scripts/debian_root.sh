#!/usr/bin/env bash
# Makes a minimal Debian 12, or another release, in a folder, with this machine's mirror, settings of apt and pip,
# certificates and name servers.
#
#   scripts/debian_root.sh FOLDER [RELEASE [MIRROR]]     default: bookworm, the mirror that apt uses
#
# Needs root and debootstrap. FOLDER must not exist or be empty. Settings of apt go only into roots of its own mirror.
set -euo pipefail
folder=${1:?usage: scripts/debian_root.sh FOLDER [RELEASE [MIRROR]]}
release=${2:-bookworm}
mirror=${3:-}
if [[ $(id -u) -ne 0 ]]; then
  echo "debian_root: root is needed for debootstrap and chroot" >&2
  exit 1
fi
if ! command -v debootstrap >/dev/null; then
  echo "debian_root: debootstrap is not installed" >&2
  exit 1
fi
if [[ -d $folder && -n $(ls -A "$folder") ]]; then
  echo "debian_root: $folder is not empty" >&2
  exit 1
fi
mkdir -p "$folder"

own_mirror=false
if [[ -z $mirror ]]; then
  own_mirror=true
  # The first mirror of this machine that apt uses for its own release.
  # shellcheck disable=SC2016  # $(SITE) is apt's own notation
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
  if [[ -z $mirror ]]; then
    echo "debian_root: apt names no mirror" >&2
    exit 1
  fi
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
debootstrap --variant=minbase "$release" "$folder" "$mirror" >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  exit 1
}

cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
  cp /etc/ssl/certs/ca-certificates.crt "$folder/opt/host-certificates.crt"
fi
if ! $own_mirror; then exit 0; fi
rm -f "$folder/etc/apt/sources.list"
for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  if [[ -f $source ]]; then
    cp "$source" "$folder${source}"
  fi
done
cp -r /etc/apt/apt.conf.d/. "$folder/etc/apt/apt.conf.d"
cp -r /etc/apt/trusted.gpg.d/. "$folder/etc/apt/trusted.gpg.d"
cp -rn /usr/share/keyrings/. "$folder/usr/share/keyrings"
if [[ -f /etc/pip.conf ]]; then
  cp /etc/pip.conf "$folder/etc/pip.conf"
fi
