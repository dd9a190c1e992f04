"""Measure the canvas in a real browser: frames a second, and the time from a key's press to the picture it changed.

    python -m tools.measure_canvas            # from the course's folder; prints JSON
    python -m tools.measure_canvas --busy 1   # while another process keeps a core busy
    python -m tools.measure_canvas --dream    # the dream of the V-M-C agent instead of the Playground
    python -m tools.measure_canvas --minutes 10   # Genie beside the Playground, under keys at random

The Playground is played at 32 pixels with a cap of 30 frames a second: with a held key for the frames, then with some
two dozen presses for the delay. The test suite asserts far less than this shows on an idle machine, because it runs two
processes on two cores. Needs Chromium, as the browser tests do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.lab import DREAM, GENIE, PLAYGROUND, Lab, browser_arguments, chromium, measure_pace, serve


def _burn() -> None:
    while True:
        sum(range(100_000))


def measure(seconds: float, game: str = PLAYGROUND, *, at_random: bool = False) -> dict[str, Any]:
    """Start JupyterLab and a browser, play, and stop both."""
    path = chromium()
    if path is None:
        raise SystemExit("there is no Chromium; install it, or set CHROMIUM to its path")
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=browser_arguments())
        try:
            return measure_pace(Lab(browser.new_page(), server), Path(home), seconds, game, at_random=at_random)
        finally:
            browser.close()


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure the canvas's frames a second and its delay.")
    parser.add_argument("--busy", type=int, default=0, help="processes that keep a core busy meanwhile (default 0)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the key is held (default 5)")
    parser.add_argument("--dream", action="store_true", help="play in the dream of the V-M-C agent")
    parser.add_argument("--minutes", type=float, default=0.0, help="of keys at random, in Genie and the Playground")
    options = parser.parse_args()
    others = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(options.busy)]
    for process in others:
        process.start()
    try:
        if options.minutes:
            measured = measure(60 * options.minutes, GENIE, at_random=True)
        else:
            measured = measure(options.seconds, DREAM if options.dream else PLAYGROUND)
    finally:
        for process in others:
            process.terminate()
    print(json.dumps(measured | {"busy": options.busy, "cores": os.cpu_count()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
