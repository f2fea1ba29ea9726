#!/usr/bin/env python3
"""Compares our chat templates with transformers and Jinja2, text for text.

    chat_templates_compare.py --tool PATH/render_chat TEMPLATE... [--only NAME] [--show N]
    chat_templates_compare.py --record FILE [--shared FOLDER]

TEMPLATE is a .jinja file, a tokenizer_config.json, or a folder of them. Each is rendered for
every conversation below, with and without a generation prompt. Where Jinja2 fails we must fail,
and the other way round; the message of raise_exception() must be the same.

--record fills in what Jinja2 gives for the entries of a file in tests/unit/text/data/: each holds a
"template", or the path of a tokenizer_config.json in the shared reference data as "shared".

To build the tool:
    g++ -std=c++20 -O1 -Isrc tests/tools/render_chat.cc -o render_chat build/src/libmsms_text.a \
        build/src/libmsms_base.a $(pkg-config --libs icu-uc libpcre2-8 libcrypto libxxhash fmt spdlog)
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import jinja2
from transformers.utils import chat_template_utils

NOW = 1753000000
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def call(name, arguments, identifier="call12345"):
    return {"id": identifier, "type": "function",
            "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "You are a careful assistant. "}
TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather of a place, \u00e9t\u00e9 <b>\"now\"</b>",
        "parameters": {"type": "object", "required": ["place"], "properties": {
            "place": {"type": "string", "description": "City\nand country"},
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            "days": {"type": ["integer", "null"], "minimum": 1},
            "exact": {"type": "boolean"}, "scale": {"type": "number", "default": 1e-05},
            "tags": {"type": "array", "items": {"type": "string"}},
            "area": {"type": "object", "properties": {"lat": {"type": "number"}}}}}}},
    {"type": "function", "function": {
        "name": "clock", "description": "The time", "parameters": {
            "type": "object", "properties": {}}}}]
CALLED = [user("Weather in Paris?"),
          assistant("", tool_calls=[call("get_weather", {"place": "Paris", "days": 2})]),
          {"role": "tool", "name": "get_weather", "tool_call_id": "call12345",
           "content": "{\"sky\": \"clear\", \"t\": 21.5}"}]
TWO_CALLS = [user("Weather and time?"),
             assistant("Let me see.", tool_calls=[
                 call("get_weather", {"place": "K\u00f6ln", "exact": True, "scale": 0.5, "tags": ["a"],
                                      "area": {"lat": None}}),
                 call("clock", {}, "call67890")]),
             {"role": "tool", "name": "get_weather", "tool_call_id": "call12345", "content": "rain"},
             {"role": "tool", "name": "clock", "tool_call_id": "call67890", "content": "12:00"},
             assistant("Rain at noon."), user("Thanks")]
PARTS = [user([{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}])]
TURNS = [user("Hi"), assistant(" Hello! "), user(" Name a colour.\n"), assistant("Red"),
         user("Another \u2603 'quoted' \"too\"")]
THOUGHT = [user("1+1?"), assistant("2", reasoning_content="Simple sum."), user("2+2?")]
INLINE = [user("1+1?"), assistant("<think>\nSimple\n</think>\n\n2"), user("2+2?"),
          assistant("<think>\nAlso simple\n</think>\n\n4")]

CONVERSATIONS = {
    "one": {"messages": [user("Hi")]},
    "system": {"messages": [SYSTEM, user("Hi")]},
    "empty_system": {"messages": [{"role": "system", "content": ""}, user("Hi")]},
    "turns": {"messages": TURNS},
    "system_turns": {"messages": [SYSTEM] + TURNS},
    "ends_with_assistant": {"messages": TURNS + [assistant("Blue\n")]},
    "assistant_first": {"messages": [assistant("Welcome"), user("Hi")]},
    "two_users": {"messages": [user("Hi"), user("there")]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief"}, user("Hi")]},
    "unknown_role": {"messages": [{"role": "narrator", "content": "Once"}, user("Hi")]},
    "null_content": {"messages": [user("Hi"), assistant(None), user("?")]},
    "blank_content": {"messages": [user("  \n"), assistant("\t"), user("")]},
    "parts": {"messages": PARTS},
    "system_parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": "S"}]}]
                     + PARTS},
    "image": {"messages": [user([{"type": "image"}, {"type": "text", "text": "What is it?"}])]},
    "tools": {"messages": [user("Weather?")], "tools": TOOLS},
    "no_tools": {"messages": [user("Weather?")], "tools": []},
    "system_tools": {"messages": [SYSTEM, user("Weather?")], "tools": TOOLS},
    "tool_answer": {"messages": CALLED, "tools": TOOLS},
    "tool_answer_system": {"messages": [SYSTEM] + CALLED + [assistant("Clear."), user("Ok")],
                           "tools": TOOLS},
    "two_calls": {"messages": TWO_CALLS, "tools": TOOLS},
    "calls_without_tools": {"messages": TWO_CALLS},
    "call_text_arguments": {"messages": [user("W?"), assistant(
        "", tool_calls=[call("get_weather", "{\"place\": \"Rome\"}")])], "tools": TOOLS},
    "call_null_content": {"messages": [user("W?"), assistant(
        None, tool_calls=[call("clock", {})])], "tools": TOOLS},
    "reasoning": {"messages": THOUGHT},
    "reasoning_tools": {"messages": [user("W?"), assistant(
        "", reasoning_content="I need a tool.", tool_calls=[call("clock", {})]),
        {"role": "tool", "content": "12:00", "tool_call_id": "call12345", "name": "clock"}],
        "tools": TOOLS},
    "inline_reasoning": {"messages": INLINE},
    "no_thinking": {"messages": THOUGHT, "extra": {"enable_thinking": False, "thinking": False}},
    "thinking": {"messages": THOUGHT, "extra": {"enable_thinking": True, "thinking": True}},
    "date": {"messages": [SYSTEM, user("Hi")], "extra": {"date_string": "26 Jul 2024"}},
    "documents": {"messages": [user("Hi")], "extra": {
        "documents": [{"title": "T", "text": "Some text", "doc_id": 1}]}},
}


# Those of --record, and whether with a generation prompt.
RECORDED = {"one": True, "system_turns": True, "ends_with_assistant": False, "two_users": False,
            "parts": True, "tool_answer_system": True, "two_calls": False, "reasoning": True,
            "inline_reasoning": False, "no_thinking": True}


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


chat_template_utils.datetime = FixedTime


def expected(case):
    try:
        chats = [chat_template_utils._normalize_chat_messages(case["messages"])]
        text, _ = chat_template_utils.render_jinja_template(
            chats, tools=case["tools"], chat_template=case["template"],
            add_generation_prompt=case["add_generation_prompt"],
            **{**TOKENS, **case["extra"]})
        return {"text": text[0]}
    except Exception as error:  # any failure of Python is a failure
        raised = type(error) is jinja2.exceptions.TemplateError
        return {"error": str(error), "raised": raised}


def read_templates(path):
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            if inner.suffix == ".jinja" or inner.name == "tokenizer_config.json":
                yield from read_templates(inner)
    elif path.suffix == ".jinja":
        yield str(path), path.read_text(encoding="utf-8")
    else:
        template = json.loads(path.read_text(encoding="utf-8")).get("chat_template")
        if isinstance(template, str):
            yield str(path), template
        for entry in template if isinstance(template, list) else []:
            yield f"{path}:{entry['name']}", entry["template"]


def make_cases(name, template):
    for title, inputs in CONVERSATIONS.items():
        for prompt in (False, True):
            yield {"name": f"{name} {title} {'prompt' if prompt else 'plain'}",
                   "template": template, "special_tokens": TOKENS, "now": NOW, "tools": None,
                   "extra": {}, **inputs, "add_generation_prompt": prompt}


def record(path, shared):
    """Files of tests/unit/text/data: a few conversations, so that they stay small."""
    with open(path, encoding="utf-8") as file:
        entries = json.load(file)
    for entry in entries:
        template = entry.get("template")
        if template is None:
            ((_, template),) = read_templates(shared / entry["shared"])
        entry.update(now=NOW, special_tokens=TOKENS, cases=[])
        for case in make_cases("", template):
            title, prompt = case["name"].split()
            if title not in RECORDED or (prompt == "prompt") != RECORDED[title]:
                continue
            wanted = expected(case)
            kept = {key: case[key] for key in ("messages", "tools", "add_generation_prompt", "extra")}
            kept.update({"text": wanted["text"]} if "text" in wanted else {"fails": True})
            entry["cases"].append({"name": title, **kept})
    with open(path, "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)
        file.write("\n")


def run_tool(tool, cases):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case) + "\n")
        file.flush()
        run = subprocess.run([tool, file.name], capture_output=True, check=True)
    return [json.loads(line) for line in run.stdout.decode("utf-8").split("\n")[:-1]]


def same(ours, wanted):
    if "text" in wanted:
        return ours.get("text") == wanted["text"]
    return "error" in ours and (not wanted["raised"] or ours["error"] == wanted["error"])


def show(case, ours, wanted):
    print(f"DIFFERENT {case['name']}")
    if "text" in ours and "text" in wanted:
        a, b = ours["text"], wanted["text"]
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        around = slice(max(at - 40, 0), at + 60)
        print(f"  at {at}\n  ours   {a[around]!r}\n  wanted {b[around]!r}")
    else:
        print(f"  ours   {str(ours)[:300]}\n  wanted {str(wanted)[:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool")
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--only", default="", help="conversations whose name holds this")
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("templates", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    if args.record:
        record(args.record, args.shared)
        return 0
    templates = {name: text for path in args.templates for name, text in read_templates(path)}
    cases = [case for name, text in templates.items() for case in make_cases(name, text)
             if args.only in case["name"]]
    texts = errors = different = 0
    for case, ours in zip(cases, run_tool(args.tool, cases), strict=True):
        wanted = expected(case)
        texts += "text" in wanted
        errors += "error" in wanted
        if not same(ours, wanted):
            different += 1
            if different <= args.show:
                show(case, ours, wanted)
    print(f"{len(templates)} templates, {len(cases)} cases ({texts} texts, {errors} refused): "
          f"{different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
