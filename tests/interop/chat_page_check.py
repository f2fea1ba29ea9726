#!/usr/bin/env python3
"""Does the chat page work in a browser?  (development only)

  chat_page_check.py FOLDER [--float_path FOLDER] [--binary build/src/msmodelslim] [--screenshot FILE.png]

Types a question, sends it, watches the answer come in pieces, and stops another one. Needs Chromium
(Debian package chromium, or CHROMIUM=program). Exit 0: all good, 1: a problem, 77: there is no Chromium.
"""
import argparse
import sys

import chromium
from serving import serve

ANSWERS = "[...document.querySelectorAll('.turn:last-child .answer')]"
WRITING = "document.querySelectorAll('.writing').length"


def ask(page, question):
    page.wait_for("document.getElementById('models').textContent.startsWith('m')", "the list of models")
    page.type(question)
    page.press_enter()


def check_streams(page, columns):
    page.value("document.getElementById('max_tokens').value = 200")
    # The page itself notes how the answer grows: a busy machine may ask it too seldom.
    page.value(f"""window.lengths = new Set();
        new MutationObserver(() => {{
          const text = {ANSWERS}[0]?.querySelector('.text');
          if (text) window.lengths.add(text.textContent.length);
        }}).observe(document.body, {{childList: true, characterData: true, subtree: true}})""")
    ask(page, "Write a short poem about the sea, then a Python function that adds two numbers.")
    page.wait_for(f"{ANSWERS}.length == {columns}", "the place of the answer")
    page.wait_for(f"{WRITING} == 0", "the end of the answer", 60)
    for i in range(columns):
        text = page.value(f"{ANSWERS}[{i}].querySelector('.text').textContent")
        assert len(text) > 40, f"answer {i}: {text!r}"
        assert "tokens" in page.value(f"{ANSWERS}[{i}].querySelector('.facts').textContent")
    pieces = page.value("window.lengths.size")
    assert pieces > 3, f"the answer came in {pieces} pieces"
    assert page.value("document.querySelectorAll('.same').length") == (columns > 1)


def check_stop(page):
    page.value("document.getElementById('max_tokens').value = 2000")
    ask(page, "Count from 1 to 500.")
    page.wait_for(f"{ANSWERS}[0].querySelector('.text').textContent.length > 5", "the answer")
    page.value("document.getElementById('stop').click()")
    page.wait_for(f"{WRITING} == 0", "the end of a stopped answer", 5)
    assert page.value("document.querySelectorAll('.error').length") == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--float_path")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    parser.add_argument("--screenshot")
    args = parser.parse_args()
    if not chromium.find():
        print("skipped: no Chromium (Debian package chromium)")
        return 77
    options = ["--served-model-name", "m", "--max-model-len", "4096"]
    if args.float_path:
        options += ["--float_path", args.float_path]
    with serve(args.binary, args.folder, *options) as (_, port):
        with chromium.page(f"http://127.0.0.1:{port}/") as page:
            check_streams(page, 2 if args.float_path else 1)
            if args.screenshot:
                page.screenshot(args.screenshot)
            check_stop(page)
    print("the chat page works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
