#!/usr/bin/env bash
# Checks the layout of all C++ files with clang-format 14 (other versions break lines differently).
#
#   scripts/check_format.sh        report files that differ
#   scripts/check_format.sh --fix  rewrite them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=
for candidate in "${CLANG_FORMAT:-}" clang-format-14 clang-format; do
  if [[ -n $candidate ]] && command -v "$candidate" >/dev/null &&
    "$candidate" --version | grep -q 'version 14\.'; then
    tool=$candidate
    break
  fi
done
if [[ -z $tool ]]; then
  echo "check_format: clang-format 14 was not found (scripts/install_deps.sh --ci installs it)" >&2
  exit 1
fi

folders=()
for folder in src tests bench include examples; do
  [[ -d $folder ]] && folders+=("$folder")
done
mapfile -d '' -t files < <(find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' \) -print0 | sort -z)
if ((${#files[@]} == 0)); then
  echo "check_format: no C++ files found" >&2
  exit 1
fi

case ${1:-} in
  --fix)
    "$tool" -i "${files[@]}"
    echo "check_format: ${#files[@]} files formatted"
    ;;
  "")
    different=()
    for file in "${files[@]}"; do
      "$tool" --dry-run -Werror "$file" 2>/dev/null || different+=("$file")
    done
    if ((${#different[@]} > 0)); then
      printf '%s\n' "${different[@]}" >&2
      echo "check_format: ${#different[@]} of ${#files[@]} files differ; run scripts/check_format.sh --fix" >&2
      exit 1
    fi
    echo "check_format: ${#files[@]} files are formatted"
    ;;
  *)
    echo "usage: ${0##*/} [--fix]" >&2
    exit 2
    ;;
esac
