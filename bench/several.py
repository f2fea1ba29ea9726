#!/usr/bin/env python3
"""CPU seconds of two recipes one after the other, in one run, and with kept statistics.

    bench/several.py [--work FOLDER] [--pair dynamic|gptq|static] MODEL [options of quant]

Prints a table; the weight files of every form have to be equal.
"""

import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("MSMODELSLIM", str(ROOT / "build/src/msmodelslim"))
SMOOTH = "    - {type: iter_smooth, alpha: 0.5}\n"
INT8 = "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}"
INT4 = "{dtype: int4, scope: per_channel, symmetric: true, method: minmax}"
GPTQ = "{{dtype: int{}, scope: per_channel, symmetric: true, method: gptq}}"
TOKEN = "{dtype: int8, scope: per_token, symmetric: true, method: minmax}"
TENSOR = "{dtype: int8, scope: per_tensor, symmetric: false, method: minmax}"


def linear(act, weight):
    return f"    - {{type: linear_quant, include: ['*'], qconfig: {{act: {act}, weight: {weight}}}}}\n"


PAIRS = {
    "dynamic": (SMOOTH + linear(TOKEN, INT8), SMOOTH + linear(TOKEN, INT4)),
    "gptq": (SMOOTH + linear(TOKEN, GPTQ.format(8)), SMOOTH + linear(TOKEN, GPTQ.format(4))),
    "static": (SMOOTH + linear(TENSOR, INT8), SMOOTH + linear(TENSOR, INT4)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work")
    parser.add_argument("--pair", choices=PAIRS, default="dynamic")
    parser.add_argument("model")
    arguments, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as scratch:
        folder = pathlib.Path(scratch)
        recipes = []
        for number, entries in enumerate(PAIRS[arguments.pair]):
            recipes.append(folder / f"{number}.yaml")
            recipes[-1].write_text("apiversion: modelslim_v1\nmetadata: {config_id: r%d}\nspec:\n  process:\n%s"
                                   "  save: [{type: ascendv1_saver}]\n" % (number, entries))

        def seconds(name, chosen, *more):
            folders = [folder / f"{name}{number}" for number in chosen]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([BINARY, "quant", arguments.model, "--quiet", "--verify", "none", "--config_path",
                            *(recipes[number] for number in chosen), "--save_path", *folders, *more, *options],
                           check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            for number, result in zip(chosen, folders):
                for file in (result.iterdir() if name != "alone" else ()):
                    if file.suffix == ".safetensors":
                        subprocess.run(["cmp", file, folder / f"alone{number}" / file.name], check=True)
                if name != "alone":
                    shutil.rmtree(result)
            return took

        statistics = folder / "statistics"
        apart = [seconds("alone", [0]), seconds("alone", [1])]
        rows = [("first alone", apart[0]), ("second alone", apart[1]), ("both, two runs", sum(apart)),
                ("both, one run", seconds("both", [0, 1]))]
        if arguments.pair != "static":
            rows.append(("first, --stats_out", seconds("kept", [0], "--stats_out", statistics)))
            rows.append(("second, --stats_in", seconds("taken", [1], "--stats_in", statistics)))
        for row in rows:
            print("| %s | %.1f |" % row)
        if statistics.exists():
            print(f"statistics: {statistics.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
