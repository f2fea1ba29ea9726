#!/usr/bin/env python3
"""Do the quick start's commands for a served model work as they are?  (development only)

  quickstart_curl_check.py FOLDER [--binary build/src/msmodelslim]

Starts the server with vLLM's options on port 8000 and sends the request with curl, both word for word. Exit 0: all good,
1: a problem, 77: port 8000 is taken or there is no curl.
"""
import argparse
import json
import shutil
import socket
import subprocess
import sys

from serving import serve

OPTIONS = ["--served-model-name", "Qwen2.5-7B-w8a8", "--max-model-len", "4096", "--quantization", "ascend"]
CURL = """
curl http://localhost:8000/v1/completions -H "Content-Type: application/json" -d '{
        "model": "Qwen2.5-7B-w8a8", "prompt": "what is large language model?", "max_tokens": 128, "top_p": 0.95, "top_k": 40, "temperature": 0.0 }'
"""


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    args = parser.parse_args()
    if not shutil.which("curl"):
        print("skipped: no curl")
        return 77
    if not is_free(8000):
        print("skipped: port 8000 is taken")
        return 77
    with serve(args.binary, args.folder, *OPTIONS, port=8000):
        done = subprocess.run(["bash", "-c", CURL], capture_output=True, text=True, timeout=300, check=True)
    answer = json.loads(done.stdout)
    choice = answer["choices"][0]
    assert answer["object"] == "text_completion" and answer["model"] == "Qwen2.5-7B-w8a8", answer
    assert choice["text"].strip() and choice["finish_reason"] in ("stop", "length"), answer
    assert 1 <= answer["usage"]["completion_tokens"] <= 128, answer
    print(f"curl got: {choice['text'].strip()[:100]!r} ...")
    return 0


if __name__ == "__main__":
    sys.exit(main())
