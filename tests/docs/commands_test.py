#!/usr/bin/env python3
"""Runs the commands that the documents show.

  commands_test.py PROGRAM [--self-test]

Takes every `msmodelslim ...` of the ```bash blocks of README*.md, docs/ and bench/README.md. Names of models
and files stand for tiny ones in a scratch folder. What can run there is run; of the rest, and of commands in
`inline code`, the options are compared with --help. Recipes in ```yaml blocks have to be accepted, files of the
repository that are named, and links, have to exist. Prints a table; exit code 1 when a document is wrong.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import documents  # noqa: E402
import fixtures  # noqa: E402
from options import Arguments, Program  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120  # that a command may take
TOO_SMALL = [("columns do not divide the inputs", "the tiny models are narrower than a group")]


@dataclasses.dataclass
class Result:
    place: str
    command: str
    state: str  # "run", "checked" or "WRONG"
    note: str = ""


class NotRun(Exception):
    """Why a command is checked only."""


class Checker:
    def __init__(self, program, scratch):
        self.program = Program(program)
        self.models = fixtures.Models(program, REPOSITORY, scratch)

    def check(self, command, workspace):
        try:
            arguments = Arguments(self.program, command.words, complete=command.block)
            if not command.block:
                raise NotRun("inline code")
            extra = self.prepare(command, arguments, workspace)
            seconds = self.run(command, arguments, extra, workspace)
        except NotRun as reason:
            return Result(command.place, command.text, "checked", str(reason))
        except ValueError as problem:
            return Result(command.place, command.text, "WRONG", str(problem))
        return Result(command.place, command.text, "run", f"{seconds:.1f} s")

    def run(self, command, arguments, extra, workspace):
        words = [fixtures.inside(word) for word in command.words[1:]] + extra
        began = time.monotonic()
        try:
            done = subprocess.run([self.program.path, *words], cwd=workspace.folder, input=b"y\n",
                                  capture_output=True, timeout=SECONDS,
                                  env=os.environ | {"OMP_NUM_THREADS": "1"})
        except subprocess.TimeoutExpired:
            raise ValueError(f"takes more than {SECONDS} s with a tiny model") from None
        fine = {0, 1} if "max_kl" in arguments.values or arguments.subcommand == ("diff",) else {0}
        errors = done.stderr.decode(errors="replace")
        for words, reason in TOO_SMALL:
            if done.returncode == 2 and words in errors:
                raise NotRun(reason)
        if done.returncode not in fine or "Error] " in errors:
            raise ValueError(f"ends with {done.returncode}:\n{errors[-1500:]}")
        return time.monotonic() - began

    def prepare(self, command, arguments, workspace):
        """Puts what the command reads into the workspace. Returns words that make it short."""
        name = arguments.subcommand[0] if arguments.subcommand else ""
        if "help" in arguments.values:
            return []
        if name == "serve":
            raise NotRun("runs until it is stopped")
        self.put_files(command, arguments, workspace)
        if name in ("quant", "traditional", "analyze", "tune"):
            return self.prepare_work(name, arguments, workspace)
        if name == "convert":
            return self.prepare_convert(arguments, workspace)
        given = arguments.values.get("model_path", []) or arguments.plain
        for word in given[:1] if name == "inspect" else given:
            workspace.put_model(word, "qwen2", quantized=True)
        if given and (float_path := arguments.first("float_path")):
            workspace.put_model(float_path, "qwen2", quantized=False)
            workspace.match_models(given[0], float_path)
        return without_given({"max_tokens": "8"} if name == "generate" else {}, arguments)

    def prepare_work(self, name, arguments, workspace):
        model = model_of(arguments)
        wanted = arguments.first("model_type") if name in ("quant", "tune") else None
        family = self.models.family(wanted or pathlib.PurePosixPath(model).name)
        if family is None:
            raise NotRun(f"no tiny model like {wanted or model}")
        for option in ("save_path", "save_directory"):
            if saved := arguments.first(option):
                workspace.remove(saved)
        workspace.put_model(model, family, quantized=False)
        converts = (arguments.first("config_path") or "").startswith("convert-")
        short = {} if name == "traditional" or converts else {"calib_tokens": "128"}
        if name == "tune":
            short |= {"max_trials": "1", "eval_tokens": "128"}
            if "target_bits" in arguments.values or "max_kl" in arguments.values:
                short["part_tokens"] = "64"
        return without_given(short, arguments)

    def prepare_convert(self, arguments, workspace):
        source = model_of(arguments)
        if source.endswith(".gguf"):
            raise NotRun("no GGUF file of a model in the repository")
        if saved := arguments.first("save_path"):
            workspace.remove(saved)
        workspace.put_model(source, "qwen2", quantized=source.endswith(("w8a8", "w4a8")))
        return []

    def put_files(self, command, arguments, workspace):
        for option in ("text", "eval_text", "prompts_file"):
            for word in arguments.values.get(option, []):
                workspace.put_text(word)
        for option in ("calib_dataset", "calib_file", "anti_dataset", "anti_calib_file", "anti_file"):
            for word in arguments.values.get(option, []):
                workspace.put_calibration_set(word)
        for option, count in (("data", 1), ("fewshot_file", 6)):
            for word in arguments.values.get(option, []):
                workspace.put_questions(word, arguments.subcommand[1], count)
        for word in arguments.values.get("scratch_dir", []):
            workspace.path(word).mkdir(parents=True, exist_ok=True)
        for option in ("config_path", "start"):
            for word in arguments.values.get(option, []):
                if word.endswith((".yaml", ".yml")) and not workspace.path(word).exists():
                    workspace.put_file(word, command.recipe or fixtures.RECIPE)
        for word in arguments.values.get("config", []):
            workspace.put_file(word, fixtures.PLAN)


def model_of(arguments):
    model = arguments.first("model_path") or next(iter(arguments.plain), None)
    if model is None:
        raise ValueError("no model is named")
    return model


def without_given(options, arguments):
    """The options that the command does not give itself, as words."""
    return [word for option, value in options.items() if option not in arguments.values
            for word in (f"--{option}", value)]


def is_form(words):
    """Whether `inline code` stands for several commands, as in `msmodelslim eval NAME`."""
    subject = words[2:3] if words[1] in ("eval", "traditional", "analyze") else []
    return (any("|" in word or "..." in word for word in words)
            or any(word.isupper() for word in words[1:2] + subject))


def check_documents(group, checker, root, folder):
    """The results of documents that share a workspace, such as both languages of a page."""
    workspace = fixtures.Workspace(folder, REPOSITORY, checker.models)
    seen = {}
    for document in group:
        for place, problem in document.problems:
            yield Result(place, "", "WRONG", problem)
        for command in document.commands:
            if command.words[0] != "msmodelslim":
                for word in documents.missing_files(command.words, root):
                    yield Result(command.place, command.text, "WRONG", f"{word} does not exist")
                continue
            if not command.block and is_form(command.words):
                continue
            key = (command.text, command.block, command.recipe)
            if key in seen and command.block:
                yield dataclasses.replace(seen[key], place=command.place, note=f"as {seen[key].place}")
                continue
            result = checker.check(command, workspace)
            if result.state != "WRONG":
                seen[key] = result
            if command.block or "--" in command.text or result.state == "WRONG":
                yield result


def groups(all_documents):
    pages = {}
    for document in all_documents:
        pages.setdefault(document.name.replace(".zh.md", ".md"), []).append(document)
    return list(pages.values())


def check_all(root, checker, scratch):
    all_documents = documents.documents(root)
    results = [Result(place, "", "WRONG", note)
               for place, note in documents.link_problems(all_documents, root)]

    def check(numbered):
        number, group = numbered
        return list(check_documents(group, checker, root, scratch / f"workspace{number}"))

    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for found in pool.map(check, enumerate(groups(all_documents))):
            results += found
    return results


def print_table(results):
    for result in results:
        command = " ".join(result.command.split())
        short = command if len(command) <= 90 else command[:87] + "..."
        print(f"{result.state:<8} {result.place:<30} {short:<90} {result.note}")
    counts = [f"{sum(r.state == state for r in results)} {state}" for state in ("run", "checked", "WRONG")]
    print(", ".join(counts))


BLOCK = "```bash\n%s\n```\n"
WRONG_PAGES = {
    "an option that a command run here lacks": BLOCK % "msmodelslim inspect Q --no_such_option",
    "an option that a command not run here lacks": BLOCK % "msmodelslim serve Q --no-such-option 1",
    "an option in inline code": "Take `msmodelslim quant --no_such_option 3`.\n",
    "a subcommand": BLOCK % "msmodelslim quantise M",
    "a command without a model": BLOCK % "msmodelslim quant --save_path Q --yes",
    "a command without a folder to write": BLOCK % "msmodelslim convert M",
    "a calibration set": BLOCK % "msmodelslim traditional qwen --model_path M --save_directory Q "
                                 "--calib_file example/common/no_such_set.jsonl",
    "a value": BLOCK % "msmodelslim quant --model_path M --save_path Q --quant_type w5a5",
    "a recipe": "```yaml\napiversion: modelslim_v1\nspec:\n  proces: []\n```\n"
                + BLOCK % "msmodelslim quant --model_path M --save_path Q --config_path r.yaml",
    "a recipe that no command takes": "```yaml\napiversion: modelslim_v1\nspec:\n  proces: []\n```\n",
    "a script": BLOCK % "scripts/no_such_script.sh",
    "a link": "[here](no_such_page.md)\n",
    "a heading": "# One\n\n[here](#two)\n",
    "an open quotation": BLOCK % "msmodelslim generate Q --prompt 'Hello",
}
GOOD_PAGE = "# One\n\n[here](#one), `msmodelslim eval ppl`\n\n" + BLOCK % """\
MODEL=my-model   # a comment
msmodelslim quant --model_path ${MODEL} \\
  --save_path Q --quant_type w8a8 --yes   # another
msmodelslim inspect Q | head -n 3 >list.txt
msmodelslim serve Q --port 8000"""


def self_test(checker, scratch):
    """Each wrong page is found wrong, the good one is not."""
    failures = 0
    pages = [("a good page", GOOD_PAGE)] + list(WRONG_PAGES.items())
    for number, (name, text) in enumerate(pages):
        root = scratch / f"page{number}"
        (root / "scripts").mkdir(parents=True)
        (root / "README.md").write_text(text, encoding="utf-8")
        (scratch / f"work{number}").mkdir()
        results = check_all(root, checker, scratch / f"work{number}")
        states = sorted(result.state for result in results)
        fine = states == ["checked", "run", "run"] if number == 0 else "WRONG" in states
        failures += not fine
        print(f"{'ok' if fine else 'FAILED':<8} {name}: {', '.join(states)}")
    return failures


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        checker = Checker(program, scratch)
        if "--self-test" in sys.argv[2:]:
            return 1 if self_test(checker, scratch) else 0
        results = check_all(REPOSITORY, checker, scratch)
        print_table(results)
        return 1 if any(result.state == "WRONG" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
