#!/usr/bin/env python3
"""Does the compressed-tensors library decompress our folders to the weights that we say?  (development only)

  compressed_decode_check.py [--binary build/src/msmodelslim] FOLDER...

Needs a Python with torch, safetensors and compressed-tensors (0.14 or later knows the MX formats). Every quantized
weight is decompressed by the library, as config.json tells it to, and must equal, bit for bit, what
`msmodelslim convert FOLDER --dtype bfloat16` makes of it (rounded to bfloat16 where the library keeps more).
Exit 0: all equal, 1: a difference, 77: the libraries are absent.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import torch
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig
    from safetensors.torch import load_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SUFFIXES = ("weight", "weight_packed", "weight_scale", "weight_zero_point", "weight_shape")


def read_tensors(folder):
    tensors = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        tensors.update(load_file(path))
    return tensors


def is_for(targets, name):
    return any(t == "Linear" or t == name or (t.startswith("re:") and re.match(t[3:], name)) for t in targets)


def check(folder, binary):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        raw = json.load(file)["quantization_config"]
    config = QuantizationConfig.model_validate({k: v for k, v in raw.items() if k != "sparsity_config"})
    tensors = read_tensors(folder)
    with tempfile.TemporaryDirectory() as scratch:
        ours = os.path.join(scratch, "float")
        subprocess.run([binary, "convert", folder, "--save_path", ours, "--dtype", "bfloat16"], check=True,
                       stderr=subprocess.DEVNULL)
        expected = read_tensors(ours)
    modules = sorted(n.removesuffix(".weight_scale") for n in tensors if n.endswith(".weight_scale"))
    wrong = 0
    for module in modules:
        scheme, name = next((s, raw["config_groups"][g].get("format") or raw["format"])
                            for g, s in config.config_groups.items() if is_for(s.targets, module))
        state = {s: tensors[f"{module}.{s}"] for s in SUFFIXES if f"{module}.{s}" in tensors}
        got = BaseCompressor.get_value_from_registry(name).decompress(state, scheme)["weight"]
        if not torch.equal(got.to(torch.bfloat16), expected[f"{module}.weight"]):
            wrong += 1
            print(f"  {module} ({name}) differs")
    print(f"{folder}: {len(modules) - wrong} of {len(modules)} weights equal")
    return wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/src/msmodelslim")
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    args = parser.parse_args()
    return 0 if all([check(folder, args.binary) for folder in args.folders]) else 1


if __name__ == "__main__":
    sys.exit(main())
