#!/usr/bin/env python3
"""Compares the int8 codes and the float values of two quantized folders: compare_folders.py A B

Exit code 1 when they differ by more than the order of a sum can explain: a code by more than one step, more than
MOST_CODES of the codes, or a value by more than MOST_RELATIVE of the largest of its tensor.
"""

import array
import json
import pathlib
import struct
import sys

MOST_CODES = 0.02
MOST_RELATIVE = 0.01


def tensors(folder):
    for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = file.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        for name, entry in json.loads(data[8 : 8 + length]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                yield name, entry["dtype"], data[8 + length + begin : 8 + length + end]


def values(dtype, data):
    if dtype == "BF16":
        data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
    return array.array({"I8": "b", "F32": "f", "BF16": "f", "I64": "q"}[dtype], data)


def main():
    codes = different_codes = different_tensors = count = 0
    step, relative, worst = 0, 0.0, "none"
    for (name, dtype, left), (other, other_dtype, right) in zip(tensors(sys.argv[1]), tensors(sys.argv[2]), strict=True):
        if (name, dtype, len(left)) != (other, other_dtype, len(right)):
            sys.exit(f"{name} {dtype} and {other} {other_dtype} are not the same tensor")
        count += 1
        codes += len(left) if dtype == "I8" else 0
        if left == right:
            continue
        different_tensors += 1
        a, b = values(dtype, left), values(dtype, right)
        largest = max(abs(x - y) for x, y in zip(a, b))
        if dtype == "I8":
            different_codes += sum(x != y for x, y in zip(a, b))
            step = max(step, largest)
        elif largest > relative * max(map(abs, a)):
            relative, worst = largest / max(map(abs, a)), name
    share = different_codes / max(codes, 1)
    print(
        f"{different_tensors} of {count} tensors differ, {share:.3%} of the codes by at most {step} steps, "
        f"values by {relative:.1e} of the largest ({worst})"
    )
    return step > 1 or share > MOST_CODES or relative > MOST_RELATIVE


if __name__ == "__main__":
    sys.exit(main())
