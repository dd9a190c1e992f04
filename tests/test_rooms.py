"""Imports run one way: worlds, nets -> models -> training, planning, measures -> studies -> exam -> exercises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.imports import ROOT, imported_modules, python_files

GROUND = {"worlds", "nets", "files", "lookup", "places"}
LATER = {"training", "planning", "measures", "studies", "exam"}
MAY_IMPORT: dict[str, set[str]] = {
    "lookup": set(),
    "places": set(),
    "files": {"lookup"},
    "contract": set(),
    "worlds": {"files", "lookup", "places"},
    "nets": {"lookup"},
    "show": set(),
    "models": {"contract", *GROUND},
    "planning": {"contract", "models", *GROUND},
    "training": {"contract", "models", "planning", *GROUND},
    "measures": {"contract", "models", *GROUND},
    "studies": {"bench", "contract", "models", "training", "planning", "measures", *GROUND},  # does bfloat16 pay?
    "exam": {"contract", "models", "training", "planning", "measures", "studies", *GROUND},
    "views": {"contract", "models", "show", *LATER, *GROUND},
    "exercises": {"contract", "models", *LATER, *GROUND},
    "contents": {"places"},
    "terminal": set(),
    "machine": {"contents"},
    "bench": {"machine", "contract", "models", "training", *GROUND},
    "__main__": {"bench", "terminal", "contract", "models", *LATER, *GROUND},
    "__init__": {"places"},
    "configs": set(),
}


def room_of(path: Path) -> str:
    return room_named(".".join(path.relative_to(ROOT).with_suffix("").parts))


def room_named(module: str) -> str:
    """The room of a module's full name; the exam's measures are a room of their own, below the studies. The verdict is
    a study of the whole exam, so it stands where the exam stands."""
    if module.startswith("course_lib.studies.verdict"):
        return "exam"
    return "measures" if module.startswith("course_lib.exam.measures") else module.split(".")[1]


def rooms_imported(path: Path) -> set[str]:
    return {room_named(name) for name in imported_modules(path) if name.startswith("course_lib.")}


def violations(path: Path, room: str) -> set[str]:
    return rooms_imported(path) & set(MAY_IMPORT) - MAY_IMPORT[room] - {room}


@pytest.mark.parametrize("path", python_files("course_lib"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_stands_below_it(path: Path) -> None:
    room = room_of(path)
    assert room in MAY_IMPORT, f"a new room '{room}': say in MAY_IMPORT what it may import"
    wrong = violations(path, room)
    assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}; {room} may import {sorted(MAY_IMPORT[room])}"


def test_the_order_has_no_circle() -> None:
    order: list[str] = []
    rest = dict(MAY_IMPORT)
    while rest:
        free = [room for room, needs in rest.items() if needs <= set(order)]
        assert free, f"these rooms wait for one another: {sorted(rest)}"
        order += free
        rest = {room: needs for room, needs in rest.items() if room not in free}


@pytest.mark.parametrize("path", python_files("course_lib", "notebooks/py"), ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_a_learner_runs_needs_developers_files(path: Path) -> None:
    used = {name.split(".")[0] for name in imported_modules(path)}
    assert not used & {"tools", "tests", "conftest", "pytest", "nbclient", "jupytext", "playwright"}


@pytest.mark.parametrize("path", python_files("notebooks/py"), ids=lambda path: path.stem)
def test_no_notebook_uses_another(path: Path) -> None:
    """A notebook's name starts with a digit, so only `%run`, runpy or import_module could reach one."""
    source = path.read_text(encoding="utf-8")
    others = [other.stem for other in python_files("notebooks/py") if other != path]
    ways = r"^[#\s]*%run.*|(?:import_module|run_path|run_module|nbformat\.read)\(.*"
    reaches = re.findall(ways, source, re.MULTILINE)
    assert not [line for line in reaches if any(other in line for other in others)]
    assert not {name.split(".")[0] for name in imported_modules(path)} & {"py", "notebooks"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from course_lib import show", {"show"}),
        ("from course_lib.models.vae import VAE", {"models"}),
        ("def late():\n    import course_lib.training.loop", {"training"}),
        ("import torch", set()),
    ],
)
def test_the_rule_sees_every_way_to_import(source: str, found: set[str], tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(source)
    assert rooms_imported(path) == found
    assert violations(path, "worlds") == found
