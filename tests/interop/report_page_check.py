#!/usr/bin/env python3
"""Can the page of a run be read, on a phone and on a screen, light and dark?  (development only)

  report_page_check.py MODEL [--binary build/src/msmodelslim] [--screenshots FOLDER]

Quantizes the float folder MODEL, opens its quant_report.html, checks that all sections are drawn, that
nothing is asked for, that nothing is wider than the window and that text in charts has its own size.
Needs Chromium (Debian package chromium, or CHROMIUM=program). Exit 0: all good, 1: a problem, 77: there
is no Chromium.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import chromium

WIDTHS = (390, 1200)
COLOURS = ("light", "dark")
# The smallest text of all charts, in pixels of the window.
SMALLEST = """Math.min(...[...document.querySelectorAll('svg text')].map(text =>
  parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


def quantize(binary, model, folder):
    command = [binary, "quant", "--model_path", model, "--save_path", folder, "--quant_type", "w8a8", "--yes"]
    command += ["--quiet", "--sha256", "--calib_tokens", "1000", "--max_kl", "100"]  # with a proof whatever it costs
    subprocess.run(command, check=True)


def expected_headings(report):
    headings = ["Error behind each block", "Worst tokens", "Weight error by layer"]
    headings += ["Activations before and after smoothing", "Weight scales", "Linears", "Recipe", "Files", "Run"]
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
    parser.add_argument("model")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    parser.add_argument("--screenshots", type=pathlib.Path)
    args = parser.parse_args()
    if not chromium.find():
        print("skipped: no Chromium (Debian package chromium)")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "quantized"
        quantize(args.binary, args.model, str(folder))
        report = json.loads((folder / "quant_report.json").read_text())
        for width in WIDTHS:
            for colours in COLOURS:
                with chromium.page("about:blank", width, 860) as page:
                    scheme = [{"name": "prefers-color-scheme", "value": colours}]
                    page.call("Emulation.setEmulatedMedia", features=scheme)
                    page.call("Page.navigate", url=(folder / "quant_report.html").as_uri())
                    check(page, report, width, colours)
                    if args.screenshots:
                        args.screenshots.mkdir(parents=True, exist_ok=True)
                        page.screenshot(args.screenshots / f"report_{width}_{colours}.png", whole=True)
    print("the report can be read at", " and ".join(map(str, WIDTHS)), "pixels, light and dark")
    return 0


if __name__ == "__main__":
    sys.exit(main())
