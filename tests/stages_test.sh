#!/usr/bin/env bash
# What .ci/full does with programs of tests and with counters, on toys. Needs no build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/steps.sh

fail() {
  echo "stages_test: $1" >&2
  exit 1
}
program() {  # program NAME: one that GoogleTest might have made; its commands are read from the input
  mkdir -p "$scratch/toy/tests"
  { echo '#!/bin/sh' && cat; } >"$scratch/toy/tests/$1"
  chmod +x "$scratch/toy/tests/$1"
}

export BUILD_JOBS=2
program good_test <<'END'
echo "[  PASSED  ] 3 tests."
echo "[  SKIPPED ] 1 test, listed below:"
echo "[  SKIPPED ] Suite.Name"
END
program cut_test <<'END'
[ "$1" = "--gtest_filter=-Slow.*" ] && echo "[  PASSED  ] 2 tests."
END
run_programs "$scratch/toy" 'cut_test=-Slow.*' >"$scratch/lines" || fail "programs that pass were said to fail"
grep -qE '^good_test +3 passed +1 skipped' "$scratch/lines" || fail "tests are counted wrongly"
grep -qE '^cut_test +2 passed +0 skipped' "$scratch/lines" || fail "a program did not get its filter"

program bad_test <<'END'
echo "Suite.Name is wrong"
exit 1
END
if run_programs "$scratch/toy" >"$scratch/lines" 2>&1; then fail "a program that fails was passed over"; fi
grep -q 'Suite.Name is wrong' "$scratch/lines" || fail "what a failing program says is lost"

printf 'filename,line_total,line_covered\nsrc/a/x.cc,10,8\nsrc/a/y.cc,10,8\nsrc/b/z.cc,80,74\n' >"$scratch/table.csv"
coverage_table 90 "$scratch/table.csv" >"$scratch/lines" || fail "90 % are not 90 %"
grep -qE '^a +16 of +20 lines, +80.0 %$' "$scratch/lines" || fail "a folder's lines are summed wrongly"
grep -qE '^src +90 of +100 lines, +90.0 %$' "$scratch/lines" || fail "all lines are summed wrongly"
if coverage_table 91 "$scratch/table.csv" >/dev/null; then fail "too little coverage was passed over"; fi
