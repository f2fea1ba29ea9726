"""What the program's own help says: subcommands, their options, and how many values each takes."""

import functools
import re
import subprocess


def normal(option):
    return option.lstrip("-").replace("-", "_")


class Program:
    def __init__(self, path):
        self.path = path
        self.subcommands = set(re.findall(r"^  msmodelslim (\w+)", self.help(()), re.M))
        listed = re.findall(r"^  (\w+) +(example/\S+)", self.help(("traditional",)), re.M)
        self.families = {script: family for family, script in listed}

    @functools.lru_cache(maxsize=None)
    def help(self, subcommand):
        run = subprocess.run([self.path, *subcommand, "--help"], capture_output=True, text=True)
        if run.returncode != 0:
            raise ValueError(f"msmodelslim {' '.join(subcommand)} --help ends with {run.returncode}")
        return run.stdout

    @functools.lru_cache(maxsize=None)
    def options(self, subcommand):
        """Name of each option -> its value as the help writes it, "" for a flag."""
        found = re.findall(r"^ +(?:-\w,)?--(\w+)((?: \S+)*)", self.help(subcommand), re.M)
        return {name: value.strip() for name, value in found}

    def subcommand(self, words):
        """The words that name the subcommand, as --help wants them, and the other words."""
        rest = list(words[1:])
        if not rest or rest[0].startswith("-"):
            return (), rest
        name = rest.pop(0)
        if name not in self.subcommands:
            raise ValueError(f"there is no subcommand {name}")
        if name == "analyze":
            scope = rest.pop(0) if rest and rest[0] in ("linear", "layer", "attn") else "linear"
            return (name, scope), rest
        if name in ("eval", "traditional") and rest and not rest[0].startswith("-"):
            second = rest.pop(0)
            return (name, self.families.get(second, second)), rest
        return (name,), rest


class Arguments:
    """The options and plain words of a command line; ValueError for an option that does not exist.

    An incomplete command, such as `eval ppl --text` in prose, may leave out a value.
    """

    def __init__(self, program, words, complete=True):
        self.subcommand, rest = program.subcommand(words)
        self.plain = []
        self.values = {}
        known = program.options(self.subcommand) | {"help": "", "version": ""}
        while rest:
            word = rest.pop(0)
            if not word.startswith("--"):
                self.plain.append(word)
                continue
            option, _, value = word.partition("=")
            name = self.full_name(normal(option), known)
            values = self.values.setdefault(name, [])
            if value:
                values.append(value)
            elif "..." in known[name]:
                while rest and not rest[0].startswith("--"):
                    values.append(rest.pop(0))
            elif known[name].startswith("True|False"):
                if rest and rest[0] in ("True", "False"):
                    values.append(rest.pop(0))
            elif known[name]:
                if rest:
                    values.append(rest.pop(0))
                elif complete:
                    raise ValueError(f"--{name} has no value")

    def full_name(self, name, known):
        if name in known:
            return name
        longer = [option for option in known if option.startswith(name)]
        if len(longer) != 1:
            raise ValueError(f"msmodelslim {' '.join(self.subcommand)} has no option --{name}")
        return longer[0]

    def first(self, name):
        values = self.values.get(name)
        return values[0] if values else None
