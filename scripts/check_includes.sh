#!/usr/bin/env bash
# Fails when a file in src/ includes a folder that lies to its right in the walk (see src/README.md).
#
#   scripts/check_includes.sh [SRC]        check a source folder (default: src/ of this repository)
#   scripts/check_includes.sh --self-test  check the checker: right and wrong includes in a scratch tree
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One line per folder: the folder, then everything that it may include besides itself.
rules() {
  local ground="base tensor kernels text"
  local walk="checkpoint model forward observe suppress quantize save"
  cat <<RULES
base
mpi         base
tensor      base
kernels     base tensor
text        base
checkpoint  $ground
model       $ground checkpoint
forward     $ground checkpoint model
observe     $ground checkpoint model forward
suppress    $ground checkpoint model forward observe
quantize    $ground checkpoint model forward observe
save        $ground checkpoint model forward observe suppress quantize
recipe      $ground $walk
pipeline    $ground $walk recipe
runtime     $ground $walk
eval        $ground $walk runtime
report      $ground
serve       $ground $walk runtime
api         $ground $walk runtime
advise      $ground $walk recipe pipeline runtime eval report serve
cli         $ground $walk recipe pipeline runtime eval report serve advise
RULES
}

check() {  # check SRC: prints every wrong arrow, returns 1 if there is one
  local src=$1
  local files
  mapfile -t files < <(cd "$src" && find . -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' \) | sort)
  if ((${#files[@]} == 0)); then
    echo "check_includes: no source files in $src" >&2
    return 1
  fi
  (cd "$src" && awk -v rules="$(rules)" '
    BEGIN {
      n = split(rules, lines, "\n")
      for (i = 1; i <= n; i++) {
        m = split(lines[i], words, " ")
        known[words[1]] = 1
        for (j = 1; j <= m; j++) allowed[words[1], words[j]] = 1
      }
    }
    function bad(why) { printf "%s:%d: %s\n", substr(FILENAME, 3), FNR, why; wrong++ }
    FNR == 1 {
      split(substr(FILENAME, 3), parts, "/")
      from = parts[1]
      if (!(from in known)) bad("the folder \"" from "\" has no place in the walk; add it to scripts/check_includes.sh")
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
      header = $0
      sub(/^[^"]*"/, "", header)
      sub(/".*/, "", header)
      total++
      if (header !~ /\//) { bad("write the folder: #include \"" from "/" header "\""); next }
      split(header, parts, "/")
      to = parts[1]
      if (to == ".." || to == ".") bad("relative include \"" header "\"; write the path from src/")
      else if (!(to in known)) bad("\"" header "\" is not in a folder of src/; use <> for libraries")
      else if ((from in known) && !((from, to) in allowed)) bad(from " must not include " to " (\"" header "\")")
      else if (from == "runtime" && header ~ /^kernels\/(attention|moe|mla)/)
        bad("runtime must not hold a decoder block of its own (\"" header "\"); use forward")
    }
    END {
      if (wrong) { printf "check_includes: %d of %d includes point the wrong way\n", wrong, total; exit 1 }
      printf "check_includes: %d includes, all point the right way\n", total
    }' "${files[@]}")
}

self_test() {
  local scratch failures=0
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder is known now and must not be looked up later
  trap "rm -rf '$scratch'" EXIT

  expect() {  # expect ok|wrong FILE INCLUDE
    local want=$1 file=$2 include=$3 got=ok
    rm -rf "$scratch/src"
    mkdir -p "$scratch/src/$(dirname "$file")"
    printf '#pragma once\n#include <vector>\n%s\n' "$include" >"$scratch/src/$file"
    check "$scratch/src" >"$scratch/log" || got=wrong
    if [[ $got != "$want" ]]; then
      echo "self-test: $file with $include is '$got', expected '$want'" >&2
      failures=$((failures + 1))
    fi
  }
  expect ok tensor/a.h '#include "base/error.h"'
  expect ok model/families/a.cc '#include "checkpoint/reader.h"'
  expect ok save/a.cc '#include "suppress/a.h"'
  expect ok cli/main.cc '#include "eval/ppl.h"'
  expect ok eval/a.cc '#include "runtime/int8_linear.h"'
  expect ok runtime/a.cc '#include "forward/block.h"'
  expect wrong base/a.h '#include "tensor/tensor.h"'
  expect wrong kernels/a.cc '#include "text/tokenizer.h"'
  expect wrong text/a.cc '#include "tensor/tensor.h"'
  expect wrong quantize/a.cc '#include "suppress/smooth.h"'
  expect wrong checkpoint/a.cc '  #  include "model/spec.h"'
  expect wrong eval/a.cc '#include "pipeline/run.h"'
  expect wrong runtime/a.cc '#include "pipeline/run.h"'
  expect wrong runtime/a.cc '#include "kernels/attention.h"'
  expect wrong report/a.cc '#include "eval/ppl.h"'
  expect wrong pipeline/a.cc '#include "cli/app.h"'
  expect wrong base/a.h '#include "error.h"'
  expect wrong base/a.h '#include "../tensor/tensor.h"'
  expect wrong misc/a.h '#include "base/error.h"'
  expect wrong base/a.h '#include "fmt/format.h"'
  if ((failures > 0)); then
    return 1
  fi
  echo "check_includes: self-test passed"
}

case ${1:-} in
  --self-test) self_test ;;
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  *) check "${1:-$repo/src}" ;;
esac
