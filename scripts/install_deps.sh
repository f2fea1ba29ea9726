#!/usr/bin/env bash
# Installs the packages that msmodelslim is built from: Debian 12, Ubuntu 22.04, Ubuntu 24.04.
#
#   scripts/install_deps.sh          what building, testing and the quick start need
#   scripts/install_deps.sh --ci     also clang, clang-format, shellcheck and Open MPI
#   scripts/install_deps.sh --check  install nothing; exit 1 and list what is missing
#
# Only missing packages are installed. Needs root or sudo only when something is missing.
set -euo pipefail

# docs/dependencies.md says what each of them is for.
packages=(
  ca-certificates ccache cmake g++ git ninja-build pkg-config
  libbenchmark-dev libboost-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev libhwy-dev
  libicu-dev libpcre2-dev libspdlog-dev libssl-dev libxxhash-dev libyaml-cpp-dev nlohmann-json3-dev
  python3 python3-pip unzip
)
if [[ $(uname -m) == aarch64 ]]; then
  packages+=(libopenblas-pthread-dev)
else
  packages+=(libdnnl-dev ocl-icd-opencl-dev)
fi
ci_packages=(clang clang-format-14 libomp-dev libopenmpi-dev openmpi-bin shellcheck)

check_only=false
for argument in "$@"; do
  case $argument in
    --ci) packages+=("${ci_packages[@]}") ;;
    --check) check_only=true ;;
    -h | --help)
      sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      echo "install_deps: unknown argument '$argument' (try --help)" >&2
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_deps: this is not a Debian or Ubuntu system; please install by hand:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  exit 1
fi

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# The sources need GCC 12; Ubuntu 22.04 has it beside its default, GCC 11.
if [[ $(apt-cache policy g++ | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9]*\).*/\2/p') == 11 ]]; then
  packages+=(g++-12)
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done

# The fuzzers need clang's own runtime, whose package carries the version in its name on Debian.
if [[ " ${packages[*]} " == *" clang "* ]] && command -v clang >/dev/null; then
  version=$(clang -dumpversion | cut -d . -f 1)
  for runtime in "libclang-rt-$version-dev" "libclang-common-$version-dev"; do
    if ! is_installed "$runtime" && apt-cache show "$runtime" >/dev/null 2>&1; then
      missing+=("$runtime")
    fi
  done
fi

if ((${#missing[@]} == 0)); then
  echo "install_deps: all ${#packages[@]} packages are installed"
  exit 0
fi
if $check_only; then
  echo "install_deps: missing: ${missing[*]}" >&2
  exit 1
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install_deps: not root and no sudo; ask an administrator to run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# apt's long account is shown only when it fails.
apt() {
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    return 1
  fi
}

has_candidates() {
  local package
  for package in "${missing[@]}"; do
    apt-cache show "$package" >/dev/null 2>&1 || return 1
  done
}

echo "install_deps: installing ${#missing[@]} packages: ${missing[*]}"
if ! has_candidates; then
  echo "install_deps: apt-get update"
  apt update
fi
# Package lists can be old enough to name files that the mirror has replaced: then update and try again.
if ! apt install --no-install-recommends "${missing[@]}"; then
  echo "install_deps: apt-get update, then a second try"
  apt update
  apt install --no-install-recommends "${missing[@]}"
fi

# clang is new on this machine: now its version, and with it the name of its runtime, is known.
if [[ " ${missing[*]} " == *" clang "* ]]; then
  version=$(clang -dumpversion | cut -d . -f 1)
  if apt-cache show "libclang-rt-$version-dev" >/dev/null 2>&1; then
    apt install --no-install-recommends "libclang-rt-$version-dev"
  fi
fi
echo "install_deps: done"
