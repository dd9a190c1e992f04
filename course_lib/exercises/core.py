"""What an exercise is, and the register in which all exercises stand.

A notebook's exercises live in ``course_lib/exercises/nbNN.py``. Those modules are found by their file name and
imported only when one of their exercises is asked for, so that opening notebook 01 does not import the models of 20.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.lookup import CourseError

Check = Callable[[Callable[..., Any]], None]


class Wrong(Exception):
    """Raised by a checker. Its message completes the sentence "your function ..." or states what is off, calmly."""


class CourseFault(RuntimeError):
    """Something in a check went wrong that is no fault of the learner's."""


class UnknownExercise(CourseError, LookupError):
    """No exercise has this id; the message offers the nearest ones."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    id: ``topic.name``. notebook: two digits, as in the notebook's file name. difficulty: 1 to 5. minutes: typical time.
    reference: the right answer, named as the cell that the reader fills in. check: called with the learner's function;
    raises Wrong, or returns. Before a check sees what that function returns, ``checking.py`` has made sure that the
    inputs are as they were, and that type, dtype and shape are those of the reference's answer to the same inputs.
    like: in the reference's place there, for an exercise whose inputs are functions that keep count of their calls.
    parts: the names of the results, where there are several. gradients: the parameters with respect to which the
    answer's gradient must be the reference's. without: names of functions that the answer may not call, and "for" for
    a loop. hints: exactly two, the second says more than the first. explanation: why the answer is what it is.
    returns_none: True for the rare function whose answer is a change made in place.

    Raises ValueError when a field does not fit, naming the exercise and the field.
    """

    id: str
    notebook: str
    title: str
    difficulty: int
    minutes: int
    reference: Callable[..., Any]
    check: Check
    hints: tuple[str, str]
    explanation: str
    like: Callable[..., Any] | None = None
    parts: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    returns_none: bool = False

    def __post_init__(self) -> None:
        def need(condition: bool, what: str) -> None:
            if not condition:
                raise ValueError(f"exercise {self.id!r}: {what}")

        need(bool(re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", self.id)), "an id reads topic.name, in small letters")
        need(bool(re.fullmatch(r"\d\d", self.notebook)), f'notebook is two digits such as "01", not {self.notebook!r}')
        need(bool(self.title.strip()), "the title is empty")
        need(self.difficulty in range(1, 6), f"difficulty is 1 to 5, not {self.difficulty!r}")
        need(self.minutes > 0, f"minutes is a positive number, not {self.minutes!r}")
        need(callable(self.reference), "reference must be a function")
        need(callable(self.check), "check must be a function that takes the learner's function")
        hints_given = isinstance(self.hints, tuple) and len(self.hints) == 2 and all(h.strip() for h in self.hints)
        need(hints_given, "hints must be a tuple of two texts, the second saying more than the first")
        need(bool(self.explanation.strip()), "the explanation is empty")
        unknown = set(self.gradients) - set(inspect.signature(self.reference).parameters)
        need(not unknown, f"gradients names what is no parameter of the reference: {', '.join(sorted(unknown))}")

    @property
    def dots(self) -> str:
        """The difficulty as five dots."""
        return "●" * self.difficulty + "○" * (5 - self.difficulty)

    @property
    def cost(self) -> str:
        """Difficulty and time as the reader sees them."""
        return f"difficulty {self.dots}, about {self.minutes} minute{'' if self.minutes == 1 else 's'}"


_exercises: dict[str, Exercise] = {}
_unreadable: dict[str, str] = {}  # modules that could not be imported, with the reason


def register(exercise: Exercise) -> Exercise:
    """Enter an exercise. A module that is imported again may replace its own; two exercises may not share an id."""
    known = _exercises.get(exercise.id)
    if known is not None and known.reference.__module__ != exercise.reference.__module__:
        raise ValueError(
            f"two exercises are called {exercise.id!r}: one in {known.reference.__module__}, "
            f"one in {exercise.reference.__module__}; give one of them another id"
        )
    _exercises[exercise.id] = exercise
    return exercise


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id. Raises UnknownExercise with the nearest ids when there is none."""
    if not isinstance(exercise_id, str):
        raise TypeError(f'an exercise is named by a text, as in "topic.name", not by {exercise_id!r}')
    if exercise_id not in _exercises:
        _load(mentioning=exercise_id)
    if exercise_id not in _exercises:
        _load()
    if exercise_id in _exercises:
        return _exercises[exercise_id]
    near = difflib.get_close_matches(exercise_id, _exercises, n=3, cutoff=0.5)
    offer = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(sorted(_exercises)) or 'none'}."
    broken = "".join(f" ({name} could not be loaded: {reason})" for name, reason in sorted(_unreadable.items()))
    raise UnknownExercise(f"there is no exercise {exercise_id!r}. {offer}{broken}")


def all_exercises() -> list[Exercise]:
    """Every exercise of the course, by notebook, in the order in which its module enters them."""
    _load()
    return sorted(_exercises.values(), key=lambda e: e.notebook)


def unreadable_modules() -> dict[str, str]:
    """Exercise modules that failed to import, with the reason; empty when all is well."""
    return dict(_unreadable)


def _load(mentioning: str | None = None) -> None:
    """Import the modules nbNN.py: all of them, or those whose text holds an id (importing all may take seconds)."""
    for path in sorted(Path(__file__).parent.glob("nb[0-9][0-9].py")):
        if mentioning is not None and f'"{mentioning}"' not in path.read_text(encoding="utf-8"):
            continue
        try:
            importlib.import_module(f"course_lib.exercises.{path.stem}")
            _unreadable.pop(path.stem, None)
        except Exception as error:  # one broken chapter must not close the exercises of all others
            _unreadable[path.stem] = f"{type(error).__name__}: {error}"
