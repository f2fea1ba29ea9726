#!/usr/bin/env bash
# Every test and fuzzer that docs/security.md and its translation name is there.
# shellcheck disable=SC2016  # the quotes are those of the page
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing() {  # missing FILE: names in it that no test has
  local name suite
  grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Za-z0-9]+`|`[A-Z][A-Za-z0-9]*\.\*`' "$1" | tr -d '`' | while read -r name; do
    suite=${name%%.*}
    if [[ $name == *'.*' ]]; then
      grep -rqE "TEST(_F|_P)?\($suite, " tests/unit || echo "$name"
    else
      grep -rqE "TEST(_F|_P)?\($suite, ${name#*.}\)" tests/unit || echo "$name"
    fi
  done
  grep -oE '`fuzz_[a-z_]+`' "$1" | tr -d '`' | while read -r name; do
    [[ -f tests/fuzz/$name.cc ]] || echo "$name"
  done
}

# It can fail.
printf '`Nothing.IsHere` `fuzz_nothing`\n' >"${TMPDIR:-/tmp}/promises_test.$$"
found=$(missing "${TMPDIR:-/tmp}/promises_test.$$" | wc -l)
rm "${TMPDIR:-/tmp}/promises_test.$$"
[[ $found -eq 2 ]]

for page in docs/security.md docs/security.zh.md; do
  lost=$(missing "$page")
  if [[ -n $lost ]]; then
    echo "$page names tests that are not there:"
    echo "$lost"
    exit 1
  fi
  # Every fuzzer is named in it.
  for fuzzer in tests/fuzz/fuzz_*.cc; do
    name=$(basename "$fuzzer" .cc)
    grep -q "\`$name\`" "$page" || {
      echo "$page does not name $name"
      exit 1
    }
  done
done
