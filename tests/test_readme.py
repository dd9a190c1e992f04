"""README.md says what the code says: its table, its figures, its links, its commands."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_contents_is_the_one_that_the_notebooks_have(tool):
    assert tool.block("contents") == tool.contents_block(), "run: python tools/readme.py"


def test_every_link_leads_somewhere():
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(targets) > 5
    for target in targets:
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_every_make_command_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"`?make (\w+)`?", TEXT)) - {"it"}
    assert commands and all(re.search(rf"^{command}:", makefile, re.M) for command in commands), commands


LINES = [(name, line.split("|")[1].strip()) for name in ("figures", "floor")
         for line in TEXT.split(f"<!-- {name} -->\n")[1].split("\n<!--")[0].splitlines()[2:]]  # fmt: skip


def test_every_film_set_of_the_tables_is_measured(tool):
    assert LINES == [("figures", name) for name in tool.VAES] + [("floor", name) for name in tool.FLOOR]


@pytest.mark.parametrize(("name", "films"), LINES)
def test_the_figures_come_back(tool, name: str, films: str):
    """Measured anew, each figure is the printed one up to the last digit printed (machines differ in rounding)."""
    number = re.compile(r"-?\d+(?:\.\d+)?")
    if name == "figures":
        fresh = tool.figures_block(tool.figures([films]))
    else:
        rows = tool.floor([films])
        fresh = tool.floor_block(rows)
        assert all(row.controls for row in rows[films].values())
        bars = {question: row.passed for question, row in rows[films].items() if row.bar is not None}
        barred = ("position_error", "accuracy_kind", "accuracy_colour") if films == "simple" else ()
        assert bars == dict.fromkeys(barred, True), "a bar is missed"
        if films == "simple":
            assert {"position_error_small", "position_error_large", "missed"} <= set(rows[films])
    (before,) = (line for line in tool.block(name).splitlines() if line.split("|")[1].strip() == films)
    was, now = (number.findall(line.split("|", 2)[2]) for line in (before, fresh.splitlines()[2]))
    for old, new in zip(was, now, strict=True):
        last_digit = 10.0 ** -len(old.partition(".")[2])
        assert float(new) == pytest.approx(float(old), abs=1.1 * last_digit, rel=0.02)
