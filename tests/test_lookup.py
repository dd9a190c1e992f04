"""What is found by the name of its file, and the errors that the command line prints as sentences."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from course_lib import __main__ as command_line
from course_lib.lookup import CourseError, ExamError, did_you_mean, load, names
from course_lib.training import get_recipe, recipe_names
from tests.imports import ROOT, imported_modules, python_files

RECIPES = ROOT / "course_lib" / "training" / "recipes"


class NoFruit(CourseError, ValueError):
    pass


@pytest.fixture
def fruit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``fruit_for_tests`` with the modules apple and pear, and one that is its own business."""
    folder = tmp_path / "fruit_for_tests"
    folder.mkdir()
    for name in ("__init__", "apple", "pear", "_worm"):
        (folder / f"{name}.py").write_text(f"taste = {name!r}\n")
    (folder / "notes.txt").write_text("no module")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("fruit_for_tests")]:
        del sys.modules[name]


def test_a_module_is_found_by_its_file_alone(fruit: Path) -> None:
    assert names("fruit_for_tests") == ["apple", "pear"]
    assert "fruit_for_tests.apple" not in sys.modules, "listing names must not import what they name"
    assert load("fruit_for_tests", "apple", what="fruit").taste == "apple"
    (fruit / "plum.py").write_text("taste = 'plum'\n")
    assert names("fruit_for_tests") == ["apple", "pear", "plum"]
    assert load("fruit_for_tests", "plum", what="fruit").taste == "plum"


@pytest.mark.parametrize("name", ["appel", "", "_worm", "apple.core", "../apple", "notes", "/etc/passwd", "Apple"])
def test_a_name_that_is_no_files_is_refused_with_those_that_are(fruit: Path, name: str) -> None:
    with pytest.raises(NoFruit, match="there is no fruit .*; the fruits are: apple, pear") as caught:
        load("fruit_for_tests", name, what="fruit", error=NoFruit)
    assert repr(name) in str(caught.value)
    assert ("did you mean 'apple'?" in str(caught.value)) == (name in ("appel", "apple.core", "../apple", "Apple"))


def test_nothing_is_meant_where_nothing_is_near() -> None:
    assert did_you_mean("xyz", ["apple", "pear"]) == "" and did_you_mean(7, ["apple"]) == ""


def test_every_recipe_is_named_after_its_file_and_imports_no_other() -> None:
    assert recipe_names() == [path.stem for path in sorted(RECIPES.glob("*.py")) if path.stem != "__init__"]
    for name in recipe_names():
        assert get_recipe(name).name == name
        others = {m for m in imported_modules(RECIPES / f"{name}.py") if m.startswith("course_lib.training.recipes")}
        assert not others, f"recipes/{name}.py imports {sorted(others)}"


def test_no_central_file_names_a_recipe() -> None:
    """Adding a model edits no file of the training room."""
    for path in python_files("course_lib/training"):
        if path.parent != RECIPES:
            assert not [name for name in imported_modules(path) if name.startswith("course_lib.training.recipes.")]


@pytest.mark.parametrize("error", [CourseError("what and why"), ExamError("what and why"), NoFruit("what and why")])
def test_the_command_line_prints_an_error_that_explains_itself(
    error: CourseError, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, command_line._explained():
        raise error
    assert caught.value.exit_code == 2 and capsys.readouterr().err == "what and why\n"


def test_any_other_error_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="a fault of ours"), command_line._explained():
        raise ValueError("a fault of ours")
