"""Putting all questions to somebody, and writing down every answer, also "not applicable" with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from course_lib.contract import NotCapable
from course_lib.exam.actions import control
from course_lib.exam.entrants import Entrant
from course_lib.exam.prediction import prediction
from course_lib.exam.probing import probing
from course_lib.exam.returns import returns
from course_lib.exam.room import ExamError, Room
from course_lib.exam.rows import Report, Row
from course_lib.exam.surprise import surprise

Question = Callable[[Entrant, Room], Iterator[Row]]

QUESTIONS: dict[str, Question] = {
    "prediction": prediction,
    "control": control,
    "probing": probing,
    "surprise": surprise,
    "returns": returns,
}
"""Groups of questions; a chapter that asks something new adds its group here."""


def examine(
    entrants: Iterable[Entrant], room: Room, *, questions: Iterable[str] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:  # fmt: skip
    """Put the questions to every entrant; returns the rows.

    questions: groups to ask, all of them if None. tell: is given a line before each group.
    Raises ExamError for an unknown group and where a model must not be scored (see ``room.admit``).
    """
    report = Report()
    for entrant in entrants:
        groups = QUESTIONS | dict(entrant.extra)
        wanted = list(questions) if questions is not None else list(entrant.questions or QUESTIONS)
        for name in wanted:
            if name not in groups:
                raise ExamError(f"there is no group of questions {name!r}; there are: {', '.join(groups)}")
            if entrant.questions is not None and name not in entrant.questions:
                continue
            tell(f"{entrant.name}: {name}")
            try:
                for row in groups[name](entrant, room):
                    report.add(row)
            except NotCapable as reason:
                report.add(entrant.row(room, "", name, value=None, low=None, high=None, unit="", n=0, note=str(reason)))
    return report
