#!/usr/bin/env python3
"""Whether `quant --max_memory` is kept, and how far the plan of --dry_run lies above what is used.

    bench/memory_limit.py MODEL [--limits 1GiB,2GiB,4GiB] [-- OPTIONS OF quant]

Each run is held to its limit plus a tenth by a control group, which counts mapped pages too (they
can be dropped); without the rights for one, by nothing but the program itself. Prints a table; the
result's bytes must be the same for every limit. Exit code 1 when a limit was not kept.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("MSMODELSLIM", str(ROOT / "build/src/msmodelslim"))
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(text):
    return int(float(text[:-3]) * UNITS[text[-3:]])


def control_group(limit):
    """The file that takes process numbers, or None."""
    for root, name in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        folder = pathlib.Path(root) / f"msmodelslim-{os.getpid()}"
        try:
            if not (folder.parent / "cgroup.procs").exists():
                continue
            folder.mkdir()
            (folder / name).write_text(str(limit))
            return folder / "cgroup.procs"
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
    return None


def digest(folder):
    sums = hashlib.sha256()
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        with open(path, "rb") as file:
            while block := file.read(1 << 24):
                sums.update(block)
    return sums.hexdigest()


def main():
    words = sys.argv[1:]
    extra = words[words.index("--") + 1:] if "--" in words else ["--quant_type", "w8a8"]
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--limits", default="1GiB,2GiB,4GiB")
    args = parser.parse_args(words[:words.index("--")] if "--" in words else words)
    digests = set()
    kept = True
    print("limit     plan MB  used MB  scratch MB  held by         seconds  result")
    for limit in args.limits.split(","):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as work:
            command = [BINARY, "quant", "--model_path", args.model, "--save_path", work + "/q", "--yes",
                       "--max_memory", limit, *extra]
            plan = json.loads(subprocess.run([*command, "--dry_run", "--json", "--quiet"], check=True,
                                             capture_output=True, text=True).stdout)
            group = control_group(size(limit) * 11 // 10)

            def enter():
                if group:
                    group.write_text(str(os.getpid()))

            done = subprocess.run(command, preexec_fn=enter, capture_output=True, text=True)
            if group:
                group.parent.rmdir()
            if done.returncode != 0:
                kept = False
                print(f"{limit:8}  failed: {(done.stdout + done.stderr).strip().splitlines()[-2:]}")
                continue
            report = json.load(open(work + "/q/quant_report.json"))
            used = report["environment"]["peak_bytes"]
            kept &= used <= 1.1 * size(limit)
            digests.add(digest(work + "/q"))
            memory = plan["memory"]
            scratch = memory["hidden_states"] if memory["scratch_dir"] else 0
            print(f"{limit:8} {memory['bytes'] / 1e6:8.0f} {used / 1e6:8.0f} {scratch / 1e6:11.0f}  "
                  f"{'control group' if group else 'itself':14} {report['time']['wall_seconds']:8.1f}  ok")
    if len(digests) > 1:
        print("the bytes differ")
    sys.exit(0 if kept and len(digests) == 1 else 1)


main()
