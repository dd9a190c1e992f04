"""Putting questions to everybody, and writing down every answer: a number, "not applicable", or why there is none."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Candidate, Entrant
from course_lib.exam.registry import USUAL, check_questions, get_question
from course_lib.exam.rows import Report, Row
from course_lib.exam.sitting import Sitting
from course_lib.lookup import CourseError

Failures = Literal["row", "raise"]


def examine(
    candidates: Iterable[Entrant | Candidate], sitting: Sitting, *, questions: Iterable[str] | None = None,
    failures: Failures = "row", tell: Callable[[str], None] = lambda line: None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:  # fmt: skip
    """Put the questions to everybody; returns the rows.

    questions: groups to ask; None for those that each entrant names itself, or else ``registry.USUAL``.
    failures: whoever cannot be made, must not be asked, or breaks off becomes a row that says why, and the others are
    asked all the same; "raise" lets the error through. Rows that were given before a failure stay.
    tell: is given a line before each group. on_row: is given each row as it comes.
    Raises ExamError for an unknown group, before anything is asked.
    """
    asked = list(questions) if questions is not None else None
    check_questions(asked or [])
    report = Report()

    def add(row: Row) -> None:
        report.add(row)
        on_row(row)

    for one in candidates:
        try:
            entrant = one.make() if isinstance(one, Candidate) else one
        except Exception as error:
            if failures == "raise":
                raise
            add(_no_answer(one.name, sitting, "entrant", error))
            continue
        for name in asked if asked is not None else entrant.questions or USUAL:
            tell(f"{entrant.name}: {name}")
            try:
                for row in get_question(name)(entrant, sitting):
                    add(row)
            except Exception as error:
                if failures == "raise" and not isinstance(error, NotCapable):
                    raise
                known = {"checkpoint": entrant.checkpoint, "minutes": entrant.minutes}
                add(_no_answer(entrant.name, sitting, name, error, **known))
    return report


def _no_answer(name: str, sitting: Sitting, question: str, error: Exception, **known: Any) -> Row:
    """The row of who gave no number: a reason in a sentence, and for a program's own error the place in it."""
    if isinstance(error, NotCapable):
        status, note = "not applicable", str(error)
    elif isinstance(error, CourseError):
        status, note = "refused", str(error)
    else:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        status, note = "failed", f"{type(error).__name__}: {error}{where}"
    return Row(model=name, question=question, value=None, low=None, high=None, unit="", n=0, note=note or status,
               seed=sitting.seed, status=status, **known)  # fmt: skip
