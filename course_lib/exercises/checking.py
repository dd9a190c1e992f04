"""Look at a learner's function: is it a blank, is it right, and if not, what is wrong with it.

Nothing here displays or stores anything; ``notebook.py`` does. Nothing the learner writes can raise from here
(apart from an interrupt by the keyboard): a notebook goes on whatever stands in a blank.

What every check has in common is done here, in this order: were the inputs changed, are type, dtype and shape right,
is everything finite; then the exercise's own checker compares values; last, where a network is to learn from the
answer, gradients are compared with the reference's.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import random
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, MappingProxyType, TracebackType
from typing import Any, Literal

import numpy as np

from course_lib.exercises.core import CourseFault, Exercise, Wrong
from course_lib.exercises.inputs import apart, close, independent, unchanged
from course_lib.exercises.kinds import finite, of_kind

MOST_GRADIENTS = 6  # calls of a check whose gradients are compared
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
    asked = Asked(candidate, exercise)
    try:
        with _random_state_kept(), _bound_to_its_name(candidate):
            exercise.check(asked)
            if asked.calls == 0:
                raise Wrong("The checker never called your function: this is a fault of the course, not yours.")
            if asked.used:
                what = "a loop" if asked.used[0] == "for" else f"`{asked.used[0]}`"
                raise Wrong(f"The values are right, but your function uses {what}; the exercise is to do without.")
            if exercise.gradients:
                asked.check_gradients()
    except Wrong as wrong:
        message = str(wrong).strip() or "The result is not the expected one (the checker gave no reason)."
        return Result("wrong", message, exercise.reference)
    except Exception as error:
        return Result("wrong", _unusable(asked, error), exercise.reference)
    return Result("correct", "", candidate)


class Asked:
    """The learner's function as a checker calls it: ``asked(*inputs)`` gives an answer whose kind is right, or Wrong.

    Each call keeps copies of its inputs and compares them afterwards; then type, dtype and shape of the answer must be
    those of the reference's answer to the same inputs (or of ``Exercise.like``), and what is finite there must be
    finite here. Numbers come back as Python's own. The learner's accidents become Wrong too.
    """

    def __init__(self, candidate: Callable[..., Any], exercise: Exercise) -> None:
        self.candidate = candidate
        self.exercise = exercise
        self.calls = 0
        self.inputs: list[tuple[Any, ...]] = []  # copies of what was given, in the order of the calls
        self.used: list[str] = []  # what the answer used although the exercise is to do without
        self.last_type = "nothing"
        self.__name__ = getattr(candidate, "__name__", "your function")
        self.__doc__ = candidate.__doc__

    def __call__(self, *inputs: Any) -> Any:
        """Ask the learner's function."""
        return self._ask(inputs)

    def explaining(
        self,
        shapes: Mapping[tuple[int, ...], str] | None = None,
        *,
        infinite: str = "",
        mistake: Callable[[Any], str] = lambda result: "",
    ) -> Callable[..., Any]:
        """The same call with messages of its own: for shapes that known mistakes give, and for what is not finite.

        mistake: what to say of a result of the wrong kind; "" for what is generally said.
        """
        return lambda *inputs: self._ask(inputs, shapes or {}, infinite, mistake)

    def _ask(
        self,
        inputs: tuple[Any, ...],
        shapes: Mapping[tuple[int, ...], str] = MappingProxyType({}),
        infinite: str = "",
        mistake: Callable[[Any], str] = lambda result: "",
    ) -> Any:
        before, like = independent(inputs), self._like(independent(inputs))
        self.calls += 1
        self.inputs.append(before)
        try:
            with _watched(self.candidate, self.exercise.without) as used, np.errstate(all="ignore"):
                result = self.candidate(*inputs)
        except Wrong:
            raise
        except (Exception, SystemExit) as error:
            raise Wrong(self._accident(error)) from error
        self.last_type = type(result).__name__
        for name, now, then in zip(self._parameters(), inputs, before, strict=False):
            if not unchanged(now, then):
                raise Wrong(
                    f"Your function changes `{name}`, which it was given: assignments into it, `+=` and methods whose "
                    "name ends in `_` do that. Make a new one for the result, or begin with a copy."
                )
        if result is None and not self.exercise.returns_none:
            raise Wrong("Your function returns None: is the `return` missing?")
        if result is Ellipsis or result is NotImplemented:
            raise Wrong("Your function returns a placeholder (`...`): something is still to be filled in.")
        self.used += used
        if self.exercise.returns_none and result is None:
            return None
        try:
            answer = of_kind(result, like, self.exercise.parts, shapes)
        except Wrong as wrong:
            raise Wrong(mistake(result) or str(wrong)) from None
        if finite(like) and not finite(answer):
            raise Wrong(infinite or "Something in your result is not finite (inf or nan): is a number divided by 0, or "
                                    "the logarithm of 0 taken?")  # fmt: skip
        return answer

    def _parameters(self) -> list[str]:
        return list(inspect.signature(self.exercise.reference).parameters)

    def _like(self, inputs: tuple[Any, ...]) -> Any:
        try:
            return (self.exercise.like or self.exercise.reference)(*inputs)
        except Exception as error:
            raise CourseFault(f"the reference stops with {type(error).__name__}: {error}") from error

    def check_gradients(self) -> None:
        """Whether gradients pass as they pass through the reference, at the inputs that were asked about."""
        import torch

        names = self.exercise.gradients
        for inputs in self.inputs[:MOST_GRADIENTS]:
            given = dict(zip(self._parameters(), inputs, strict=False))
            slopes = []
            for function in (self.exercise.reference, self.candidate):
                copies = independent(given)
                leaves = [copies[name].requires_grad_() for name in names]
                try:
                    result = function(*copies.values())
                except Exception as error:  # .numpy(), for one, refuses a tensor that takes a gradient
                    raise Wrong(f"The value is right, but no gradient can pass. {self._accident(error)}") from error
                parts = list(result) if isinstance(result, tuple | list) else [result]
                if not any(part.requires_grad for part in parts):
                    raise Wrong("The value is right, but no gradient passes through it (detach(), .data, .item() and "
                                "torch.tensor() cut it off), so nothing could learn from it.")  # fmt: skip
                generator = torch.Generator().manual_seed(0)
                total = sum((part * torch.randn(part.shape, generator=generator)).sum() for part in parts)
                found = torch.autograd.grad(total, leaves, allow_unused=True)
                slopes.append([torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)])
            for name, wanted, mine in zip(names, *slopes, strict=True):
                if not close(mine, wanted, rtol=1e-3, atol=1e-4):
                    place, right, yours = apart(wanted, mine)
                    raise Wrong(f"The value is right, but the gradient of `{name}` is not: at {name}{place} it is "
                                f"{yours} and should be {right}. Is something detached?")  # fmt: skip

    def _accident(self, error: BaseException) -> str:
        name, text = type(error).__name__, str(error).strip()
        where = _line_of(self.candidate, error.__traceback__)
        if where is None and isinstance(error, TypeError):  # the call itself failed: the parameters were changed
            parameters = ", ".join(self._parameters())
            return f"Your function cannot be called with the parameters of the exercise, ({parameters}): {text}."
        place = f" in line {where[0]}, `{where[1]}`" if where else ""
        return f"Your function stops with {name}{place}" + (f": {text}" if text else ".")


# --- what an answer may not use -------------------------------------------------------------------------------------


@contextmanager
def _watched(function: Callable[..., Any], without: tuple[str, ...]) -> Iterator[list[str]]:
    """Collect which of these functions are called inside; a loop in the text of the function counts as "for"."""
    used: list[str] = []
    if not without:
        yield used
        return
    here = getattr(getattr(function, "__code__", None), "co_filename", "")
    definition = _definition(function) if "for" in without and inspect.isfunction(function) else None
    loops = ast.For | ast.While | ast.comprehension
    if definition is not None and any(isinstance(node, loops) for node in ast.walk(definition)):
        used.append("for")

    def note(frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_name if event == "call" else getattr(argument, "__name__", "")
        own = event == "call" and frame.f_code.co_filename == here  # a function of the learner's own may have any name
        if event in ("call", "c_call") and name in without and not own:
            used.append(name)

    if sys.getprofile() is not None:  # whoever profiles the notebook keeps the profiler; loops are still noticed
        yield used
        return
    sys.setprofile(note)
    try:
        yield used
    finally:
        sys.setprofile(None)


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


def _unusable(asked: Asked, error: Exception) -> str:
    reason = f"{type(error).__name__}: {str(error).strip()}"
    if asked.calls == 0 or isinstance(error, CourseFault):
        return f"The checker failed, a fault of the course, not yours ({reason})."
    return f"Your function returns something the check cannot work with (a {asked.last_type}): {reason}"


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
