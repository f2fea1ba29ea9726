#!/usr/bin/env python3
"""Kills `msmodelslim quant` at random moments and repeats it, also on a file system that is too small at first: is the
result that of a run that was not disturbed, and is nothing left over?

  resume_check.py FOLDER [--kills 50] [--full 20] [--binary build/src/msmodelslim] [-- OPTIONS OF quant]

--full needs root (it mounts a tmpfs). Exit 1 when bytes differ, something is left, or an engine could load a half.
"""
import argparse
import hashlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

PRIVATE = {"quant_report.json", "quant_report.html"}  # hold times


def digest(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in PRIVATE}


class Check:
    def __init__(self, args, folder):
        self.command = [args.binary, "quant", "--model_path", args.folder, "--yes", *args.options]
        self.folder = folder
        self.resumed = 0

    def run(self, target, seconds=None):
        process = subprocess.Popen([*self.command, "--save_path", str(target)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        code = None
        try:
            said = process.communicate(timeout=seconds)[0]
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            said = process.communicate()[0]
        self.resumed += "going on there" in said
        return code, said

    def expect(self, target, whole):
        assert digest(target) == whole, "the bytes differ"
        left = [path.name for path in target.parent.iterdir() if path != target and path.name.startswith(".")]
        assert not left, f"left over: {left}"


def kill(check, whole, seconds, kills):
    rng = random.Random(1)
    done, runs = 0, 0
    while done < kills:
        target = check.folder / "killed" / "q"
        target.parent.mkdir(exist_ok=True)
        subprocess.run(["rm", "-rf", str(target)], check=True)
        while True:
            code, error = check.run(target, rng.uniform(0, seconds))
            if code == 0:
                break
            assert code is None, error
            done += 1
            if target.exists():
                break  # killed behind the end
        check.expect(target, whole)
        runs += 1
    print(f"{done} kills in {runs} runs, {check.resumed} times gone on: the same bytes")


def fill(check, whole, points):
    mount = check.folder / "small"
    mount.mkdir()
    size = sum(path.stat().st_size for path in (check.folder / "whole").rglob("*") if path.is_file())
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={4 * size}", "tmpfs", str(mount)], check=True)
    try:
        rng = random.Random(2)
        refused = 0
        for _ in range(points):
            target, ballast = mount / "q", mount / "ballast"
            subprocess.run(["rm", "-rf", str(target)], check=True)
            with open(ballast, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 4 * size - int(rng.uniform(0.05, 1.4) * size))
            code, error = check.run(target)
            if code != 0:
                refused += 1
                assert code == 1 and ("space" in error or "cannot be written" in error), error
                assert not target.exists(), "an engine could load a half"
                ballast.unlink()
                code, error = check.run(target)
                assert code == 0, error
            else:
                ballast.unlink()
            check.expect(target, whole)
        print(f"{points} full disks, {refused} runs stopped by them: the same bytes afterwards")
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--full", type=int, default=20)
    parser.add_argument("--binary", default="build/src/msmodelslim")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:split])
    args.options = words[split + 1:]
    with tempfile.TemporaryDirectory() as scratch:
        check = Check(args, pathlib.Path(scratch))
        start = time.monotonic()
        code, error = check.run(check.folder / "whole")
        assert code == 0, error
        seconds = time.monotonic() - start
        whole = digest(check.folder / "whole")
        print(f"a run takes {seconds:.1f} s")
        if args.kills:
            kill(check, whole, seconds, args.kills)
        if args.full:
            fill(check, whole, args.full)
    return 0


if __name__ == "__main__":
    sys.exit(main())
