"""Try the course with the oldest version of every dependency that pyproject.toml allows: `make minimum`.

    python -m tools.minimum                      # installs (minutes, network), runs a few tests and commands (minutes)
    python -m tools.minimum --list               # prints the versions, installs nothing
    python -m tools.minimum --folder /tmp/oldest # where the environment is made (default: .cache/minimum)

It is `make setup` with other pins: what is declared directly is held to its lower bound, what comes with it is the
newest that fits, which is what a reader with an old environment meets. A bound that does not work is a bound to raise,
in pyproject.toml and environment.yml.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement

from course_lib.terminal import print_any_sign
from tools import setup_env

ROOT = setup_env.ROOT
FOLDER = ROOT / ".cache" / "minimum"

# A few tests that between them use every dependency; not the whole suite, which has no reason to take long here.
TESTS = (
    "tests/test_intervals.py",  # scipy
    "tests/test_probes.py",  # scikit-learn
    "tests/test_evolve.py",  # cma
    "tests/test_show.py",  # matplotlib, pillow, cycler, ipywidgets
    "tests/test_canvas.py",  # anywidget, traitlets
    "tests/test_vae.py",  # torch, accelerate, safetensors, tqdm, pydantic, pyyaml
    "tests/test_race.py",  # gymnasium, Box2D
    "tests/test_slides.py",  # markdown-it-py
    "tests/test_terminal.py",  # typer
    "tests/test_export.py",  # nbformat, jupyterlab's nbconvert
    "tests/test_navigation.py",  # jupytext, and with it nbclient and psutil in the notebook machine
    "tests/exercises/test_core.py",  # ipython, pygments
    "notebooks/00_start_here.ipynb",  # nbval, ipykernel, pymunk
    "tests/browser/test_paint.py",  # playwright, jupyterlab (skipped without a browser)
)
COMMANDS = (
    ["-m", "ruff", "check", "."],
    ["-m", "course_lib", "train", "--help"],
    ["-m", "course_lib", "params", "vae", "--size", "paper"],
    ["-m", "course_lib", "train", "vae", "--size", "tiny", "--set", "train.steps=3", "--out", "{folder}"],
    ["-m", "course_lib", "exam", "copy-last", "--ask", "prediction", "--films", "5"],
)


def lower_bounds() -> dict[str, str]:
    """The lowest version of each package that pyproject.toml declares, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(line)
        (found[requirement.name],) = (s.version for s in requirement.specifier if s.operator == ">=")
    return found


def install(folder: Path) -> None:
    """Make the environment in this folder. Raises SetupError with what pip printed.

    Where torch's oldest CPU build is not to be had (PyTorch's own index keeps it, and may be out of reach), the torch
    of requirements.lock takes its place, and that is said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    usual, lock, venv = setup_env.locked_version("torch"), folder / "minimum.txt", folder / ".venv"
    setup_env.VENV, setup_env.LOCK = venv, lock
    setup_env.STAMP, setup_env.LOG = venv / setup_env.STAMP.name, venv / setup_env.LOG.name
    lowest = lower_bounds()
    fallback = lowest | {"torch": usual}
    _pin(lock, fallback)
    if setup_env.stored_stamp() != setup_env.wanted_stamp():  # not what an earlier call ended with
        _pin(lock, lowest)
        try:
            setup_env.setup()
            return
        except setup_env.SetupError as error:
            if "torch's CPU build" not in str(error):
                raise
        _pin(lock, fallback)
        setup_env.setup()
    print(f"torch {lowest['torch']} is NOT TRIED: its CPU build is not to be had here; {usual} takes its place")


def _pin(lock: Path, versions: dict[str, str]) -> None:
    lock.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()), encoding="utf-8")


def attempt(python: Path, words: Sequence[str]) -> bool:
    """Run one command with the oldest packages; what it prints is shown only when it fails."""
    environment = setup_env.clean_environment() | {"OMP_NUM_THREADS": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [str(python), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace")
    print(f"{'went through' if done.returncode == 0 else 'FAILED'}: python {' '.join(words)}", flush=True)
    if done.returncode != 0:
        print("\n".join((done.stdout + done.stderr).splitlines()[-40:]), flush=True)
    return done.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: every lower bound works)."""
    parser = argparse.ArgumentParser(description="Try the course with the oldest versions that it allows.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the environment is made")
    parser.add_argument("--list", action="store_true", help="print the versions and install nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{name}=={version}" for name, version in lower_bounds().items()))
        return 0
    try:
        install(options.folder.absolute())
    except setup_env.SetupError as error:
        print(error, file=sys.stderr)
        return 1
    python = setup_env.venv_python()
    with tempfile.TemporaryDirectory() as runs:
        commands = [[word.format(folder=os.path.join(runs, "run")) for word in words] for words in COMMANDS]
        # What an old package has to say about another one (a deprecation) is no fault here.
        pytest = ["-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "-o", "filterwarnings=default"]
        tests = [[*pytest, test] for test in TESTS]
        went = [attempt(python, words) for words in [*commands, *tests]]
    print(f"{sum(went)} of {len(went)} went through with the lowest versions that pyproject.toml allows")
    return not all(went)


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
