"""Look at a learner's function: is it a blank, is it right, and if not, what is wrong with it.

Nothing here displays or stores anything; ``reader.py`` does. Nothing the learner writes can raise from here
(apart from an interrupt by the keyboard): a notebook goes on whatever stands in a blank.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import random
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from course_lib.exercises.core import Exercise, Wrong

Status = Literal["not attempted", "unfinished", "correct", "wrong"]


@dataclass(frozen=True)
class Result:
    """What became of an attempt. function: what the notebook goes on with, the learner's own where it is correct."""

    status: Status
    message: str
    function: Callable[..., Any]


def attempt(exercise: Exercise, candidate: Callable[..., Any]) -> Result:
    """Judge one function. A blank is not attempted; anything else meets the exercise's checker."""
    gap = _gap(candidate)
    if gap is not None:
        return Result("not attempted" if gap == 0 else "unfinished", _gap_message(gap), exercise.reference)
    guard = _Guard(candidate, exercise)
    try:
        with _random_state_kept(), _bound_to_its_name(candidate):
            exercise.check(guard)
            if guard.calls == 0:
                raise Wrong("The checker never called your function: this is a fault of the course, not yours.")
    except Wrong as wrong:
        message = str(wrong).strip() or "The result is not the expected one (the checker gave no reason)."
        return Result("wrong", message, exercise.reference)
    except Exception as error:
        return Result("wrong", _unusable(guard, error), exercise.reference)
    return Result("correct", "", candidate)


class _Guard:
    """The learner's function as the checker sees it: it can be called, and its accidents become Wrong."""

    def __init__(self, candidate: Callable[..., Any], exercise: Exercise) -> None:
        self.candidate = candidate
        self.exercise = exercise
        self.calls = 0
        self.last_type = "nothing"
        self.__name__ = getattr(candidate, "__name__", "your function")
        self.__doc__ = candidate.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        try:
            result = self.candidate(*args, **kwargs)
        except Wrong:
            raise
        except (Exception, SystemExit) as error:
            raise Wrong(self._accident(error)) from error
        self.last_type = type(result).__name__
        if result is None and not self.exercise.returns_none:
            raise Wrong("Your function returns None: is the `return` missing?")
        if result is Ellipsis or result is NotImplemented:
            raise Wrong("Your function returns a placeholder (`...`): something is still to be filled in.")
        return result

    def _accident(self, error: BaseException) -> str:
        name, text = type(error).__name__, str(error).strip()
        where = _line_of(self.candidate, error.__traceback__)
        if where is None and isinstance(error, TypeError):  # the call itself failed: the parameters were changed
            wanted = inspect.signature(self.exercise.reference)
            parameters = ", ".join(wanted.parameters)
            return f"Your function cannot be called with the parameters of the exercise, ({parameters}): {text}."
        place = f" in line {where[0]}, `{where[1]}`" if where else ""
        return f"Your function stops with {name}{place}" + (f": {text}" if text else ".")


def _line_of(candidate: Callable[..., Any], trace: TracebackType | None) -> tuple[int, str] | None:
    """The last line of the traceback that stands in the learner's own cell or file: (number, text)."""
    code = getattr(inspect.unwrap(candidate), "__code__", None)
    found = None
    while code is not None and trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace.tb_lineno
        trace = trace.tb_next
    if found is None:
        return None
    return found, linecache.getline(code.co_filename, found).strip()


def _unusable(guard: _Guard, error: Exception) -> str:
    reason = f"{type(error).__name__}: {str(error).strip()}"
    if guard.calls == 0:
        return f"The checker failed before it called your function, a fault of the course, not yours ({reason})."
    return f"Your function returns something the check cannot work with (a {guard.last_type}): {reason}"


# --- blanks ------------------------------------------------------------------------------------------------------


def _gap(function: Callable[..., Any]) -> int | None:
    """None when the function is filled in, 0 when it is a blank, else the line on which a `...` still stands.

    A `...` that stands for a value (``mean = ...``, ``return ...``) is a gap. One that was left standing alone
    below finished code does no harm, and one inside an index, ``x[..., None]``, is an ordinary Python word.
    """
    if not inspect.isfunction(function):
        return None
    definition = _definition(function)
    if definition is None:  # no source (made by exec, say): compare the compiled body
        steps = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
        names = [step.opname for step in steps]
        returns_at_once = names in (["LOAD_CONST", "RETURN_VALUE"], ["RETURN_CONST"])
        return 0 if returns_at_once and steps[0].argval in (None, ...) else None
    body = [statement for statement in definition.body if not _says_nothing(statement)]
    if not body:
        return 0
    above = function.__code__.co_firstlineno - 1  # lines of the cell or file before the first one of the source
    for node in ast.walk(definition):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return) and _is_dots(node.value):
            return 0 if body == [node] else above + node.lineno
    return None


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0] if tree.body else None
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, a lone `...` or `pass`."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _is_dots(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _gap_message(line: int) -> str:
    return "" if line == 0 else f"Line {line} still holds a `...`."


# --- surroundings of a check -------------------------------------------------------------------------------------


@contextmanager
def _bound_to_its_name(function: Callable[..., Any]) -> Iterator[None]:
    """A function that calls itself must meet itself, not the answer that an earlier run left under its name."""
    scope, name = getattr(function, "__globals__", {}), getattr(function, "__name__", "")
    missing = object()
    before = scope.get(name, missing)
    if not name.isidentifier():
        yield
        return
    scope[name] = function
    try:
        yield
    finally:
        if before is missing:
            scope.pop(name, None)
        else:
            scope[name] = before


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """A check draws random inputs; the figures further down must not depend on whether a blank was filled in."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    python_state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.random.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.random.set_rng_state(torch_state)
