#!/usr/bin/env python3
"""What `quant` promises of speed, memory and interruption, measured in one go: a row for each promise, with its limit.

    bench/big_models.py --float32 DIR --bfloat16 DIR --calib FILE --big DIR [--only PART ...]
                        [--python_tool COMMAND] [--llm_compressor PYTHON] [--llama_quantize PROGRAM --gguf FILE]

DIR of --float32 and --bfloat16: one model in both dtypes (SmolLM2-135M for the limits in CPU seconds); --big: Qwen2.5-1.5B in
bfloat16; --calib: the Python tool's mix_calib.jsonl. Peers run in the same parts where they are given: COMMAND is a shell command in
which {model} and {out} are put, PYTHON has llmcompressor installed. Needs the build with -DMSMODELSLIM_BENCH=ON. Parts: calibrated,
datafree, kills (also full disks; root), bytes (threads and MPI ranks), memory. Exit code 1 when a limit is missed.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("MSMODELSLIM", str(ROOT / "build/src/msmodelslim"))
CORES = len(os.sched_getaffinity(0))

def used(command, **options):
    """CPU and wall seconds of a command; its output is shown when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, done.stdout


def digest(folder):
    sums = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            while block := file.read(1 << 24):
                sums.update(block)
    return sums.hexdigest()


class Rows:
    def __init__(self):
        self.missed = 0

    def add(self, what, found, limit=None, unit="", most=True):
        if limit is None:
            verdict = ""
        else:
            kept = found <= limit if most else found >= limit
            self.missed += not kept
            verdict = f"{'at most' if most else 'at least'} {limit:.4g}{unit} | {'kept' if kept else '**missed**'}"
        print(f"| {what} | {found:.4g}{unit} | {verdict or ' | '} |", flush=True)

    def part(self, name):
        print(f"\n{name}\n\n| what | found | limit | |\n|---|---:|---:|---|", flush=True)


def quant(args, model, out, *options):
    shutil.rmtree(out, ignore_errors=True)
    return used([BINARY, "quant", "--model_path", model, "--save_path", str(out), "--yes", "--quiet", *options])


def roofs():
    """FLOP per CPU second of products on all threads, fp32 and bfloat16: the library's or, where they are faster, our own."""
    text = used([ROOT / "build/bench/kernel_bench", "--benchmark_filter=^(roof|roof_bf16|product_bf16)/", "--benchmark_format=json"])[2]
    rates = {"roof": [0], "roof_bf16": [0]}
    for row in json.loads(text[text.index("{"):])["benchmarks"]:
        if "GFLOP/s" in row:
            rates[row["name"].split("/")[0].replace("product", "roof")].append(row["GFLOP/s"])
    return {name: 1e9 * max(of) / CORES for name, of in rates.items()}


def llm_compressor(args, model, work, *options):
    """CPU and wall seconds, and the peak of memory in GB."""
    cpu, wall, text = used([args.llm_compressor, ROOT / "bench/peers.py", "llmcompressor", model, str(work / "peer"), *options])
    shutil.rmtree(work / "peer")
    return cpu, wall, float(re.search(r"peak of llm-compressor ([\d.]+) GB", text)[1])


def calibrated(args, rows, work):
    rows.part("Calibrated: the default W8A8 recipe, the whole calibration set; three rounds, the middle one of each")
    calib = ["--quant_type", "w8a8", "--calib_dataset", args.calib]
    plan = json.loads(subprocess.run([BINARY, "quant", "--model_path", args.float32, "--save_path", str(work / "planned"), "--yes", "--quiet",
                                      "--dry_run", "--json", *calib], check=True, capture_output=True, text=True).stdout)
    per_second = roofs()
    print(f"| TFLOP in linears, in attention | {plan['flop'] / 1e12:.3g}, {plan['attention_flop'] / 1e12:.3g} | | |")
    dtypes = (("float32", args.float32, [], "roof", 105), ("bfloat16", args.bfloat16, [], "roof_bf16", 52),
              ("bfloat16, `--compute_dtype int8`", args.bfloat16, ["--compute_dtype", "int8"], None, 40))
    proofs = {"without a proof": ["--verify", "none"], "with the proof": []}
    rounds = {(dtype[0], proof): [] for dtype in dtypes for proof in proofs}
    for _ in range(3):
        for name, model, options, *_ in dtypes:
            for proof, more in proofs.items():
                rounds[name, proof].append(quant(args, model, work / "q", *calib, *options, *more)[:2])
    for name, _, _, roof, limit in dtypes:
        for proof in proofs:
            found = rounds[name, proof]
            least, cpu, most = sorted(cpu for cpu, _ in found)
            rows.add(f"{name}, {proof}: CPU ({least:.4g} to {most:.4g} s)", cpu, limit, " s")
            rows.add(f"{name}, {proof}: wall", sorted(wall for _, wall in found)[1], None, " s")
            rows.add(f"{name}, {proof}: least use of the cores", min(100 * cpu / wall / CORES for cpu, wall in found), 90, " %", most=False)
            if roof and proofs[proof] and per_second[roof] > 0:
                rule = 1.1 * (plan["flop"] + 2 * plan["attention_flop"]) / per_second[roof]
                rows.add(f"the same, of 1.1 x what its FLOP cost at {CORES * per_second[roof] / 1e9:.0f} GFLOP/s", 100 * cpu / rule, 100, " %")
    if args.python_tool:
        command = args.python_tool.replace("{model}", args.float32).replace("{out}", str(work / "python"))
        rows.add("the Python tool, float32: CPU", used(command, shell=True)[0], None, " s")
    if args.llm_compressor:
        rows.add("llm-compressor, SmoothQuant and GPTQ W8A8, float32: CPU",
                 llm_compressor(args, args.float32, work, "--calib", args.calib)[0], None, " s")


def forget(folder):
    """Drops a model's files from the page cache, so that the disk is read."""
    subprocess.run(["sync"], check=True)
    for path in pathlib.Path(folder).glob("*.safetensors"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_seconds(model, result, copy):
    """Seconds to read the model's files and to write the result's, synced, one after the other."""
    forget(model)
    start = time.monotonic()
    for path in pathlib.Path(model).glob("*.safetensors"):
        subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=16M", "status=none"], check=True)
    subprocess.run(["cp", "--reflink=never", "-r", result, copy], check=True)
    subprocess.run(["sync", "-f", copy], check=True)
    shutil.rmtree(copy)
    return time.monotonic() - start


def datafree(args, rows, work):
    rows.part("Data-free: the model of --big, read from the disk; three rounds, the best of each")
    dynamic = ["--config_path", str(ROOT / "bench/recipes/w8a8-dynamic.yaml")]
    forms = {"w8a16": (["--quant_type", "w8a16"], 8), "w8a8": (dynamic, 8),
             "w8a8, `--verify none`": ([*dynamic, "--verify", "none"], 6)}
    best = {}

    def keep(name, cpu, wall):
        old = best.get(name, (cpu, wall))
        best[name] = (min(cpu, old[0]), min(wall, old[1]))

    peak = 0
    for _ in range(3):
        for name, (options, _) in forms.items():
            forget(args.big)
            cpu, wall, _ = quant(args, args.big, work / "q", *options)
            keep(name, cpu, wall)
            peak = max(peak, json.loads((work / "q/quant_report.json").read_text())["environment"]["peak_bytes"])
        keep("disk", 0, disk_seconds(args.big, work / "q", work / "copy"))
        if args.llama_quantize:
            with open(args.gguf, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            keep("llama-quantize", *used([args.llama_quantize, args.gguf, str(work / "g.gguf"), "Q8_0", str(CORES)])[:2])
            (work / "g.gguf").unlink()
    rows.add("the model's bytes read, the result's written and synced: wall", best["disk"][1], None, " s")
    for name, (_, limit) in forms.items():
        rows.add(f"{name}: CPU", best[name][0], limit, " s")
        rows.add(f"{name}: wall", best[name][1], None, " s")
        rows.add(f"{name}: of the disk's speed", 100 * best["disk"][1] / best[name][1], 80, " %", most=False)
    rows.add("peak of private memory", peak / 1e9, 0.5, " GB")
    if args.llama_quantize:
        rows.add("llama-quantize BF16 -> Q8_0: CPU", best["llama-quantize"][0], None, " s")
        rows.add("llama-quantize BF16 -> Q8_0: wall", best["llama-quantize"][1], None, " s")
    if args.llm_compressor:
        for name, found, unit in zip(("CPU", "wall", "peak"), llm_compressor(args, args.big, work), (" s", " s", " GB")):
            rows.add(f"llm-compressor W8A8 without data: {name}", found, None, unit)


def kills(args, rows, work):
    rows.part("Kills and full disks: `--quant_type w8a8 --calib_tokens 6000`")
    text = used([sys.executable, ROOT / "tests/interop/resume_check.py", args.bfloat16, "--binary", BINARY, "--", "--quant_type", "w8a8",
                 "--calib_tokens", "6000"])[2]
    found = re.search(r"(\d+) kills in \d+ runs, (\d+) times", text)
    rows.add("kills with the same bytes afterwards", int(found[1]), 50, most=False)
    rows.add("of the repeated runs, those that went on where a killed one was", int(found[2]), 20, most=False)
    found = re.search(r"(\d+) full disks, (\d+) runs", text)
    rows.add(f"full disks with the same bytes afterwards, {found[2]} of them in time to stop the run", int(found[1]), 20, most=False)


def same_bytes(args, rows, work):
    rows.part("The same bytes: `--calib_tokens 2000`")
    recipes = {"default": ["--quant_type", "w8a8"], "gptq": ["--config_path", str(ROOT / "bench/recipes/w8a8-dynamic-gptq.yaml")],
               "static": ["--config_path", str(ROOT / "bench/recipes/w8a8-static.yaml")]}
    launch = ["mpirun", "--oversubscribe", "--bind-to", "none"] + (["--allow-run-as-root"] if os.getuid() == 0 else [])
    os.environ.setdefault("OMPI_MCA_btl_vader_single_copy_mechanism", "none")
    for name, options in recipes.items():
        options = [*options, "--calib_dataset", args.calib, "--calib_samples", "6", "--calib_tokens", "2000", "--verify", "none"]
        forms = {f"{threads} threads": ([], threads) for threads in (1, 2, 4)}
        if shutil.which("mpirun"):
            forms |= {f"{ranks} ranks of a thread": ([*launch, "-n", str(ranks)], 1) for ranks in (2, 3)}
        sums = set()
        walls = {}
        for form, (before, threads) in forms.items():
            shutil.rmtree(work / "q", ignore_errors=True)
            walls[form] = used([*before, BINARY, "quant", "--model_path", args.float32, "--save_path", str(work / "q"), "--yes",
                                "--threads", str(threads), *options])[1]
            sums.add(digest(work / "q"))
        rows.add(f"{name}: different results of {', '.join(forms)}", len(sums), 1)
        for form in list(forms)[1:]:
            rows.add(f"{name}, {form}: speed over one", walls["1 threads"] / walls[form], None, " x")


def memory(args, rows, work):
    rows.part("`--max_memory`: the model of --big, `--quant_type w8a8 --calib_tokens 1500`, held to a tenth more by a control group")
    done = subprocess.run([sys.executable, ROOT / "bench/memory_limit.py", args.big, "--", "--quant_type", "w8a8", "--calib_tokens", "1500"],
                          capture_output=True, text=True, env={**os.environ, "MSMODELSLIM": BINARY})
    print("```text\n" + done.stdout + done.stderr + "```")
    rows.missed += done.returncode != 0


PARTS = {"calibrated": calibrated, "datafree": datafree, "kills": kills, "bytes": same_bytes, "memory": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--float32", "--bfloat16", "--calib", "--big"):
        parser.add_argument(name, required=True)
    for name in ("--python_tool", "--llm_compressor", "--llama_quantize", "--gguf"):
        parser.add_argument(name)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    rows = Rows()
    with tempfile.TemporaryDirectory() as work:
        for name in args.only:
            PARTS[name](args, rows, pathlib.Path(work))
    print(f"\n{rows.missed} limits missed")
    return 1 if rows.missed else 0


if __name__ == "__main__":
    sys.exit(main())
