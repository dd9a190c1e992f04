"""Run, in minutes, the tests that a change touches: `make test-changed`.

    python -m tools.changed                  # what differs from main: commits of this branch and the working tree
    python -m tools.changed HEAD~1           # what differs from another commit
    python -m tools.changed --list           # only say what would run and why
    python -m tools.changed --minutes 10 -- -x     # a larger budget; what stands after -- goes to pytest

A test or a notebook is touched by a changed file when it imports it, directly or through other files, names it (a data
file, a configuration, a script for the browser), or looks through the folder that it lies in. The nearest come first,
until the budget of minutes is full; what is left out is named. What each took is known from its last run. This is for
working; `make test` decides.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from course_lib.terminal import print_any_sign
from tests.imports import ROOT, imported_modules

FOLDERS = ("course_lib", "tests", "tools", "notebooks")
SECONDS = Path(".cache") / "test-seconds.json"  # written by conftest.py
UNKNOWN_SECONDS = 15.0  # for a test file that has not run here yet
BUDGET_MINUTES = 5.0
EVERY = ("conftest.py", "pyproject.toml", "requirements.lock")
FAR = 2  # steps that it counts to look through a folder, where an import counts one


class ChangedError(Exception):
    """The change cannot be found out; the message says why and what to do."""


@dataclass(frozen=True)
class Touched:
    """A test file or notebook that a change touches. chain: from the changed file to it; distance: 0 is the nearest."""

    test: str
    distance: int
    chain: tuple[str, ...]
    seconds: float

    @property
    def why(self) -> str:
        """The chain in words, from the test's side."""
        if len(self.chain) == 1:
            return "changed"
        return "uses " + ", which uses ".join(reversed(self.chain[:-1]))


# ------------------------------------------------------------------------------------------------------- what changed


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        raise ChangedError("there is no git on this machine: `make test` runs everything") from None
    if done.returncode != 0:
        raise ChangedError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def base_commit(root: Path = ROOT) -> tuple[str, str]:
    """Where this branch left main, and in words what that is. On main itself: the last commit."""
    _git(root, "rev-parse", "HEAD")  # a folder without git, or without a commit, ends here
    for name in ("origin/main", "main"):
        try:
            return _git(root, "merge-base", "HEAD", name).strip(), f"where this branch left {name}"
        except ChangedError:
            continue
    return _git(root, "rev-parse", "HEAD").strip(), "the last commit"


def changed_files(base: str, root: Path = ROOT) -> list[str]:
    """Files that differ between a commit and the working tree: changed, new (also those not added yet), or gone."""
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", base).split("\0")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted({name for name in [*changed, *new] if name})


# --------------------------------------------------------------------------------------------------- who uses what


def _python_files(root: Path) -> list[str]:
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")] + list(root.glob("*.py"))
    names = (path.relative_to(root) for path in found)
    return sorted(name.as_posix() for name in names if not any(part.startswith((".", "__py")) for part in name.parts))


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _strings(path: Path) -> frozenset[str]:
    """The short strings in a Python file; of f-strings, their fixed parts."""
    return _strings_at(path, path.stat().st_mtime_ns)


def _imports(path: Path, root: Path) -> set[str]:
    return _imports_at(path, root, path.stat().st_mtime_ns)


@functools.cache
def _imports_at(path: Path, root: Path, _: int) -> set[str]:
    return imported_modules(path, root)


@functools.cache
def _strings_at(path: Path, _: int) -> frozenset[str]:
    source = "\n".join("" if line.startswith(("%", "!")) else line for line in path.read_text("utf-8").splitlines())
    nodes = ast.walk(ast.parse(source, filename=str(path)))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return frozenset(text for text in texts if len(text) < 200)


def uses(root: Path = ROOT, gone: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """For each Python file and notebook the files that it uses, each with the steps that it counts.

    gone: files that are no longer there, but may still be named by others.
    """
    files = _python_files(root)
    modules = {_module(name): name for name in [*files, *(name for name in gone if name.endswith(".py"))]}
    inside: dict[str, list[str]] = {}
    for name in files:
        inside.setdefault(os.path.dirname(name), []).append(name)
    graph: dict[str, dict[str, int]] = {}
    for name in files:
        edges = graph.setdefault(name, {})
        strings = _strings(root / name)
        for imported in _imports(root / name, root):
            parts = imported.split(".")
            for length in range(1, len(parts) + 1):
                module = modules.get(".".join(parts[:length]))
                if module and module != name:
                    # What a package's __init__ hands on is as near as the package.
                    edges[module] = min(edges.get(module, 9), 0 if name.endswith("__init__.py") else 1)
        for text in strings:  # modules that are loaded by their name
            module = modules.get(text.rstrip("."))
            if module and module != name and "." in text:
                edges.setdefault(module, 1)
                if module.endswith("__init__.py"):
                    edges.update({other: 1 for other in inside[os.path.dirname(module)] if other not in edges})
        if name.endswith("__init__.py") and "import_module" in (root / name).read_text("utf-8"):
            edges.update({other: 0 for other in inside[os.path.dirname(name)] if other not in (*edges, name)})
    for twin in [name for name in files if name.startswith("notebooks/py/")]:
        graph[f"notebooks/{Path(twin).stem}.ipynb"] = {twin: 0}
    return graph


def named_by(path: str, strings: Mapping[str, frozenset[str]]) -> list[str]:
    """The Python files that use a file which is no Python: the one beside it with its stem, and those that name it.

    Where none lies beside it, also those that name the nearest folder that it lies in (of configs/vae/tiny.yaml: vae).
    """

    def naming(part: str) -> list[str]:
        return [name for name, texts in strings.items() if any(part in text.split("/") for text in texts)]

    *folders, last = path.split("/")
    beside = os.path.splitext(path)[0] + ".py"
    if beside in strings:
        return [beside, *naming(last)]
    nearest = next((found for folder in reversed(folders[1:]) if (found := naming(folder))), [])
    return [*naming(last), *nearest]


def looked_through(path: str, strings: Mapping[str, frozenset[str]]) -> list[str]:
    """The tests and tools that name the folder which a file lies in, or one above it: they read all files there."""
    folders = {str(parent) for parent in Path(path).parents} - {"."}
    readers = ((name, texts) for name, texts in strings.items() if name.startswith(("tests/", "tools/")))
    return [name for name, texts in readers if texts & folders and name != path]


# ------------------------------------------------------------------------------------------------------ what to run


def is_test(name: str) -> bool:
    """Whether pytest collects this file."""
    base = os.path.basename(name)
    if name.startswith("notebooks/"):
        return base.endswith(".ipynb")
    return base.startswith("test_") and base.endswith(".py")


def touched(changes: Sequence[str], root: Path = ROOT) -> list[Touched]:
    """Every test file and notebook that these changes touch, the nearest first."""
    graph = uses(root, gone=changes)
    strings = {name: _strings(root / name) for name in _python_files(root)}
    users: dict[str, dict[str, int]] = {}
    for name, edges in graph.items():
        for used, steps in edges.items():
            users.setdefault(used, {})[name] = steps
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    queue: deque[tuple[int, tuple[str, ...]]] = deque((0, (change,)) for change in changes)
    while queue:
        distance, chain = queue.popleft()
        name = chain[-1]
        if name in best and best[name][0] <= distance:
            continue
        best[name] = (distance, chain)
        steps = dict(users.get(name, {}))
        if distance == 0 and len(chain) == 1:
            if not name.endswith((".py", ".ipynb")):
                steps |= {user: 1 for user in named_by(name, strings)}
            steps |= {user: FAR for user in looked_through(name, strings) if user not in steps}
        for user, count in steps.items():
            step = (distance + count, (*chain, user))
            queue.appendleft(step) if count == 0 else queue.append(step)
    seconds = known_seconds(root)
    found = [
        Touched(name, distance, chain, seconds.get(name, UNKNOWN_SECONDS))
        for name, (distance, chain) in best.items()
        if is_test(name) and (root / name).exists()
    ]
    return sorted(found, key=lambda test: (test.distance, test.seconds, test.test))


def known_seconds(root: Path = ROOT) -> dict[str, float]:
    """What each test file took when it ran last, and each notebook by the table of contents where it has not run."""
    found: dict[str, float] = {}
    try:
        listed = yaml.safe_load((root / "notebooks" / "contents.yaml").read_text("utf-8"))["notebooks"]
        found = {f"notebooks/{row['stem']}.ipynb": float(row["seconds"]) for row in listed if row["seconds"]}
        for name, seconds in json.loads((root / SECONDS).read_text("utf-8")).items():
            file = name.partition("::")[0]
            found[file] = (found.get(file, 0.0) if not file.endswith(".ipynb") else 0.0) + float(seconds)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # estimates only
    return found


def within(tests: Sequence[Touched], minutes: float) -> tuple[list[Touched], list[Touched]]:
    """Those that fit into the budget, the nearest first, and those that are left out. What itself changed is run."""
    chosen, left, room = [], [], 60 * minutes
    for test in tests:
        if test.distance == 0 or test.seconds <= room:
            chosen.append(test)
            room -= test.seconds
        else:
            left.append(test)
    return chosen, left


def report(base: str, changes: Sequence[str], chosen: Sequence[Touched], left: Sequence[Touched]) -> list[str]:
    """What is said before the tests run."""
    lines = [f"{len(changes)} files changed since {base}"]
    lines += [f"  {name}" for name in changes[:20]] + ([f"  and {len(changes) - 20} more"] if len(changes) > 20 else [])
    if every := [name for name in changes if name in EVERY]:
        lines.append(f"{', '.join(every)}: every test stands on it, only `make test` can tell; here is what names it")
    lines.append(f"{len(chosen)} test files and notebooks, about {_minutes(chosen)} of one core:")
    width = max((len(test.test) for test in chosen), default=0)
    lines += [f"  {test.test:<{width}}  {test.why}" for test in chosen]
    if left:
        names = ", ".join(test.test for test in left)
        lines.append(f"left out, further away (about {_minutes(left)}; `make test` runs them): {names}")
    return lines


def _minutes(tests: Sequence[Touched]) -> str:
    return f"{sum(test.seconds for test in tests) / 60:.1f} minutes"


# ---------------------------------------------------------------------------------------------------------- commands


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well, or nothing to run)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    at = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description="Run the tests that a change touches.", epilog="after --: for pytest")
    parser.add_argument("base", nargs="?", help="the commit to compare with (default: where this branch left main)")
    parser.add_argument("--minutes", type=float, default=BUDGET_MINUTES, help="of one core, for what is near enough")
    parser.add_argument("--list", action="store_true", help="say what would run, and run nothing")
    options = parser.parse_args(words[:at])
    try:
        base, name = (options.base, options.base) if options.base else base_commit()
        changes = changed_files(base)
    except ChangedError as error:
        print(error, file=sys.stderr)
        return 2
    chosen, left = within(touched(changes), options.minutes)
    print("\n".join(report(f"{base[:12]}, {name}" if name != base else base, changes, chosen, left)), flush=True)
    if options.list or not chosen:
        return 0
    command = [sys.executable, "-m", "pytest", *(test.test for test in chosen)]
    if len(chosen) > 1:
        command += ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return subprocess.call([*command, *words[at + 1 :]], cwd=ROOT)


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
