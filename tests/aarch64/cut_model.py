#!/usr/bin/env python3
"""Writes the first blocks of a Llama-like model folder as a model of its own: cut_model.py MODEL OUT BLOCKS"""

import json
import pathlib
import re
import shutil
import struct
import sys


def cut(model: pathlib.Path, out: pathlib.Path, blocks: int) -> None:
    out.mkdir(parents=True)
    for file in model.iterdir():
        if file.suffix == ".json":
            shutil.copy(file, out)
    config = json.loads((model / "config.json").read_text())
    config["num_hidden_layers"] = blocks
    (out / "config.json").write_text(json.dumps(config, indent=2))

    with open(model / "model.safetensors", "rb") as source, open(out / "model.safetensors", "wb") as target:
        (length,) = struct.unpack("<Q", source.read(8))
        header = json.loads(source.read(length))
        kept, offset = {}, 0
        for name, entry in header.items():
            layer = re.match(r"model\.layers\.(\d+)\.", name)
            if name == "__metadata__" or (layer and int(layer[1]) >= blocks):
                continue
            begin, end = entry["data_offsets"]
            kept[name] = dict(entry, data_offsets=[offset, offset + end - begin])
            offset += end - begin
        text = json.dumps(kept).encode()
        text += b" " * (-len(text) % 8)
        target.write(struct.pack("<Q", len(text)) + text)
        for name in kept:
            begin, end = header[name]["data_offsets"]
            source.seek(8 + length + begin)
            target.write(source.read(end - begin))


if __name__ == "__main__":
    cut(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]))
