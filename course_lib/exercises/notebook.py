"""What the reader of a notebook calls: exercise, hint, answer, progress. Here things are displayed and kept."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from course_lib.exercises.checking import Result, attempt
from course_lib.exercises.core import Exercise, all_exercises, find, unreadable_modules
from course_lib.exercises.messages import Message, say
from course_lib.exercises.store import Record

_record = Record()
_hints_shown: dict[str, int] = {}


def exercise(exercise_id: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the function that the learner fills in.

    Left as ``...``: the reference takes its place. Filled in: it is checked at once; when correct it is kept, when
    wrong the message says what is wrong and the reference takes its place. The notebook goes on in every case.
    Raises UnknownExercise when no exercise has this id.
    """
    if callable(exercise_id):
        raise TypeError('the exercise needs its name: write @exercise("topic.name") above the function')
    found = find(exercise_id)

    def decorate(candidate: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.isfunction(candidate):
            raise TypeError(f'@exercise("{found.id}") belongs above a `def`, not above {candidate!r}')
        _offer_help(candidate)
        result = attempt(found, candidate)
        if result.status in ("correct", "wrong"):
            _record.mark(found.id, "solved" if result.status == "correct" else "tried")
        say(_judgement(found, result))
        _say_notes()
        return result.function

    return decorate


def _offer_help(candidate: Callable[..., Any]) -> None:
    """Put ``hint`` and ``answer`` where the learner's function stands, unless something there has such a name.

    Every message says to call them, and not every notebook imports them beside ``exercise``.
    """
    for name, helper in (("hint", hint), ("answer", answer)):
        candidate.__globals__.setdefault(name, helper)


def _judgement(found: Exercise, result: Result) -> Message:
    head = f"Exercise {found.id}: {found.title}"
    help_line = f'`hint("{found.id}")` helps.'
    if result.status == "correct":
        return Message(head, "Correct. Your own function is used from here on.", tone="good")
    if result.status == "wrong":
        go_on = f"Until then the reference is used, so everything below runs. {help_line}"
        return Message(head, f"Not yet. {result.message}\n{go_on}", tone="bad")
    if result.status == "unfinished":
        go_on = f"Until it is filled in the reference is used, so everything below runs. {help_line}"
        return Message(head, f"Not finished. {result.message}\n{go_on}", tone="open")
    go_on = f"Replace the `...` and run the cell again. {help_line}"
    first = f"Not attempted ({found.cost}): the reference is used, so everything below runs."
    return Message(head, f"{first}\n{go_on}", tone="open")


def hint(exercise_id: str) -> None:
    """Show the first hint of an exercise; called again, the second."""
    found = find(exercise_id)
    shown = _hints_shown.get(found.id, 0)
    which = min(shown, 1)
    _hints_shown[found.id] = shown + 1
    after = f'`hint("{found.id}")` once more says more.' if which == 0 else f'`answer("{found.id}")` shows the answer.'
    say(Message(f"Hint {which + 1} of 2 for {found.id}", f"{found.hints[which]}\n{after}", tone="open"))


def answer(exercise_id: str) -> None:
    """Show the reference answer of an exercise, with its explanation."""
    found = find(exercise_id)
    code = textwrap.dedent(inspect.getsource(found.reference)).rstrip()
    say(Message(f"Answer to {found.id}: {found.title}", found.explanation, tone="open", code=code))


def progress() -> None:
    """Show which exercises are solved, over all sessions."""
    states = _record.states()
    exercises = all_exercises()
    solved = sum(states.get(e.id) == "solved" for e in exercises)
    lines = []
    for notebook in sorted({e.notebook for e in exercises}):
        here = [e for e in exercises if e.notebook == notebook]
        count = sum(states.get(e.id) == "solved" for e in here)
        lines.append(f"Notebook {notebook}: {count} of {len(here)} solved")
        for e in here:
            mark = {"solved": "✓", "tried": "·"}.get(states.get(e.id, ""), " ")
            lines.append(f"  [{mark}] {e.dots} {e.minutes:2d} min  {e.title} (`{e.id}`)")
    for name, reason in sorted(unreadable_modules().items()):
        lines.append(f"The exercises of {name} could not be loaded: {reason}")
    say(Message(f"Progress: {solved} of {len(exercises)} exercises solved (✓), · was tried", "\n".join(lines)))
    _say_notes()


def _say_notes() -> None:
    for note in _record.take_notes():
        say(Message("Progress", note, tone="open"))
