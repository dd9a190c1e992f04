"""Names in the exercises: each once, the field's own, and the reference's name is that of the reader's cell."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path

import pytest

from course_lib.exercises.core import all_exercises

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "course_lib" / "exercises").glob("*.py"))
UNWANTED = {"told", "looks", "said", "chance"}  # words that stood for many things at once


def cells() -> list[tuple[str, str, ast.FunctionDef]]:
    """Every blank of the notebooks: twin, exercise, function."""
    found = []
    for twin in sorted((ROOT / "notebooks" / "py").glob("*.py")):
        for node in ast.walk(ast.parse(twin.read_text(encoding="utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "exercise":
                    found.append((twin.stem, ast.literal_eval(mark.args[0]), node))
    return found


REFERENCES = {exercise.id: exercise.reference for exercise in all_exercises()}


@pytest.mark.parametrize(("twin", "exercise_id", "cell"), cells(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_reference_is_named_as_its_cell(twin: str, exercise_id: str, cell: ast.FunctionDef) -> None:
    reference = REFERENCES[exercise_id]
    assert reference.__name__ == cell.name
    assert list(inspect.signature(reference).parameters) == [a.arg for a in cell.args.args]
    given = [p.default for p in inspect.signature(reference).parameters.values() if p.default is not p.empty]
    assert given == [ast.literal_eval(default) for default in cell.args.defaults]


def test_no_public_name_stands_twice() -> None:
    names = Counter(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_word_stands_for_many_things(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    used = {
        name
        for node in tree
        for name in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None))
        if isinstance(name, str)
    }
    assert not used & UNWANTED
