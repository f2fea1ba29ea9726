#!/usr/bin/env python3
"""make_wheel.py STAGE VERSION PLATFORM OUTPUT: a wheel that installs the files of STAGE under the
environment's prefix (PEP 427: *.data/scripts and *.data/data)."""
import base64
import hashlib
import pathlib
import sys
import zipfile

stage, version, platform, out = sys.argv[1:]
stage = pathlib.Path(stage)
name = f"msmodelslim-{version}"
tag = f"py3-none-{platform}"
records = []


def add(archive, path, data, mode=0o644):
    info = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    records.append(f"{path},sha256={digest},{len(data)}")


readme = (stage / "share/msmodelslim/README.md").read_text()
metadata = (f"Metadata-Version: 2.1\nName: msmodelslim\nVersion: {version}\n"
            "Summary: Makes large language models small: a native quantizer\n"
            "License: Apache-2.0\nRequires-Python: >=3.8\n"
            f"Description-Content-Type: text/markdown\n\n{readme}")
with zipfile.ZipFile(pathlib.Path(out) / f"{name}-{tag}.whl", "w") as wheel:
    for file in sorted(stage.rglob("*")):
        if file.is_file():
            path = file.relative_to(stage)
            place = f"scripts/{path.name}" if path.parts[0] == "bin" else f"data/{path}"
            add(wheel, f"{name}.data/{place}", file.read_bytes(), 0o755 if path.parts[0] == "bin" else 0o644)
    add(wheel, f"{name}.dist-info/METADATA", metadata.encode())
    add(wheel, f"{name}.dist-info/WHEEL",
        f"Wheel-Version: 1.0\nGenerator: make_wheel.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode())
    records.append(f"{name}.dist-info/RECORD,,")
    wheel.writestr(f"{name}.dist-info/RECORD", "\n".join(records) + "\n")
