#!/usr/bin/env bash
# Checks of a running server, and of the page of a run, with the programs that their users have: curl, the openai
# client, a browser.
#
#   tests/interop/all.sh     after scripts/build.sh; ./test.sh --all does both
#
# MSMODELSLIM_BUILD=DIR   build folder (default: build)
# PYTHON=PROGRAM          a Python with the package openai (default: python3)
# CHROMIUM=PROGRAM        the browser (default: chromium, chromium-browser or google-chrome)
# What needs a program that is not there is skipped with a message.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=${MSMODELSLIM_BUILD:-build}
binary=$folder/src/msmodelslim
python=${PYTHON:-python3}
model=models/SmolLM2-135M-Instruct
quantized=$model-w8a8
results=()
failed=0

check() {  # check NAME COMMAND...: exit code 77 says that something is missing
  local name=$1 code=0 log
  shift
  echo
  echo "=== $name"
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || code=${PIPESTATUS[0]}
  case $code in
    0) results+=("good     $name") ;;
    77) results+=("skipped  $name: $(sed -n 's/^skipped: //p' "$log")") ;;
    *)
      results+=("FAILED   $name")
      failed=1
      ;;
  esac
  rm -f "$log"
}

if [[ ! -f $model/config.json || ! -f $quantized/quant_model_description.json ]]; then
  ./quickstart.sh
fi

check "openai client" "$python" tests/interop/openai_client_check.py "$quantized" --binary "$binary"
check "quick start's curl" "$python" tests/interop/quickstart_curl_check.py "$quantized" --binary "$binary"
check "chat page" "$python" tests/interop/chat_page_check.py "$quantized" --float_path "$model" \
  --binary "$binary" --screenshot "$folder/chat_page.png"
check "report page" "$python" tests/interop/report_page_check.py "$model" --binary "$binary" \
  --screenshots "$folder"
check "bad clients" "$python" tests/interop/server_robustness_check.py "$quantized" --binary "$binary"
check "200 requests" "$python" bench/serve_soak.py "$quantized" --requests 200 --binary "$binary"

echo
printf '%s\n' "${results[@]}"
exit "$failed"
