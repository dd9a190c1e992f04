"""Wrong answers made by a machine: the reference with one thing changed, in its text or in what it returns.

    python -m tests.exercises.mutants        # a table: how many were made, refused, and the same answer after all
    python -m tests.exercises.mutants 13 15  # of these notebooks
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from course_lib.exercises.checking import attempt
from course_lib.exercises.core import Exercise, all_exercises

Mutant = tuple[str, Callable[..., Any]]  # what was changed, and the function


def passed_by(exercise: Exercise) -> tuple[int, list[str]]:
    """How many mutants of the reference there are, and what was changed in those that the checker calls correct.

    Raises AssertionError where a checker fails instead of answering.
    """
    made, passed = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong on purpose may also warn
        for change, answer in [*of_the_text(exercise), *of_the_answer(exercise)]:
            made += 1
            result = attempt(exercise, answer)
            assert result.status in ("correct", "wrong"), f"{change}: {result.status}"
            assert "fault of the course" not in result.message, f"{change}: {result.message}"
            if result.status == "correct":
                passed.append(change)
    return made, passed


def main(notebooks: list[str]) -> None:
    """Print the table of all notebooks, or of those that are named."""
    print("notebook  exercises  mutants  refused  equivalent")
    total = [0, 0, 0]
    for notebook in sorted({exercise.notebook for exercise in all_exercises()}):
        if notebooks and notebook not in notebooks:
            continue
        found = [passed_by(exercise) for exercise in all_exercises() if exercise.notebook == notebook]
        row = [len(found), sum(made for made, _ in found), sum(len(passed) for _, passed in found)]
        total = [a + b for a, b in zip(total, row, strict=True)]
        print(f"{notebook:8}  {row[0]:9}  {row[1]:7}  {row[1] - row[2]:7}  {row[2]:10}", flush=True)
    print(f"{'all':8}  {total[0]:9}  {total[1]:7}  {total[1] - total[2]:7}  {total[2]:10}")
    print("Equivalent: right all the same; EQUIVALENT in test_mutants.py has the reasons, and the test holds the list.")

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
NAMES = {"argmax": "argmin", "argmin": "argmax", "max": "min", "sum": "mean", "mean": "sum", "detach": "clone"}


# --- in the text --------------------------------------------------------------------------------------------------


def of_the_text(exercise: Exercise) -> Iterator[Mutant]:
    """Another axis, another comparison, another constant, another operator: each place by itself."""
    reference = exercise.reference
    tree = ast.parse(textwrap.dedent(inspect.getsource(reference)))
    seen = {ast.unparse(tree)}
    for node, line in _nodes(tree):
        before = ast.unparse(line)
        for change, undo in _changes(node):
            change()
            text, after = ast.unparse(tree), ast.unparse(line)
            undo()
            if text in seen:
                continue
            seen.add(text)
            scope = dict(reference.__globals__)
            exec(compile(text, f"<mutant of {exercise.id}>", "exec"), scope)
            yield f"{before}  ->  {after}", scope[reference.__name__]


def _nodes(node: ast.AST, line: ast.AST | None = None) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node with the simple statement, or the condition of a compound one, in which it stands."""
    if line is None and isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr | ast.expr):
        line = node
    yield node, line or node
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child, line)


def _changes(node: ast.AST) -> list[tuple[Callable[[], None], Callable[[], None]]]:
    """The changes that can be made at a node of the tree, each with the way back."""

    def to(field: str, value: Any) -> tuple[Callable[[], None], Callable[[], None]]:
        before = getattr(node, field)
        return lambda: setattr(node, field, value), lambda: setattr(node, field, before)

    if isinstance(node, ast.keyword) and node.arg in ("dim", "axis"):
        value = ast.literal_eval(node.value)
        others = [value[:-1], value[1:]] if isinstance(value, tuple) else [1] if value == 0 else [0]
        return [to("value", ast.parse(repr(other), mode="eval").body) for other in others]
    if isinstance(node, ast.Compare):
        kinds = COMPARISONS.get(type(node.ops[0]), ())
        return [to("ops", [kind()]) for kind in kinds]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        value = node.value
        others = {bool: [not value], float: [1.5 * value], int: [value + 1, value - 1]}[type(value)]
        return [to("value", other) for other in others]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return [to("op", OPERATORS[type(node.op)]())]
    if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        return [to("op", OPERATORS[type(node.op)]())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and ast.unparse(node) != "-1":  # -1 is an axis
        return [to("op", ast.UAdd())]
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        return [to("attr", NAMES[node.attr])]
    return []


# --- in what comes out --------------------------------------------------------------------------------------------


def of_the_answer(exercise: Exercise) -> Iterator[Mutant]:
    """A constant, NaN everywhere, another dtype, another shape, inputs changed in place, a detached loss."""
    reference = exercise.reference
    wrappers: dict[str, Callable[[Any], Any]] = {
        "zero whatever is asked": lambda x: _each(x, lambda v: _like(v, 0)),
        "one whatever is asked": lambda x: _each(x, lambda v: _like(v, 1)),
        "NaN everywhere": lambda x: _each(x, _nan),
        "another dtype": lambda x: _each(x, _other_dtype),
        "one axis more": lambda x: _each(x, lambda v: v[..., None] if hasattr(v, "shape") else np.array([v])),
        "the negative": lambda x: _each(x, _negative),
        "results exchanged": lambda x: tuple(reversed(x)) if isinstance(x, tuple) else x,
        "detached": lambda x: _each(x, lambda v: v.detach() if isinstance(v, torch.Tensor) else v),
    }
    inputs, answers = _sample(exercise)
    for name, change in wrappers.items():
        if all(_same(change(answer), answer) for answer in answers) and not (name == "detached" and exercise.gradients):
            continue  # there is nothing to change in this way

        def answer(*inputs: Any, change: Callable = change) -> Any:
            return change(reference(*inputs))

        yield name, answer

    first: list[Any] = []

    def stuck(*inputs: Any) -> Any:
        first.append(reference(*inputs))
        return first[0]

    yield "the first answer again and again", stuck
    for place, parameter in enumerate(inspect.signature(reference).parameters):
        if not any(len(given) > place and isinstance(given[place], torch.Tensor | np.ndarray) for given in inputs):
            continue  # numbers, tuples and functions cannot be changed in place

        def in_place(*inputs: Any, place: int = place) -> Any:
            result = reference(*inputs)
            if place < len(inputs):
                _change(inputs[place])
            return result

        yield f"{parameter} changed in place", in_place


def _sample(exercise: Exercise) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """The inputs on which the checker asks, and the reference's answers."""
    inputs, answers = [], []

    def noted(*given: Any) -> Any:
        inputs.append(given)
        answers.append(exercise.reference(*given))
        return answers[-1]

    assert attempt(exercise, noted).status == "correct"
    return inputs, answers


def _same(one: Any, other: Any) -> bool:
    if isinstance(other, tuple):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return tuple(change(part) for part in value) if isinstance(value, tuple) else change(value)


def _like(value: Any, number: int) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.full_like(value, number)
    return np.full_like(value, number) if isinstance(value, np.ndarray) else type(value)(number)


def _nan(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.full_like(value, torch.nan) if value.is_floating_point() else value
    if isinstance(value, np.ndarray):
        return np.full_like(value, np.nan) if value.dtype.kind == "f" else value
    return float("nan") if isinstance(value, float) else value


def _negative(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if getattr(value, "dtype", None) in (torch.bool, np.dtype(bool)):
        return ~value
    return -value


def _other_dtype(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to({torch.float32: torch.float64, torch.int64: torch.int32, torch.bool: torch.uint8}[value.dtype])
    if isinstance(value, np.ndarray):
        return value.astype({"f": np.float32, "i": np.float64, "b": np.uint8}[value.dtype.kind])
    return str(value) if isinstance(value, float) else int(value) if isinstance(value, bool) else float(value)


def _change(value: Any) -> None:
    """Change something that can be changed; numbers, tuples and functions cannot."""
    if isinstance(value, torch.Tensor):
        with torch.no_grad():
            value.logical_not_() if value.dtype == torch.bool else value.add_(1)
    elif isinstance(value, np.ndarray):
        value[...] = ~value if value.dtype.kind == "b" else value + 1


if __name__ == "__main__":
    main(sys.argv[1:])
