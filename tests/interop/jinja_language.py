#!/usr/bin/env python3
"""Checks tests/unit/text/data/jinja_language.json with Jinja2, as transformers sets it up.

    jinja_language.py FILE [--write]

FILE is a list of {"template", "variables", and "text" or "fails": true}. --write puts what Jinja2
gives into the entries. Texts that hold a generator's address cannot be recorded.
"""
import argparse
import json
import sys

from transformers.utils import chat_template_utils


def evaluate(template, variables):
    try:
        return {"text": chat_template_utils._compile_jinja_template(template).render(**variables)}
    except Exception:  # any failure of Python is a failure
        return {"fails": True}


def line_of(case):
    return json.dumps(case, ensure_ascii=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        cases = json.load(file)
    different = 0
    for case in cases:
        found = evaluate(case["template"], case["variables"])
        recorded = {key: case[key] for key in ("text", "fails") if key in case}
        if args.write:
            case.pop("text", None)
            case.pop("fails", None)
            case.update(found)
        elif found != recorded:
            different += 1
            print(f"{case['template']!r}\n  recorded {recorded}\n  Jinja2   {found}")
    if args.write:
        with open(args.file, "w", encoding="utf-8") as file:
            file.write("[\n" + ",\n".join(map(line_of, cases)) + "\n]\n")
    print(f"{len(cases)} cases, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
