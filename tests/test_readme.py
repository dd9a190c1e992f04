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


def test_the_figures_come_back(tool):
    """Measured anew, each figure is the printed one up to the last digit printed (machines differ in rounding)."""
    number = re.compile(r"-?\d+(?:\.\d+)?")
    printed, fresh = (
        [[float(v) for v in number.findall(line.split("|", 2)[2])] for line in text.splitlines()[2:]]
        for text in (tool.block("figures"), tool.figures_block(tool.figures()))
    )
    assert len(printed) == len(fresh) == 3
    for before, now in zip(printed, fresh, strict=True):
        assert now == pytest.approx(before, abs=0.11, rel=0.02)
