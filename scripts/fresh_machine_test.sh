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
# Absolute, whether or not it is there. It is removed at the end: no one's files may be in it.
folder=$(realpath -m "$folder")
if [[ -d $folder && -n $(ls -A "$folder") ]]; then
  echo "fresh_machine_test: $folder is not empty" >&2
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
"$repo/scripts/debian_root.sh" "$folder"

echo "== settings of this machine"
environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb)
if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
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
