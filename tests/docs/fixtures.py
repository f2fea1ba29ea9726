"""A folder in which the commands of one document find what they name: tiny models, texts, questions."""

import json
import os
import pathlib
import shutil
import subprocess

REPOSITORY_FOLDERS = ("bench", "calib", "docs", "examples", "recipes")

RECIPE = """apiversion: modelslim_v1
metadata: {config_id: fixture}
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {scope: per_token, dtype: int8, symmetric: true, method: minmax}
        weight: {scope: per_channel, dtype: int8, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
"""

PLAN = """strategy:
  type: standing_high
  anti_outlier_strategies: [[], [{type: iter_smooth, alpha: 0.9}]]
evaluation:
  type: service_oriented
  demand:
    expectations: [{dataset: kl, target: 1, tolerance: 0}]
"""

QUESTIONS = {
    "hellaswag": {"activity_label": "Rowing", "ctx_a": "A man sits in a boat.", "ctx_b": "he",
                  "endings": ["rows.", "sings.", "sleeps.", "flies."], "label": 0},
    "boolq": {"passage": "Water boils at 100 degrees.", "question": "does water boil", "answer": True},
    "gsm8k": {"question": "What is 1 + 1?", "answer": "1 + 1 = 2\n#### 2"},
    "mmlu": {"question": "What is 1 + 1?", "choices": ["1", "2", "3", "4"], "answer": 1,
             "subject": "algebra"},
    "ceval": {"question": "1 + 1 = ?", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "B",
              "subject": "algebra"},
}


def model_type(folder):
    try:
        return json.loads((folder / "config.json").read_text())["model_type"]
    except OSError:
        return None


class Models:
    """Float and quantized tiny models; families without one are named None."""

    def __init__(self, program, root, scratch):
        self.folders = {path.name: path for path in (root / "tests/golden/data/models").iterdir()}
        listed = json.loads(subprocess.check_output([program, "models", "--json"]))
        self.family_of_name = {model["name"]: model["family"] for model in listed["models"]}
        self.quantized = {}
        for family, folder in self.folders.items():
            self.quantized[family] = scratch / f"quantized-{family}"
            subprocess.run([program, "quant", folder, "--save_path", self.quantized[family],
                            "--config_path", "default-w8a8", "--yes", "--quiet", "--verify", "none",
                            "--calib_tokens", "64"], check=True)

    def family(self, name):
        """The family of a model's name: of the library, else by the look of it."""
        known = self.family_of_name.get(name)
        if known:
            return known if known in self.folders else None
        for family in ("qwen3", "llama"):
            if name.lower().startswith(family):
                return family
        return "qwen2"


def inside(word):
    """Absolute and home paths of a document lie in the workspace."""
    return word.lstrip("~/") if word.startswith(("/", "~")) else word


class Workspace:
    def __init__(self, folder, root, models):
        self.folder = folder
        self.models = models
        folder.mkdir()
        for name in REPOSITORY_FOLDERS:
            os.symlink(root / name, folder / name)
        self.shipped = {path.name for path in (root / "calib").iterdir()}

    def path(self, word):
        return self.folder / inside(word)

    def remove(self, word):
        path = self.path(word)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)

    def put_model(self, word, family, quantized):
        path = self.path(word)
        if (path / "config.json").exists():
            return
        source = self.models.quantized[family] if quantized else self.models.folders[family]
        self.remove(word)
        shutil.copytree(source, path, ignore=shutil.ignore_patterns("forward.safetensors"))

    def match_models(self, quantized, reference):
        """Both of one family, so that they can be compared."""
        if model_type(self.path(quantized)) != model_type(self.path(reference)):
            for word, is_quantized in ((quantized, True), (reference, False)):
                self.remove(word)
                self.put_model(word, "qwen2", is_quantized)

    def put_file(self, word, content):
        path = self.path(word)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def put_text(self, word):
        self.put_file(word, "The quick brown fox jumps over the lazy dog. " * 200)

    def put_calibration_set(self, word):
        """A small one, also under the name of a shipped one, which the program would find later."""
        shipped = pathlib.PurePosixPath(word)
        if str(shipped.parent) in ("lab_calib", "example/common") and shipped.name not in self.shipped:
            raise ValueError(f"{word} is not in calib/")
        texts = [f"Sample {i}: water is wet, and the sky is blue." for i in range(4)]
        if word.endswith(".json"):
            self.put_file(word, json.dumps(texts))
        else:
            self.put_file(word, "".join(json.dumps({"text": text}) + "\n" for text in texts))

    def put_questions(self, word, task, count):
        self.put_file(word, count * (json.dumps(QUESTIONS[task]) + "\n"))
