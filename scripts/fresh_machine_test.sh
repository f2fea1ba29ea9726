#!/usr/bin/env bash
# Proves that a clean clone works on a bare machine: makes a minimal Debian 12 in a folder, puts a clone
# of the last commit into it, and runs quickstart.sh and test.sh there.
#
#   scripts/fresh_machine_test.sh FOLDER [--keep]
#
# Needs root and debootstrap. FOLDER must not exist or be empty; it is removed at the end unless --keep
# is given. The mirror, apt's and pip's settings and the name servers are those of this machine.
# Exit code 0 when both scripts ended with 0.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

folder=
keep=false
for argument in "$@"; do
  case $argument in
    --keep) keep=true ;;
    -*) usage ;;
    *)
      [[ -z $folder ]] || usage
      folder=$argument
      ;;
  esac
done
[[ -n $folder ]] || usage
if [[ $(id -u) -ne 0 ]]; then
  echo "fresh_machine_test: root is needed for debootstrap and chroot" >&2
  exit 1
fi
if ! command -v debootstrap >/dev/null; then
  echo "fresh_machine_test: debootstrap is not installed" >&2
  exit 1
fi
if [[ -d $folder && -n $(ls -A "$folder") ]]; then
  echo "fresh_machine_test: $folder is not empty" >&2
  exit 1
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# The first mirror of this machine that apt uses for its own release.
# shellcheck disable=SC2016  # $(SITE) is apt's own notation
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
if [[ -z $mirror ]]; then
  echo "fresh_machine_test: apt names no mirror" >&2
  exit 1
fi

# shellcheck disable=SC2317  # called by the trap
clean_up() {
  if mountpoint -q "$folder/proc"; then
    umount "$folder/proc" || umount --lazy "$folder/proc"
  fi
  if ! $keep; then
    rm -rf --one-file-system "$folder"
  fi
}
trap clean_up EXIT

echo "== minimal Debian 12 in $folder"
log=$(mktemp)
debootstrap --variant=minbase bookworm "$folder" "$mirror" >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  exit 1
}
rm -f "$log"

echo "== settings of this machine"
cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
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
environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb)
if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
  cp /etc/ssl/certs/ca-certificates.crt "$folder/opt/host-certificates.crt"
  environment+=(PIP_CERT=/opt/host-certificates.crt)
fi
for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT; do
  if [[ -n ${!variable:-} ]]; then
    environment+=("$variable=${!variable}")
  fi
done
mount -t proc proc "$folder/proc"

echo "== clone of $(git -C "$repo" log -1 --format='%h %s')"
git clone --quiet --no-hardlinks "$repo" "$folder/opt/msmodelslim"

inside() {  # inside NAME COMMAND: runs it in the clone, prints its exit code and time
  local code=0 start=$SECONDS
  echo
  echo "== $1"
  chroot "$folder" env -i "${environment[@]}" bash -c "cd /opt/msmodelslim && $2" || code=$?
  echo "== $1: exit code $code after $((SECONDS - start)) s"
  return "$code"
}

inside "package lists" "apt-get update -qq"
failed=0
inside "quickstart.sh" ./quickstart.sh || failed=1
inside "quickstart.sh, second run" ./quickstart.sh || failed=1
inside "test.sh" ./test.sh || failed=1
exit "$failed"
