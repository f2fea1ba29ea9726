#!/usr/bin/env python3
"""Can the page of a run be read, on a phone and on a screen, light and dark?  (development only)

  report_page_check.py FOLDER [--screenshots FOLDER]

FOLDER: what `msmodelslim quant` has made. Opens its quant_report.html, checks that all sections are
drawn, that nothing is asked for, that nothing is wider than the window and that text in charts has its
own size. Needs Chromium (Debian package chromium, or CHROMIUM=program). Exit 0: all good, 1: a problem,
77: there is no Chromium.
"""
import argparse
import json
import pathlib
import sys

import chromium

WIDTHS = (390, 1200)
COLOURS = ("light", "dark")
# The smallest text of all charts, in pixels of the window.
SMALLEST = """Math.min(...[...document.querySelectorAll('svg text')].map(text =>
  parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


def expected_headings(report):
    headings = ["Weight error by layer", "Weight scales", "Linears", "Recipe", "Files", "Run"]
    if report["proof"] and report["proof"].get("worst"):
        headings += ["Error behind each block", "Worst tokens"]
    if report["inputs"]:
        headings.append("Activations before and after smoothing")
    if report["experts"]:
        headings.append("Calibration tokens of each expert")
    return headings


def check(page, report, width, colours):
    page.wait_for("document.readyState === 'complete' && document.querySelector('h1') !== null", "the page")
    found = page.value("[...document.querySelectorAll('h2')].map(h => h.textContent)")
    missing = [heading for heading in expected_headings(report) if heading not in found]
    assert not missing, f"{missing} not among {found}"
    assert page.value("performance.getEntriesByType('resource').length") == 0, "the page asks for something"
    wide = page.value("document.documentElement.scrollWidth")
    assert wide <= width, f"{wide} pixels are shown in a window of {width}"
    smallest = page.value(SMALLEST)
    assert smallest >= 9, f"text of {smallest} pixels in a window of {width}"
    dark = sum(map(int, page.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)"))) < 384
    assert dark == (colours == "dark"), f"the page is {'dark' if dark else 'light'}, asked for {colours}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    args = parser.parse_args()
    if not chromium.find():
        print("skipped: no Chromium (Debian package chromium)")
        return 77
    report = json.loads((args.folder / "quant_report.json").read_text())
    url = (args.folder / "quant_report.html").resolve().as_uri()
    for width in WIDTHS:
        for colours in COLOURS:
            with chromium.page("about:blank", width, 860) as page:
                scheme = [{"name": "prefers-color-scheme", "value": colours}]
                page.call("Emulation.setEmulatedMedia", features=scheme)
                page.call("Page.navigate", url=url)
                check(page, report, width, colours)
                if args.screenshots:
                    args.screenshots.mkdir(parents=True, exist_ok=True)
                    page.screenshot(args.screenshots / f"report_{width}_{colours}.png", whole=True)
    print("the report can be read at", " and ".join(map(str, WIDTHS)), "pixels, light and dark")
    return 0


if __name__ == "__main__":
    sys.exit(main())
