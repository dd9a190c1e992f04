"""Train again every model whose checkpoint comes with the course: `make checkpoints`.

    python tools/checkpoints.py --list     # what would be trained
    python tools/checkpoints.py vae        # only these models

Each recipe says itself in which sizes it ships, so a new model is picked up without a change here. Each model is
trained by its own `python -m course_lib train`, one after the other: they share nothing and one failure stops the rest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def shipped(wanted: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The (model, size) pairs that the course ships; `wanted` narrows them by model name.

    Raises UnknownModel (a ValueError), with the names that exist, when a wanted model cannot be trained.
    """
    from course_lib.training import get_recipe, recipe_names

    recipes = [get_recipe(name) for name in (wanted or recipe_names())]
    return [(recipe.name, size) for recipe in recipes for size in recipe.ship]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train again the checkpoints that come with the course.")
    parser.add_argument("models", nargs="*", help="which models; all when none is given")
    parser.add_argument("--list", action="store_true", help="only say what would be trained")
    options = parser.parse_args(arguments)
    try:
        todo = shipped(options.models)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for model, size in todo:
        command = [sys.executable, "-m", "course_lib", "train", model, "--size", size]
        print(" ".join(["python", *command[1:]]), flush=True)
        if options.list:
            continue
        started = time.monotonic()
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            print(f"{model} ({size}) was not trained; the models after it were left alone", file=sys.stderr)
            return 1
        print(f"{model} ({size}): {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
