#!/usr/bin/env python3
"""Does vllm-ascend's own configuration code accept an AscendV1 folder of ours?  (development only)

  vllm_ascend_check.py SOURCES FOLDER...

SOURCES: where `vllm_ascend/` lies, for example an unpacked wheel (pip download --no-deps vllm-ascend==0.18.0).
Its quantization package is run as it is; torch, torch_npu, vllm and the rest of vllm_ascend are replaced by stand-ins.
For every module the engine builds for a Llama, Qwen2 or Qwen3 model it asks the engine's code for the type and the
scheme, lets the scheme register its parameters, and compares names, shapes and dtypes with the folder.
Exit 0: all accepted, 1: a problem, 77: SOURCES absent.
"""
import glob
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import struct
import sys
import types
from unittest.mock import MagicMock

REAL = "vllm_ascend.quantization"
FUSED = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["gate_proj", "up_proj"]}
# dtype the engine registers -> dtypes of ours that are copied into it without changing their meaning
COPIES = {
    "int8": {"I8", "F32", "BF16", "F16"},
    "int32": {"I32"},
    "int64": {"I64"},
    "float32": {"F32", "BF16", "F16"},
    "bfloat16": {"F32", "BF16"},
    "float16": {"F32", "F16"},
}


class Parameter:
    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), dtype


def make_torch():
    torch = types.ModuleType("torch")
    torch.__path__ = []
    for name in ("int8", "int32", "int64", "float32", "bfloat16", "float16"):
        setattr(torch, name, name)
    torch.dtype = str
    torch.Tensor = Parameter

    def empty(*shape, dtype="float32", **_):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return Parameter(shape, dtype)

    torch.empty = torch.zeros = torch.ones = empty
    torch.nn = MagicMock()
    torch.nn.Module = type("Module", (), {})
    torch.__getattr__ = lambda name: MagicMock()
    return torch


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Every module but the quantization package becomes a stand-in."""

    ROOTS = ("vllm", "vllm_ascend", "torch_npu", "torch", "regex", "transformers", "numpy", "compressed_tensors")

    def find_spec(self, name, path=None, target=None):
        root = name.split(".")[0]
        if root not in self.ROOTS or name.startswith(REAL):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        if spec.name == "vllm_ascend":
            module = types.ModuleType(spec.name)
            module.__path__ = [os.path.join(SOURCES, "vllm_ascend")]
            return module
        module = types.ModuleType(spec.name)
        module.__path__ = []

        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            if name == "register_quantization_config":
                return lambda *_: (lambda cls: cls)
            # Classes that the package derives from must be classes.
            return type(name, (), {}) if name[0].isupper() else MagicMock()

        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


def read_headers(folder):
    tensors = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.pop("__metadata__", None)
        tensors.update({k: (v["dtype"], tuple(v["shape"])) for k, v in header.items()})
    return tensors


def registered(scheme, n, k, dtype):
    parameters = dict(scheme.get_weight(k, n, dtype))
    parameters.update(scheme.get_pertensor_param(dtype))
    parameters.update(scheme.get_perchannel_param(n, dtype))
    return parameters


def check_folder(folder, config_module):
    description = json.load(open(os.path.join(folder, "quant_model_description.json")))
    config = json.load(open(os.path.join(folder, "config.json")))
    tensors = read_headers(folder)
    dtype = config.get("torch_dtype") or config.get("dtype") or "bfloat16"
    if dtype == "float32":  # engines serve float32 files in half precision; --dtype float16 fits the int64 scale
        dtype = "float16"
    engine = config_module.AscendModelSlimConfig(dict(description))
    modules = ["model.embed_tokens", "lm_head"]
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        modules += [p + m for m in ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")]
    problems, counts, seen = [], {}, set()
    for module in modules:
        name = module.split(".")[-1]
        shards = [module[: -len(name)] + s for s in FUSED[name]] if name in FUSED else [module]
        try:
            skipped = engine.is_layer_skipped_ascend(module, FUSED)
            kind = "FLOAT" if skipped else config_module.get_linear_quant_type(description, module, FUSED)
            scheme_class = None if skipped else config_module.get_scheme_class(kind, "linear")
        except Exception as error:  # what the engine raises is what we report
            problems.append(f"{module}: {type(error).__name__}: {error}")
            continue
        counts[kind] = counts.get(kind, 0) + 1
        for shard in shards:
            weight = tensors.get(shard + ".weight")
            if weight is None:
                problems.append(f"{shard}.weight is missing")
                continue
            if scheme_class is None:
                seen.add(shard + ".weight")
                continue
            n, k = weight[1]
            wanted = registered(scheme_class(), n, k, dtype)
            for suffix, parameter in wanted.items():
                full = shard + "." + suffix
                have = tensors.get(full)
                if have is None:
                    # V1 static folders have no weight_scale / weight_offset: the engine never uses them there.
                    if not (kind == "W8A8" and suffix in ("weight_scale", "weight_offset")):
                        problems.append(f"{full} is missing: the scheme of {kind} registers it")
                    continue
                seen.add(full)
                if tuple(parameter.shape) != have[1]:
                    problems.append(f"{full} is {have[1]}, the engine registers {tuple(parameter.shape)}")
                if have[0] not in COPIES[parameter.dtype]:
                    problems.append(f"{full} is {have[0]}, the engine registers {parameter.dtype}")
    for extra in sorted(set(tensors) - seen):
        if not extra.endswith(("norm.weight", "norm.bias", ".bias")):
            problems.append(f"{extra}: no module of the engine takes it")
    return counts, problems


def main():
    global SOURCES
    if len(sys.argv) < 3 or not os.path.isdir(os.path.join(sys.argv[1], "vllm_ascend", "quantization")):
        print("skipped: the sources of vllm-ascend are not there; see --help in the file's head")
        return 77
    SOURCES = sys.argv[1]
    sys.modules["torch"] = make_torch()
    sys.meta_path.insert(0, StandIns())
    config_module = importlib.import_module(REAL + ".modelslim_config")
    failed = 0
    for folder in sys.argv[2:]:
        counts, problems = check_folder(folder, config_module)
        print(f"{folder}: {'refused' if problems else 'accepted'} {counts}")
        for problem in problems[:20]:
            print("  " + problem)
        failed |= bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
