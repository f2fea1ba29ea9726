"""What a Markdown document shows: command lines, recipes, links."""

import dataclasses
import pathlib
import re
import shlex

OPERATORS = set("|&;<>")


@dataclasses.dataclass
class Command:
    place: str  # file:line
    words: list  # without variables, comments and what stands behind an operator
    block: bool = True  # of a ```bash block; else of `inline code`
    recipe: str = ""  # the last yaml block with an apiversion before it

    @property
    def text(self):
        return shlex.join(self.words)


def split_words(text):
    """The words of a command line; ValueError while a quotation or a line is not complete."""
    if text.endswith("\\"):
        raise ValueError("the line goes on")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="".join(OPERATORS))
    lexer.whitespace_split = True
    lexer.commenters = "#"
    return list(lexer)


def statements(words):
    """Words between operators; a file behind < or > is left out."""
    current, skip = [], False
    for word in words:
        if set(word) <= OPERATORS:
            if word[0] not in "<>":
                if current:
                    yield current
                current = []
            skip = word[0] in "<>"
        elif skip:
            skip = False
        else:
            current.append(word)
    if current:
        yield current


class Document:
    def __init__(self, path, root):
        self.path = path
        self.name = str(path.relative_to(root))
        self.commands = []
        self.problems = []
        self.links = []
        self.headings = set()
        self.variables = {}
        self.read(path.read_text(encoding="utf-8").split("\n"))

    def read(self, lines):
        block, recipe = None, ""
        for number, line in enumerate(lines, 1):
            fence = re.match(r"\s*```(\w*)", line)
            if fence and block is None:
                block = (fence[1], number + 1, [])
            elif fence:
                language, first, content = block
                text = "\n".join(content)
                if language == "bash":
                    self.read_bash(content, first, recipe)
                elif language == "yaml" and "apiversion:" in text:
                    recipe = text
                    self.add_recipe(recipe, first)
                block = None
            elif block:
                block[2].append(line)
            else:
                self.read_prose(line, number)

    def add_recipe(self, recipe, first):
        """A recipe is a command of its own: it has to be accepted."""
        if "apiversion: modelslim_v1" in recipe:
            words = ["msmodelslim", "quant", "--model_path", "M", "--save_path", "Q", "--dry_run",
                     "--config_path", f"line{first}.yaml"]
            self.commands.append(Command(f"{self.name}:{first}", words, recipe=recipe))

    def read_prose(self, line, number):
        if heading := re.match(r"#+ +(.*)", line):
            plain = re.sub(r"[^\w\- ]", "", heading[1].lower())
            self.headings.add(plain.replace(" ", "-"))
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            self.links.append((f"{self.name}:{number}", target))
        for code in re.findall(r"`(msmodelslim [^`]*)`", line):
            words = code.replace("\\|", "|").split()
            self.commands.append(Command(f"{self.name}:{number}", words, block=False))

    def read_bash(self, lines, first, recipe):
        text, began = "", first
        for number, line in enumerate(lines, first):
            began = began if text else number
            text = text[:-1] + line if text.endswith("\\") else "\n".join(filter(None, [text, line]))
            try:
                words = split_words(text)
            except ValueError:
                continue
            for statement in statements(words):
                self.read_statement(statement, f"{self.name}:{began}", recipe)
            text = ""
        if text:
            self.problems.append((f"{self.name}:{began}", "the command does not end"))

    def read_statement(self, words, place, recipe):
        words = [self.expand(word) for word in words]
        while words and (assigned := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.S)):
            self.variables[assigned[1]] = assigned[2]
            words = words[1:]
        if words[:1] == ["mpirun"] and "msmodelslim" in words:
            words = words[words.index("msmodelslim"):]  # one process does the same
        if words:
            self.commands.append(Command(place, words, recipe=recipe))

    def expand(self, word):
        """Replaces ${X} by its value in this document, or by X."""
        return re.sub(r"\$\{?([A-Za-z_]\w*)\}?", lambda m: self.variables.get(m[1], m[1]), word)


def documents(root):
    paths = sorted(root.glob("*.md")) + sorted(root.glob("docs/**/*.md")) + [root / "bench/README.md"]
    return [Document(path, root) for path in paths if path.is_file()]


def link_problems(all_documents, root):
    headings = {document.path.resolve(): document.headings for document in all_documents}
    for document in all_documents:
        for place, target in document.links:
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (document.path.parent / name).resolve() if name else document.path.resolve()
            if not path.exists():
                yield place, f"{target} does not exist"
            elif anchor and anchor not in headings.get(path, {anchor}):
                yield place, f"{target}: no such heading"


def missing_files(words, root):
    """Words that name a file of the repository that is not there."""
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    folders -= {"build", "models"}
    for word in words:
        first = pathlib.PurePosixPath(word).parts[:1]
        script = word.startswith("./") or re.fullmatch(r"[\w-]+\.sh", word)
        if (script or (first and first[0] in folders and "/" in word)) and not (root / word).exists():
            yield word
