# Sourced by .ci/run and .ci/full, in the root of the repository: steps, and what both of them run.
# shellcheck shell=bash

export CCACHE_SLOPPINESS=pch_defines,time_macros
summary=()
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step() {  # step NAME COMMAND...: runs the command, stops everything when it fails
  local name=$1 start=$SECONDS
  shift
  echo
  echo "=== $name"
  if ! "$@"; then
    echo "=== $name: FAILED after $((SECONDS - start)) s" >&2
    exit 1
  fi
  summary+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

# Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer, built by clang, with what the fuzzers need.
build_checked() {  # build_checked [TARGET...]
  CC=clang CXX=clang++ scripts/build.sh build-check "$@" -DMSMODELSLIM_TESTS=ON -DMSMODELSLIM_FUZZ=ON \
    -DMSMODELSLIM_SANITIZE=fuzzer-no-link,address,undefined \
    -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1 -D_GLIBCXX_ASSERTIONS"
}

# So many seconds of every fuzzer, or of those that are named. Each line: name, executions, edges, inputs found.
fuzz() {  # fuzz SECONDS [NAME...]
  local seconds=$1 fuzzer name corpus
  shift
  for fuzzer in build-check/tests/fuzz/fuzz_*; do
    [[ -f $fuzzer && -x $fuzzer ]] || continue
    name=${fuzzer##*/}
    if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
    corpus=$scratch/$name
    mkdir -p "$corpus"
    if [[ -d tests/fuzz/corpus/$name ]]; then
      cp -r "tests/fuzz/corpus/$name/." "$corpus"
    fi
    if ! UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$fuzzer" -max_total_time="$seconds" -timeout=60 \
      -rss_limit_mb=1024 -malloc_limit_mb=512 -artifact_prefix=build-check/ -print_final_stats=1 "$corpus" \
      >"$scratch/$name.log" 2>&1; then
      tail -n 60 "$scratch/$name.log" >&2
      return 1
    fi
    awk -v name="$name" '/cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") edges = $(i + 1) }
      /number_of_executed_units/ { runs = $2 } /new_units_added/ { found = $2 }
      END { printf "%-24s %9d executions %6d edges %5d inputs found\n", name, runs, edges, found }' "$scratch/$name.log"
  done
}

# The fast suite where the start of a process is what costs: every program of tests runs once, BUILD_JOBS at a time.
run_programs() {  # run_programs BUILD_FOLDER [PROGRAM=FILTER...]: what GoogleTest's filter leaves of that program
  local program name filter pair
  for program in "$1"/tests/*_test; do
    name=${program##*/}
    filter='*'
    for pair in "${@:2}"; do
      if [[ $pair == "$name="* ]]; then filter=${pair#*=}; fi
    done
    printf '%s\n' "$program" "$filter" "$scratch/$name.log"
  done | xargs -d '\n' -n 3 -P "$BUILD_JOBS" bash -c 'run_program "$@"' run_program
}

# Prints program, tests that passed and were skipped, seconds; all that the program said when it fails.
run_program() {  # run_program PROGRAM FILTER LOG
  local start=$SECONDS
  if ! "$1" --gtest_filter="$2" >"$3" 2>&1; then
    cat "$3" >&2
    echo "${1##*/}: FAILED after $((SECONDS - start)) s" >&2
    return 1
  fi
  awk -v name="${1##*/}" -v seconds=$((SECONDS - start)) '
    /^\[  PASSED  \] / { passed = $4 }
    /^\[  SKIPPED \] [0-9]+ tests?, listed/ { skipped = $4 }
    END { printf "%-16s %5d passed %4d skipped %5d s\n", name, passed, skipped, seconds }' "$3"
}
export -f run_program

# Prints what gcovr's table says of each folder of src/; fails when fewer than so many per cent of all lines were run.
coverage_table() {  # coverage_table PER_CENT CSV
  awk -F , -v least="$1" '
    NR > 1 { split($1, path, "/"); all[path[2]] += $2; run[path[2]] += $3; all_lines += $2; run_lines += $3 }
    END {
      row = "%-12s %6d of %6d lines, %5.1f %%\n"
      for (folder in all) printf row, folder, run[folder], all[folder], 100 * run[folder] / all[folder] | "sort"
      close("sort")
      printf row, "src", run_lines, all_lines, 100 * run_lines / all_lines
      exit 100 * run_lines < least * all_lines
    }' "$2"
}

print_summary() {
  echo
  printf '%s\n' "${summary[@]}"
  echo
}
