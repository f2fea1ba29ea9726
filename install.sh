#!/usr/bin/env bash
# Builds msmodelslim and installs it with its recipes, calibration sets and C++ library.
#
#   bash install.sh [--prefix FOLDER]
#
# Default prefix: /usr/local for root, ~/.local for everybody else. Works from any directory.
# To remove it again: delete bin/msmodelslim, share/msmodelslim, include/msmodelslim, lib/libmsmodelslim.so*
# and lib/cmake/msmodelslim under the prefix.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

prefix=
while (($# > 0)); do
  case $1 in
    --prefix)
      prefix=${2:?install.sh: --prefix needs a folder}
      shift 2
      ;;
    --prefix=*)
      prefix=${1#*=}
      shift
      ;;
    -h | --help)
      sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      echo "install.sh: unknown argument '$1' (try --help)" >&2
      exit 2
      ;;
  esac
done
if [[ -z $prefix ]]; then
  if [[ $(id -u) -eq 0 ]]; then
    prefix=/usr/local
  else
    prefix=$HOME/.local
  fi
fi
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
if [[ ! -w $prefix ]]; then
  echo "install.sh: $prefix is not writable; run as root or choose another folder with --prefix" >&2
  exit 1
fi

"$repo/scripts/install_deps.sh"
"$repo/scripts/build.sh" build msmodelslim msmodelslim_library shell_files
cmake --install "$repo/build" --prefix "$prefix" >/dev/null
# What mpirun needs, where the build found MPI.
cmake --install "$repo/build" --prefix "$prefix" --component mpi >/dev/null
echo "installed $("$prefix/bin/msmodelslim" --version) in $prefix/bin"

case ":$PATH:" in
  *":$prefix/bin:"*)
    hash -r
    found=$(command -v msmodelslim || true)
    if [[ -n $found && ! $found -ef $prefix/bin/msmodelslim ]]; then
      echo "note: the shell finds $found first; put $prefix/bin before it in PATH"
    fi
    ;;
  *)
    echo "$prefix/bin is not in PATH yet; add this line to your shell profile:"
    echo "  export PATH=\"$prefix/bin:\$PATH\""
    ;;
esac
